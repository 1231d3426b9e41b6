package dev.godwit.perf.targets;

import dev.godwit.agent.api.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Keeps the table: {@code targets.txt}, and {@code targets.json} with every migration behind it. */
public final class TargetFiles {
    private TargetFiles() {}

    /** Writes both files into a directory, made if need be. */
    public static void write(TargetResult result, Path directory) {
        try {
            Files.createDirectories(directory);
            try (PrintWriter text =
                    new PrintWriter(directory.resolve("targets.txt").toFile(), StandardCharsets.UTF_8)) {
                TargetText.print(result, text);
            }
            Files.writeString(directory.resolve("targets.json"), Json.pretty(result) + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
