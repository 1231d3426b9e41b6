package dev.godwit.agent.inventory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What the control groups around this process let it have, in bytes, at one moment: a container's limit, for one.
 * Source: {@code cgroup-v2.rst} and {@code cgroup-v1/memory.rst} of the kernel's documentation, cgroups(7).
 *
 * @param limit the tightest limit, or {@link Long#MAX_VALUE}
 * @param available what is left under the limits, counting file pages that nobody used lately as free
 */
record ControlGroupMemory(long limit, long available) {
    private static final ControlGroupMemory UNLIMITED = new ControlGroupMemory(Long.MAX_VALUE, Long.MAX_VALUE);

    /** Files of one version of control groups. */
    private record Names(Path mount, String limit, String usage, String inactive) {}

    private static final Names V1 = new Names(
            Path.of("sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
    private static final List<Names> V2 = List.of(
            new Names(Path.of("sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
            new Names(Path.of("sys/fs/cgroup/unified"), "memory.max", "memory.current", "inactive_file"));

    /**
     * Reads it now.
     *
     * @param root where {@code proc} and {@code sys} are: {@code /}
     */
    static ControlGroupMemory read(Path root) {
        ControlGroupMemory tightest = UNLIMITED;
        for (String line : lines(root.resolve("proc/self/cgroup"))) {
            String[] fields = line.split(":", 3);
            if (fields.length == 3 && List.of(fields[1].split(",", -1)).contains("memory")) {
                tightest = tightest.and(upwards(root, V1, fields[2]));
            } else if (fields.length == 3 && fields[1].isEmpty()) {
                for (Names names : V2) {
                    tightest = tightest.and(upwards(root, names, fields[2]));
                }
            }
        }
        return tightest;
    }

    /** Each group limits those in it. A container may not see its own path, but then sees its own group as the root. */
    private static ControlGroupMemory upwards(Path root, Names names, String path) {
        Path mount = root.resolve(names.mount);
        Path group = mount.resolve(path.substring(path.startsWith("/") ? 1 : 0)).normalize();
        ControlGroupMemory tightest = UNLIMITED;
        while (group.startsWith(mount)) {
            tightest = tightest.and(one(group, names));
            group = group.getParent();
        }
        return tightest;
    }

    private static ControlGroupMemory one(Path group, Names names) {
        long limit = number(lines(group.resolve(names.limit)));
        long usage = number(lines(group.resolve(names.usage)));
        if (limit == Long.MAX_VALUE || usage == Long.MAX_VALUE) {
            return UNLIMITED;
        }
        long inactive = lines(group.resolve("memory.stat")).stream()
                .filter(line -> line.startsWith(names.inactive + " "))
                .mapToLong(line -> number(List.of(line.substring(names.inactive.length() + 1))))
                .findFirst()
                .orElse(0);
        return new ControlGroupMemory(limit, Math.max(0, limit - Math.max(0, usage - inactive)));
    }

    private ControlGroupMemory and(ControlGroupMemory other) {
        return new ControlGroupMemory(Math.min(limit, other.limit), Math.min(available, other.available));
    }

    /** No file, or no number ({@code max}), is no limit. */
    private static long number(List<String> lines) {
        try {
            return lines.isEmpty() ? Long.MAX_VALUE : Long.parseLong(lines.getFirst());
        } catch (NumberFormatException e) {
            return Long.MAX_VALUE;
        }
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            return List.of();
        }
    }
}
