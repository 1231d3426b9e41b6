package dev.godwit.agent.migration;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageSender;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The source's data connections, each on a thread of its own. A round's chunks are handed out one by one to whichever
 * stream is free, in ascending order; those of a last round that is short by the caller, on the first stream.
 *
 * <p>Threading: one caller; {@link #abort} from any thread.
 */
final class DataStreams implements AutoCloseable {
    /** 4 MiB: two threads would send them in a millisecond less. */
    private static final int FEW = 1024;

    private final Arena arena = Arena.ofShared();
    private final List<Connection> connections = new CopyOnWriteArrayList<>();
    private final List<PageSender> senders = new ArrayList<>();
    private final ExecutorService threads;
    private final GuestMemory memory;
    private final RateLimit limit;

    /**
     * None yet.
     *
     * @param limit theirs alone, released with them
     */
    DataStreams(GuestMemory memory, RateLimit limit) {
        this.memory = memory;
        this.limit = limit;
        ThreadFactory names =
                Thread.ofPlatform().name("migration-send-", 0).daemon().factory();
        this.threads = Executors.newCachedThreadPool(names);
    }

    /** Adds a connected stream. */
    void add(Connection connection) {
        connections.add(connection);
        senders.add(new PageSender(arena, connection, memory, limit));
    }

    /** A round under way. */
    private record Round(Work work, List<Future<Void>> parts) implements RoundSink.Sending {
        @Override
        public long skipped() {
            return work.skipped.get();
        }

        @Override
        public void await() throws TransportException, InterruptedException {
            while (!await(Long.MAX_VALUE)) {
                // Once is enough.
            }
        }

        @Override
        public boolean await(long millis) throws TransportException, InterruptedException {
            for (Future<Void> part : parts) {
                try {
                    part.get(millis, TimeUnit.MILLISECONDS);
                } catch (TimeoutException e) {
                    return false;
                } catch (ExecutionException e) {
                    if (e.getCause() instanceof TransportException broken) {
                        throw broken;
                    }
                    throw new IllegalStateException(e.getCause());
                }
            }
            return true;
        }
    }

    /**
     * Starts sending those of {@code wanted}; the set must not change before the round's end.
     *
     * @param large numbers of the chunks that are large pages here
     */
    RoundSink.Sending start(PageSet wanted, PageSet large, int round) {
        return start(List.of(wanted), large, round, PageSize.SMALL_PER_LARGE, () -> {});
    }

    /** As {@link #start}, without those of each chunk that are in {@code written} when its turn has come. */
    RoundSink.Sending start(PageSet wanted, PageSet large, int round, PageSet written) {
        return start(new Work(List.of(wanted), written, large, round, PageSize.SMALL_PER_LARGE, () -> {}));
    }

    /** As {@link #start}, of what the guest stands still for: if that is few, it has been sent when this returns. */
    RoundSink.Sending startLast(PageSet wanted, PageSet large, int round) throws TransportException {
        if (wanted.cardinality() > FEW) {
            return start(wanted, large, round);
        }
        // The calling thread is urgent. To wake others and wait for them takes longer.
        Work work = new Work(List.of(wanted), null, large, round, PageSize.SMALL_PER_LARGE, () -> {});
        for (PageSender sender : senders) {
            work.doBy(sender);
        }
        return new Round(work, List.of());
    }

    /**
     * Starts sending the pages of one set after those of the other, all as one round.
     *
     * @param passes disjoint sets over the same pages
     * @param large numbers of the chunks that are large pages here
     * @param partPages so many pages are sent at a time; divides a chunk
     * @param between called, on each stream's thread, whenever that has sent so many pages more
     */
    RoundSink.Sending start(List<PageSet> passes, PageSet large, int round, int partPages, Runnable between) {
        return start(new Work(passes, null, large, round, partPages, between));
    }

    private RoundSink.Sending start(Work work) {
        List<Future<Void>> parts = new ArrayList<>(senders.size());
        for (PageSender sender : senders) {
            parts.add(threads.submit(() -> {
                work.doBy(sender);
                return null;
            }));
        }
        return new Round(work, parts);
    }

    /** What is to be sent in a round, of which each stream takes the next chunk when it has sent one. */
    private static final class Work {
        private final AtomicLong next = new AtomicLong();
        private final AtomicLong skipped = new AtomicLong();
        private final List<PageSet> passes;
        /** What need not be sent, or null; it grows meanwhile. */
        private final PageSet written;

        private final PageSet large;
        private final int round;
        private final int partPages;
        private final Runnable between;

        Work(List<PageSet> passes, PageSet written, PageSet large, int round, int partPages, Runnable between) {
            this.passes = passes;
            this.written = written;
            this.large = large;
            this.round = round;
            this.partPages = partPages;
            this.between = between;
        }

        void doBy(PageSender sender) throws TransportException {
            long chunks = PageFrame.chunksIn(passes.getFirst().pages());
            long all = chunks * passes.size();
            long sent = partPages;
            for (long nth = next.getAndIncrement(); nth < all; nth = next.getAndIncrement()) {
                long chunk = nth % chunks;
                int pass = (int) (nth / chunks);
                PageSet wanted = passes.get(pass);
                long end = Math.min((chunk + 1) * PageSize.SMALL_PER_LARGE, wanted.pages());
                if (written != null) {
                    skipWritten(wanted, chunk * PageSize.SMALL_PER_LARGE, end);
                }
                int flags = (large.contains(chunk) ? PageFrame.FLAG_LARGE : 0)
                        | (goesOn(chunk * PageSize.SMALL_PER_LARGE, end, pass) ? PageFrame.FLAG_AHEAD : 0);
                for (long first = chunk * PageSize.SMALL_PER_LARGE; first < end; first += partPages) {
                    long stop = Math.min(first + partPages, end);
                    if (wanted.next(first, stop) == stop) {
                        continue;
                    }
                    if (sent >= partPages) {
                        between.run();
                        sent = 0;
                    }
                    sent += wanted.cardinality(first, stop);
                    sender.sendPart(wanted, first, stop, flags, round);
                }
            }
            sender.endRound(round);
        }

        /** Once for each chunk, by whoever sends it: from then on it is settled what of it is sent. */
        private void skipWritten(PageSet wanted, long first, long end) {
            long count = 0;
            for (long word = first >>> 6; word << 6 < end; word++) {
                long skip = wanted.word(word) & written.word(word);
                if (skip != 0) {
                    wanted.setWord(word, wanted.word(word) & ~skip);
                    count += Long.bitCount(skip);
                }
            }
            skipped.addAndGet(count);
        }

        /** Whether a pass after this one has pages of the chunk. */
        private boolean goesOn(long first, long end, int pass) {
            for (int later = pass + 1; later < passes.size(); later++) {
                if (passes.get(later).next(first, end) < end) {
                    return true;
                }
            }
            return false;
        }
    }

    long contentPages() {
        return senders.stream().mapToLong(PageSender::contentPages).sum();
    }

    long zeroPages() {
        return senders.stream().mapToLong(PageSender::zeroPages).sum();
    }

    long wireBytes() {
        return senders.stream().mapToLong(PageSender::wireBytes).sum();
    }

    /** Breaks all connections: whoever sends returns with an error. From any thread. */
    void abort() {
        connections.forEach(Connection::abort);
        // A sender that waits for its turn finds the connection broken at once.
        limit.release();
    }

    @Override
    public void close() {
        abort();
        threads.close();
        connections.forEach(Connection::close);
        arena.close();
    }
}
