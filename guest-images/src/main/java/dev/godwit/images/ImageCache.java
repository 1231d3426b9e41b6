package dev.godwit.images;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Files named by name and content in one folder; safe for several processes at once. */
final class ImageCache {
    /** Of this process, made when first needed. */
    private static ImageCache temporary;

    private final Path folder;

    ImageCache(Path folder) {
        this.folder = folder;
    }

    /** {@code $XDG_CACHE_HOME/godwit/images}, by default below {@code ~/.cache}; else a private temporary folder. */
    static ImageCache ofUser() throws IOException {
        String configured = System.getenv("XDG_CACHE_HOME");
        Path base = configured != null && Path.of(configured).isAbsolute()
                ? Path.of(configured)
                : Path.of(System.getProperty("user.home"), ".cache");
        Path folder = base.resolve("godwit").resolve("images");
        try {
            Files.createDirectories(folder);
            if (Files.isWritable(folder)) {
                return new ImageCache(folder);
            }
        } catch (IOException e) {
            // A read-only or missing home, as in containers: the temporary folder below serves as well.
        }
        return temporary();
    }

    private static synchronized ImageCache temporary() throws IOException {
        if (temporary == null) {
            temporary = new ImageCache(Files.createTempDirectory("godwit-images"));
        }
        return temporary;
    }

    static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }

    Path put(String name, byte[] content) throws IOException {
        String hash = sha256(content);
        Path file = folder.resolve(name + "-" + hash.substring(0, 16) + ".elf");
        if (Files.isRegularFile(file) && sha256(Files.readAllBytes(file)).equals(hash)) {
            return file;
        }
        // Temporary files are made readable by their owner alone; the move keeps that.
        Path partial = Files.createTempFile(folder, name, ".part");
        try {
            Files.write(partial, content);
            Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(partial);
        }
        return file;
    }
}
