package dev.godwit.agent.migration;

import dev.godwit.agent.ThisHost;
import dev.godwit.host.memory.PageSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reserved large pages of this host, beside those that it has, for as long as a test needs them. */
final class ReservedPages implements AutoCloseable {
    // Those of 2 MiB, whatever the host's default size is.
    private static final Path POOL = Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");

    private final long before;

    private ReservedPages(long before) {
        this.before = before;
    }

    /** Reserves so many bytes more, which {@link ThisHost#require a test requires}. */
    static ReservedPages add(long bytes) throws IOException {
        ThisHost.require(Files.isWritable(POOL), "large pages cannot be reserved here: " + POOL);
        ReservedPages reserved = new ReservedPages(count());
        long wanted = reserved.before + bytes / PageSize.LARGE;
        try {
            reserve(wanted);
            long got = count();
            ThisHost.require(got >= wanted, "of " + wanted + " large pages this host reserves " + got);
            return reserved;
        } catch (IOException | RuntimeException | Error e) {
            reserved.close();
            throw e;
        }
    }

    private static long count() throws IOException {
        return Long.parseLong(Files.readString(POOL).strip());
    }

    private static void reserve(long pages) throws IOException {
        Files.writeString(POOL, Long.toString(pages));
    }

    /** As it was before. */
    @Override
    public void close() throws IOException {
        reserve(before);
    }
}
