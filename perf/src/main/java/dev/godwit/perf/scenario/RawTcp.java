package dev.godwit.perf.scenario;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.bindings.linux.GatherMessage;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * What TCP over the loopback carries with the system calls a migration makes and nothing around them: one thread a
 * connection and side, 2 MiB a call, from and to memory in large pages.
 */
public final class RawTcp implements AutoCloseable {
    private static final Duration CONNECT = Duration.ofSeconds(5);

    private final GuestMemory from;
    private final GuestMemory to;

    /**
     * Between memories of this size.
     *
     * @param span bytes, a multiple of 2 MiB: with no more than 2 MiB a connection all stays in the caches
     */
    public RawTcp(long span) {
        from = GuestMemory.allocate(span, LargePages.THP);
        to = GuestMemory.allocate(span, LargePages.THP);
        from.segment().fill((byte) 1);
    }

    /** Carries so many bytes over so many connections, to memory that is populated; returns bytes a second. */
    public double measure(int connections, long bytes) {
        MemoryCalls.madvise(to.hva(), to.size(), MemoryCalls.MADV_POPULATE_WRITE);
        double rate = measure(to, connections, bytes);
        // Others are to have it meanwhile.
        MemoryCalls.madvise(to.hva(), to.size(), MemoryCalls.MADV_DONTNEED);
        return rate;
    }

    /** The same to memory that nobody has touched yet, as that of a guest that arrives. */
    public double measureFresh(int connections, long bytes) {
        try (GuestMemory fresh = GuestMemory.allocate(to.size(), LargePages.THP)) {
            return measure(fresh, connections, bytes);
        }
    }

    private double measure(GuestMemory sinks, int connections, long bytes) {
        long chunks = Math.max(1, bytes / connections / PageSize.LARGE);
        List<Connection> ends = new ArrayList<>();
        try (Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                ExecutorService threads = Executors.newFixedThreadPool(2 * connections)) {
            for (int i = 0; i < connections; i++) {
                ends.add(Connection.connect(listener.address(), CONNECT));
                ends.add(listener.accept());
            }
            List<Future<?>> parts = new ArrayList<>();
            long start = System.nanoTime();
            for (int i = 0; i < connections; i++) {
                MemorySegment source = share(from, i, connections);
                MemorySegment sink = share(sinks, i, connections);
                Connection sender = ends.get(2 * i);
                Connection receiver = ends.get(2 * i + 1);
                parts.add(threads.submit(() -> pump(chunks, source, sender::send)));
                parts.add(threads.submit(() -> pump(chunks, sink, receiver::receive)));
            }
            for (Future<?> part : parts) {
                part.get();
            }
            return (double) chunks * PageSize.LARGE * connections * 1e9 / (System.nanoTime() - start);
        } catch (TransportException | ExecutionException e) {
            throw Failure.failed("raw TCP over the loopback: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Failure.failed("interrupted");
        } finally {
            ends.forEach(Connection::close);
        }
    }

    private static MemorySegment share(GuestMemory memory, int index, int count) {
        long large = memory.size() / PageSize.LARGE;
        long each = Math.max(1, large / count);
        return memory.segment().asSlice(index * each % large * PageSize.LARGE, each * PageSize.LARGE);
    }

    private interface Call {
        void move(GatherMessage message) throws TransportException;
    }

    private static Void pump(long chunks, MemorySegment memory, Call call) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            GatherMessage message = new GatherMessage(arena, 1);
            long large = memory.byteSize() / PageSize.LARGE;
            for (long i = 0; i < chunks; i++) {
                message.clear();
                message.add(memory.address() + i % large * PageSize.LARGE, PageSize.LARGE);
                call.move(message);
            }
            return null;
        }
    }

    @Override
    public void close() {
        from.close();
        to.close();
    }
}
