package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileMemoryTest {
    /** More than a file may have, on any file system. */
    private static final long TOO_MANY = Long.MAX_VALUE / 4096;

    @TempDir
    Path directory;

    @Test
    void aFileThatCannotBeMadeAsLargeIsNotLeft() throws IOException {
        assertThrows(IOException.class, () -> FileMemory.create(directory.resolve("x.pages"), TOO_MANY));
        try (Stream<Path> left = Files.list(directory)) {
            assertEquals(List.of(), left.toList());
        }
    }
}
