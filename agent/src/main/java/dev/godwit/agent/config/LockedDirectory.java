package dev.godwit.agent.config;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * A directory that one process has at a time: who has it holds the lock on a file in it, which ends with the process.
 *
 * <p>Threading: any.
 */
public final class LockedDirectory implements AutoCloseable {
    /** What else has to be so, looked at under the lock. */
    @FunctionalInterface
    public interface Check {
        /** Throws when the directory does not do, which is given back then. */
        void run() throws IOException;
    }

    private final Path path;
    private final FileChannel lockFile;

    private LockedDirectory(Path path, FileChannel lockFile) {
        this.path = path;
        this.lockFile = lockFile;
    }

    /**
     * Takes a directory, making it (open to its owner only) if it is not there.
     *
     * @param directory absolute
     * @param lock name of the file that is locked
     * @param taken what to say when another has it
     * @throws Failure when it cannot be made or written, another has it, or the check fails
     */
    @SuppressWarnings("resource") // the channel holds the lock until close()
    public static LockedDirectory take(Path directory, String lock, String taken, Check check) {
        try {
            Files.createDirectories(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            FileChannel lockFile =
                    FileChannel.open(directory.resolve(lock), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            LockedDirectory mine = new LockedDirectory(directory, lockFile);
            try {
                if (!lock(lockFile)) {
                    throw Failure.conflict(taken);
                }
                check.run();
                return mine;
            } catch (IOException | RuntimeException | Error e) {
                mine.close();
                throw e;
            }
        } catch (FileAlreadyExistsException e) {
            throw Failure.badInput("--dir: " + directory + " is not a directory");
        } catch (AccessDeniedException e) {
            throw Failure.badInput("--dir: " + directory + " may not be written: permission denied");
        } catch (IOException e) {
            throw Failure.badInput("--dir: " + directory + " cannot be used: " + FileErrors.text(e));
        }
    }

    private static boolean lock(FileChannel file) throws IOException {
        try {
            return file.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            return false;
        }
    }

    public Path path() {
        return path;
    }

    /** Lets another have it. */
    @Override
    public void close() {
        try {
            lockFile.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
