package dev.godwit.agent.certs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.PrivateKey;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Set;

/** New PEM files (RFC 7468) and directories, never open to others for a moment. */
final class PrivateFiles {
    private static final FileAttribute<Set<PosixFilePermission>> DIRECTORY = mode("rwx------");
    private static final FileAttribute<Set<PosixFilePermission>> KEY = mode("rw-------");
    private static final FileAttribute<Set<PosixFilePermission>> CERTIFICATE = mode("rw-r--r--");
    private static final int LINE = 64;

    private PrivateFiles() {}

    private static FileAttribute<Set<PosixFilePermission>> mode(String text) {
        return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(text));
    }

    static void makeDirectories(Path directory) throws IOException {
        Files.createDirectories(directory, DIRECTORY);
    }

    static Path makeNursery(Path in) throws IOException {
        return Files.createTempDirectory(in, ".new", DIRECTORY);
    }

    static void writeKey(Path file, PrivateKey key) throws IOException {
        write(file, "PRIVATE KEY", key.getEncoded(), KEY);
    }

    static void writeCertificate(Path file, X509Certificate certificate) throws IOException {
        try {
            write(file, "CERTIFICATE", certificate.getEncoded(), CERTIFICATE);
        } catch (CertificateEncodingException e) {
            throw new IllegalStateException("a certificate that was made has a form", e);
        }
    }

    private static void write(Path file, String what, byte[] content, FileAttribute<?> mode) throws IOException {
        String text = "-----BEGIN " + what + "-----\n"
                + Base64.getMimeEncoder(LINE, new byte[] {'\n'}).encodeToString(content)
                + "\n-----END " + what + "-----\n";
        ByteBuffer bytes = StandardCharsets.US_ASCII.encode(text);
        try (SeekableByteChannel out =
                Files.newByteChannel(file, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), mode)) {
            while (bytes.hasRemaining()) {
                out.write(bytes);
            }
        }
    }
}
