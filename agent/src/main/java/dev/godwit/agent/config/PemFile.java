package dev.godwit.agent.config;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.EnumSet;
import java.util.Set;

/** Certificates and private keys in files of the textual form of RFC 7468. */
public final class PemFile {
    private static final int MAX_BYTES = 64 << 10;
    private static final String KEY_BEGIN = "-----BEGIN PRIVATE KEY-----";
    private static final String KEY_END = "-----END PRIVATE KEY-----";
    private static final Set<PosixFilePermission> OWNERS = EnumSet.of(
            PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE, PosixFilePermission.OWNER_EXECUTE);

    private PemFile() {}

    /**
     * The first certificate of a file.
     *
     * @throws Failure bad input
     */
    public static X509Certificate certificate(Path file) {
        byte[] bytes = read(file, "certificate").getBytes(StandardCharsets.US_ASCII);
        try {
            return (X509Certificate)
                    CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(bytes));
        } catch (CertificateException e) {
            throw Failure.badInput(file + " holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
        }
    }

    /**
     * A private key, in PKCS #8 and not encrypted.
     *
     * @param algorithm of the public key that belongs to it
     * @throws Failure bad input, also when others than its owner may read it
     */
    public static PrivateKey privateKey(Path file, String algorithm) {
        String text = read(file, "private key");
        int begin = text.indexOf(KEY_BEGIN);
        int end = text.indexOf(KEY_END);
        try {
            if (begin < 0 || end < begin) {
                throw new IllegalArgumentException("no key");
            }
            byte[] key = Base64.getMimeDecoder().decode(text.substring(begin + KEY_BEGIN.length(), end));
            PrivateKey result = KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(key));
            checkPrivate(file);
            return result;
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            throw Failure.badInput(file + " holds no private key of algorithm " + algorithm
                    + " in PEM form, PKCS #8, not encrypted (" + KEY_BEGIN + ")");
        } catch (IOException e) {
            throw Failure.badInput(file + " cannot be read: " + FileErrors.text(e));
        }
    }

    private static String read(Path file, String what) {
        try {
            if (Files.size(file) > MAX_BYTES) {
                throw Failure.badInput(file + " is too long for a " + what);
            }
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            throw Failure.badInput(what + " " + file + " cannot be read: " + FileErrors.text(e));
        }
    }

    private static void checkPrivate(Path file) throws IOException {
        if (!OWNERS.containsAll(Files.getPosixFilePermissions(file))) {
            throw Failure.badInput("private key " + file + " is open to others; run: chmod 600 " + file);
        }
    }
}
