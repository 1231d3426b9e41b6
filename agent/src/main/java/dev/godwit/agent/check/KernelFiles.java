package dev.godwit.agent.check;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** The kernel's small text files; what is not there or not readable is empty. */
public final class KernelFiles {
    private static final int MOST = 1 << 16;

    private KernelFiles() {}

    static Optional<String> text(String path) {
        // At once: of a number below /proc/sys a second read has nothing, and Files.readString begins with one byte.
        try (InputStream file = new FileInputStream(path)) {
            return Optional.of(new String(file.readNBytes(MOST), StandardCharsets.UTF_8).strip());
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    public static Optional<Long> number(String path) {
        return text(path).filter(t -> t.matches("-?[0-9]{1,18}")).map(Long::valueOf);
    }

    /** The word in brackets of a list of choices. */
    static Optional<String> choice(String path) {
        return text(path)
                .filter(t -> t.contains("[") && t.contains("]"))
                .map(t -> t.substring(t.indexOf('[') + 1, t.indexOf(']')));
    }

    /** How many entries of a directory match. */
    static int count(String directory, String pattern) {
        try (Stream<Path> entries = Files.list(Path.of(directory))) {
            return (int) entries.filter(p -> p.getFileName().toString().matches(pattern))
                    .count();
        } catch (IOException e) {
            return 0;
        }
    }
}
