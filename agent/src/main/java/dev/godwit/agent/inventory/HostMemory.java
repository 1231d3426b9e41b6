package dev.godwit.agent.inventory;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.FileErrors;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.machine.MachineConfigException;
import dev.godwit.host.memory.LargePages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The memory that this host lets the agent have, in bytes, at one moment. Source: {@code /proc/meminfo}, proc(5), and
 * the limits of {@link ControlGroupMemory}.
 *
 * @param total usable RAM, without large pages that are reserved
 * @param available what the kernel thinks can be had without swapping
 * @param touched what guests of this process have taken of it already
 */
public record HostMemory(long total, long available, long touched) {
    private static final Path MEMINFO = Path.of("/proc/meminfo");
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final long LEAST_RESERVE = 64L << 20;
    private static final long LARGE_PAGE = 2L << 20;
    private static final int RESERVE_SHARE = 50;

    /** Reads it now. */
    public static HostMemory now() {
        String host = read(MEMINFO);
        String process = read(STATUS);
        ControlGroupMemory group = ControlGroupMemory.read(Path.of("/"));
        // What is not the heap is the guests', give or take: rather too little than too much.
        long touched = field(process, "RssAnon:")
                + field(process, "RssShmem:")
                - Runtime.getRuntime().totalMemory();
        return new HostMemory(
                Math.min(group.limit(), field(host, "MemTotal:") - field(host, "Hugetlb:")),
                Math.min(group.available(), field(host, "MemAvailable:")),
                Math.max(0, touched));
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw Failure.failed(file + " cannot be read: " + FileErrors.text(e));
        }
    }

    /** As if bytes that are ready for guests, and taken from the host already, were still the host's. */
    HostMemory with(long readyBytes) {
        return new HostMemory(total, available + readyBytes, Math.max(0, touched - readyBytes));
    }

    /** What is left to the host itself: a fiftieth of its RAM, at least 64 MiB. */
    public long reserve() {
        return Math.max(LEAST_RESERVE, total / RESERVE_SHARE);
    }

    /**
     * What guests may still take. RAM is taken from the host only when a guest touches it: of what is available, the
     * part that was promised and not touched yet is spoken for.
     *
     * @param promised RAM of the guests that are here, touched or not
     */
    public long free(long promised) {
        return Math.max(0, left(promised));
    }

    /** Whether the host can keep so many promises, of which guests may have touched some already. */
    boolean canPromise(long promised) {
        return left(promised) >= 0;
    }

    private long left(long promised) {
        return Math.min(available - Math.max(0, promised - touched), total - promised) - reserve();
    }

    /**
     * Refuses a guest that does not fit. Reserved large pages are a pool of their own, which the kernel guards itself.
     *
     * @param promised as for {@link #free}
     * @throws Failure bad input
     */
    public void admit(GuestDescription guest, long promised) {
        long bytes = ordinaryBytes(guest);
        if (bytes > free(promised)) {
            throw Failure.badInput("a guest of " + Sizes.human(bytes) + " does not fit: this host has "
                    + Sizes.human(free(promised)) + " to give (" + Sizes.human(total) + " in all, "
                    + Sizes.human(available) + " available, " + Sizes.human(promised) + " promised to guests here, "
                    + Sizes.human(reserve()) + " kept back)");
        }
    }

    /** The same failure to build a machine, or one that says what to do when reserved large pages have run out. */
    public static RuntimeException explained(MachineConfig config, RuntimeException e) {
        Throwable why = e instanceof MachineConfigException ? e.getCause() : e;
        boolean isFull = why instanceof SystemCallException refused && refused.errno() == Errno.ENOMEM;
        if (config.largePages() != LargePages.HUGETLB || !isFull) {
            return e;
        }
        long pages = (config.memoryBytes() + LARGE_PAGE - 1) / LARGE_PAGE;
        String message = "a guest of " + Sizes.human(config.memoryBytes()) + " needs " + pages
                + " reserved large pages, and so many are not free; reserve them with: sysctl vm.nr_hugepages=N, N"
                + " being "
                + pages + " more than are in use";
        return new Failure(Failure.Kind.FAILED, message, e);
    }

    /** What a guest takes of the memory that is told about here: nothing, when it lives in reserved large pages. */
    static long ordinaryBytes(GuestDescription guest) {
        long ram = guest.config().memoryBytes();
        return guest.config().largePages() == LargePages.HUGETLB
                ? 0
                : guest.remote().map(remote -> remote.hostBytes(ram)).orElse(ram);
    }

    /** A field in kB, or 0. */
    private static long field(String text, String name) {
        return text.lines()
                .filter(line -> line.startsWith(name))
                .map(line -> line.substring(name.length()).replace("kB", "").strip())
                .mapToLong(Long::parseLong)
                .map(kib -> kib << 10)
                .findFirst()
                .orElse(0);
    }
}
