package dev.godwit.perf.scenario;

import dev.godwit.agent.config.Sizes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** This host in one line. */
public final class HostText {
    private HostText() {}

    /** Processor, memory, kernel and load. */
    public static String describe() {
        return value("/proc/cpuinfo", "model name") + ", "
                + Runtime.getRuntime().availableProcessors() + " CPUs, "
                + memory() + ", Linux " + System.getProperty("os.version") + ", load "
                + first("/proc/loadavg", 3);
    }

    private static String memory() {
        String[] words = value("/proc/meminfo", "MemTotal").split(" ", -1);
        try {
            return Sizes.human(Long.parseLong(words[0]) << 10);
        } catch (NumberFormatException e) {
            return "unknown memory";
        }
    }

    private static String value(String file, String key) {
        try {
            return Files.readAllLines(Path.of(file), StandardCharsets.ISO_8859_1).stream()
                    .filter(line -> line.startsWith(key))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse("unknown");
        } catch (IOException e) {
            return "unknown";
        }
    }

    private static String first(String file, int words) {
        try {
            String[] all = Files.readString(Path.of(file)).split(" ", words + 1);
            return String.join(" ", Arrays.copyOf(all, Math.min(words, all.length)));
        } catch (IOException e) {
            return "unknown";
        }
    }
}
