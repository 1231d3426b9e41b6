package dev.godwit.images;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * The freestanding guests that come with the project: PVH ELF64 files that boot on Godwit and on QEMU's microvm. What
 * each does and prints is in the module's README. Thread-safe.
 */
public enum GuestImage {
    /** Prints one line and leaves. */
    HELLO,
    /** Rewrites and checks memory, and measures the gaps in its own loop. */
    DIRTIER,
    /** Mostly zero memory. */
    ZERO,
    /** Misbehaves on purpose. */
    HOSTILE,
    /** Reads, writes and verifies a virtio block device. */
    BLK;

    private static final String FOLDER = "/dev/godwit/images/";

    /**
     * The handle with this name, in lower case as users write it.
     *
     * @param name such as {@code hello}
     * @return empty for an unknown name
     */
    public static Optional<GuestImage> named(String name) {
        return Arrays.stream(values())
                .filter(image -> image.imageName().equals(name))
                .findFirst();
    }

    /** The name users write: the constant's in lower case. */
    public String imageName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Name of the resource's file, such as {@code hello.elf}. */
    public String fileName() {
        return imageName() + ".elf";
    }

    /**
     * The ELF file.
     *
     * @return a new array on each call
     * @throws UncheckedIOException if the resource cannot be read
     */
    public byte[] bytes() {
        try (InputStream in = GuestImage.class.getResourceAsStream(FOLDER + fileName())) {
            if (in == null) {
                throw new IOException("no resource " + FOLDER + fileName() + " in the guest-images module");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** SHA-256 of {@link #bytes()}, 64 hexadecimal digits in lower case. */
    public String sha256() {
        return ImageCache.sha256(bytes());
    }

    /**
     * The ELF file as a file of its own, for what takes only paths. It lies in the user's cache under a name that
     * contains its hash, so it stays valid after an upgrade; it is written at most once and appears whole or not at all.
     *
     * @throws UncheckedIOException if neither the cache nor the temporary folder can be written
     */
    public Path path() {
        try {
            return ImageCache.ofUser().put(imageName(), bytes());
        } catch (IOException e) {
            throw new UncheckedIOException("extracting guest image " + imageName(), e);
        }
    }
}
