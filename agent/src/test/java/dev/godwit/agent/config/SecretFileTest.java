package dev.godwit.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SecretFileTest {
    @TempDir
    Path directory;

    @Test
    void isMadeOnFirstUseForItsOwnerOnly() throws IOException {
        Path file = directory.resolve("new/godwit/secret");
        SecretFile.readOrCreate(file);
        String text = Files.readString(file);
        assertTrue(text.matches("[0-9a-f]{64}\n"), text);
        assertEquals("rw-------", permissions(file));
        assertEquals("rwx------", permissions(file.getParent()));
        SecretFile.readOrCreate(file);
        assertEquals(text, Files.readString(file));
        assertOnly(file);
    }

    @Test
    void isOneForAllWhoMakeItAtOnce() throws Exception {
        Path file = directory.resolve("secret");
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            List<Callable<String>> makers = IntStream.range(0, 32)
                    .<Callable<String>>mapToObj(i -> () -> {
                        SecretFile.readOrCreate(file);
                        return Files.readString(file);
                    })
                    .toList();
            List<Future<String>> secrets = threads.invokeAll(makers);
            assertEquals(
                    1,
                    secrets.stream()
                            .map(Future::resultNow)
                            .collect(Collectors.toSet())
                            .size());
        }
        assertOnly(file);
    }

    @ParameterizedTest
    @ValueSource(strings = {"rw-r-----", "rw----r--", "rwx--x---", "rw--w----"})
    void isRefusedWhenOpenToOthers(String mode) throws IOException {
        Path file = write("00".repeat(32), mode);
        assertRefused(file, "secret file " + file + " is open to others; run: chmod 600 " + file);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "no digits at all, and quite long so", "0011", "000", "00112233445566778899aabbccddee"})
    void isRefusedWhenItIsNone(String text) throws IOException {
        Path file = write(text, "rw-------");
        assertRefused(
                file,
                "secret file " + file
                        + " holds no secret; at least 32 hexadecimal digits are right (openssl rand -hex 32)");
    }

    @Test
    void isRefusedWhenItIsNoText() throws IOException {
        Path file = write("", "rw-------");
        Files.write(file, new byte[] {(byte) 0xff, 0, 1});
        assertTrue(assertThrows(Failure.class, () -> SecretFile.read(file))
                .getMessage()
                .contains("holds no secret"));
        Files.write(file, new byte[1 << 20]);
        assertTrue(assertThrows(Failure.class, () -> SecretFile.read(file))
                .getMessage()
                .contains("holds no secret"));
    }

    @Test
    void isRefusedWhenAbsent() {
        Path file = directory.resolve("absent");
        assertRefused(file, "secret file " + file + " does not exist");
    }

    private Path write(String text, String mode) throws IOException {
        Path file = directory.resolve("secret");
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
        return file;
    }

    private static void assertRefused(Path file, String message) {
        Failure e = assertThrows(Failure.class, () -> SecretFile.read(file));
        assertEquals(message, e.getMessage());
        assertEquals(Failure.Kind.BAD_INPUT, e.kind());
    }

    /** Nothing is left of making it. */
    private static void assertOnly(Path file) throws IOException {
        try (Stream<Path> all = Files.list(file.getParent())) {
            assertEquals(List.of(file), all.toList());
        }
    }

    private static String permissions(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }
}
