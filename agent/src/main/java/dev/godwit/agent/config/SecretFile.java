package dev.godwit.agent.config;

import dev.godwit.agent.transport.Secret;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Set;

/**
 * The file that holds the secret of a user's agents: at least 16 bytes in hexadecimal digits, readable by its owner
 * alone.
 */
public final class SecretFile {
    private static final int BYTES = 32;
    private static final int MAX_FILE_BYTES = 4096;

    private SecretFile() {}

    /**
     * Reads a secret that has to be there.
     *
     * @throws Failure bad input, when it is absent, unreadable, no secret, or open to others
     */
    public static Secret read(Path file) {
        try {
            checkPrivate(file);
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw notASecret(file);
            }
            byte[] key = HexFormat.of()
                    .parseHex(Files.readString(file, StandardCharsets.US_ASCII).strip());
            if (key.length < Secret.MIN_BYTES) {
                throw notASecret(file);
            }
            return new Secret(key);
        } catch (NoSuchFileException e) {
            throw Failure.badInput("secret file " + file + " does not exist");
        } catch (AccessDeniedException e) {
            throw Failure.badInput("secret file " + file + " may not be read: permission denied");
        } catch (IllegalArgumentException | java.nio.charset.CharacterCodingException e) {
            throw notASecret(file);
        } catch (IOException e) {
            throw Failure.badInput("secret file " + file + " cannot be read: " + FileErrors.text(e));
        }
    }

    /**
     * Reads a secret, making a random one first if there is no file.
     *
     * @throws Failure as {@link #read}, or when it cannot be made
     */
    public static Secret readOrCreate(Path file) {
        if (!Files.exists(file)) {
            create(file);
        }
        return read(file);
    }

    /** Complete in a file of its own first, then linked into place: no reader sees half of it, and no maker replaces another's. */
    private static void create(Path file) {
        byte[] key = new byte[BYTES];
        new SecureRandom().nextBytes(key);
        try {
            Path directory = file.toAbsolutePath().getParent();
            Files.createDirectories(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Path made = Files.createTempFile(
                    directory,
                    "secret",
                    ".new",
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            try {
                Files.writeString(made, HexFormat.of().formatHex(key) + "\n");
                Files.createLink(file, made);
            } catch (FileAlreadyExistsException e) {
                // Another agent of this user was quicker; its secret is as good.
            } finally {
                Files.delete(made);
            }
        } catch (IOException e) {
            throw Failure.failed("secret file " + file + " cannot be made: " + FileErrors.text(e));
        }
    }

    private static void checkPrivate(Path file) throws IOException {
        Set<PosixFilePermission> open = Files.getPosixFilePermissions(file);
        open.removeAll(Set.of(
                PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE, PosixFilePermission.OWNER_EXECUTE));
        if (!open.isEmpty()) {
            throw Failure.badInput("secret file " + file + " is open to others; run: chmod 600 " + file);
        }
    }

    private static Failure notASecret(Path file) {
        return Failure.badInput("secret file " + file + " holds no secret; at least " + 2 * Secret.MIN_BYTES
                + " hexadecimal digits are right (openssl rand -hex 32)");
    }
}
