package dev.godwit.agent.migration;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageSender;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.PromptThread;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/**
 * The source's data connections, each on a thread of its own. A round's chunks are handed out one by one to whichever
 * stream is free, in ascending order; those of a last round that is short by the caller, on the first stream.
 *
 * <p>Threading: one caller; {@link #abort} from any thread.
 */
final class DataStreams implements AutoCloseable {
    /** Of a last round: 4 MiB, which two threads would send in a millisecond less. */
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
        this.threads = PromptThread.pool("migration-send-");
    }

    /** Adds a connected stream. */
    void add(Connection connection) {
        connections.add(connection);
        senders.add(new PageSender(arena, connection, memory, limit));
    }

    /** What the streams are sending, each a part. */
    private static class Parts implements RoundSink.Sending {
        private final List<Future<Void>> parts;

        Parts(List<Future<Void>> parts) {
            this.parts = parts;
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

    /** A round under way. */
    private static final class Round extends Parts {
        private final Chunks chunks;

        Round(List<Future<Void>> parts, Chunks chunks) {
            super(parts);
            this.chunks = chunks;
        }

        @Override
        public void stop() {
            chunks.stop();
        }

        @Override
        public long collectKeptBack(PageSet into) {
            return chunks.collectKeptBack(into);
        }

        @Override
        public long deferred() {
            return chunks.deferred.get();
        }
    }

    /** What a stream sends; several may share one. */
    interface Feed {
        /** Sends the next part of it; false when there is nothing left. */
        boolean sendNext(PageSender sender) throws TransportException;
    }

    /**
     * Starts sending those of {@code wanted}; the set must not change before the round's end.
     *
     * @param large numbers of the chunks that are large pages here
     */
    RoundSink.Sending start(PageSet wanted, PageSet large, int round) {
        return start(wanted, large, round, null);
    }

    /** As {@link #start}, without those of each chunk that are in {@code written}, if any, when its turn has come. */
    RoundSink.Sending start(PageSet wanted, PageSet large, int round, PageSet written) {
        Chunks chunks = new Chunks(wanted, written, large, round);
        return new Round(start(() -> chunks, round), chunks);
    }

    /** As {@link #start}, of what the guest stands still for: if that is few, it has been sent when this returns. */
    RoundSink.Sending startLast(PageSet wanted, PageSet large, int round) throws TransportException {
        if (wanted.cardinality() > FEW) {
            return start(wanted, large, round);
        }
        // The calling thread is urgent. To wake others and wait for them takes longer.
        Chunks chunks = new Chunks(wanted, null, large, round);
        for (PageSender sender : senders) {
            send(chunks, sender, round);
        }
        return new Round(List.of(), chunks);
    }

    /**
     * Starts sending what there is.
     *
     * @param feeds asked once for each stream
     */
    RoundSink.Sending push(Supplier<Feed> feeds) {
        return new Parts(start(feeds, PageFrame.AFTERWARDS));
    }

    private List<Future<Void>> start(Supplier<? extends Feed> feeds, int round) {
        List<Future<Void>> parts = new ArrayList<>(senders.size());
        for (PageSender sender : senders) {
            Feed feed = feeds.get();
            parts.add(threads.submit(() -> {
                send(feed, sender, round);
                return null;
            }));
        }
        return parts;
    }

    private static void send(Feed feed, PageSender sender, int round) throws TransportException {
        while (feed.sendNext(sender)) {
            // Until nothing is left.
        }
        sender.endRound(round);
    }

    /** The chunks of a round, of which each stream takes the next when it has sent one. */
    private static final class Chunks implements Feed {
        private final AtomicLong next = new AtomicLong();
        private final AtomicLong deferred = new AtomicLong();
        private final PageSet wanted;
        /** What need not be sent, or null; it grows meanwhile. */
        private final PageSet written;

        private final PageSet large;
        private final int round;
        /** Of chunks that were being sent when it was to stop: the first page of each that was not. */
        private final Queue<Long> cutAt = new ConcurrentLinkedQueue<>();

        /** The first chunk of which nothing is sent. */
        private volatile long stoppedAt = Long.MAX_VALUE;

        Chunks(PageSet wanted, PageSet written, PageSet large, int round) {
            this.wanted = wanted;
            this.written = written;
            this.large = large;
            this.round = round;
        }

        @Override
        public boolean sendNext(PageSender sender) throws TransportException {
            long chunk = next.getAndIncrement();
            if (chunk >= PageFrame.chunksIn(wanted.pages())) {
                return false;
            }
            if (written != null) {
                deferWritten(chunk * PageSize.SMALL_PER_LARGE);
            }
            long sentTo = sender.sendChunk(
                    wanted, null, chunk, large.contains(chunk), round, () -> stoppedAt < Long.MAX_VALUE);
            if (sentTo < endOf(chunk)) {
                cutAt.add(sentTo);
            }
            return true;
        }

        private long endOf(long chunk) {
            return Math.min((chunk + 1) * PageSize.SMALL_PER_LARGE, wanted.pages());
        }

        /** Each stream ends its part within 64 pages. From one thread, once or again. */
        void stop() {
            if (stoppedAt == Long.MAX_VALUE) {
                long none = PageFrame.chunksIn(wanted.pages());
                stoppedAt = Math.min(next.getAndSet(none), none);
            }
        }

        long collectKeptBack(PageSet into) {
            long count = 0;
            for (long page : cutAt) {
                count += keepBack(page, endOf(page / PageSize.SMALL_PER_LARGE), into);
            }
            return stoppedAt == Long.MAX_VALUE
                    ? count
                    : count + keepBack(stoppedAt * PageSize.SMALL_PER_LARGE, wanted.pages(), into);
        }

        /** @param from a multiple of 64 */
        private long keepBack(long from, long end, PageSet into) {
            long count = 0;
            for (long word = from >>> 6; word << 6 < end; word++) {
                into.setWord(word, into.word(word) | wanted.word(word));
                count += Long.bitCount(wanted.word(word));
            }
            return count;
        }

        /** Once for each chunk, by whoever sends it: from then on it is settled what of it is sent. */
        private void deferWritten(long first) {
            long end = Math.min(first + PageSize.SMALL_PER_LARGE, wanted.pages());
            long count = 0;
            for (long word = first >>> 6; word << 6 < end; word++) {
                long skip = wanted.word(word) & written.word(word);
                if (skip != 0) {
                    wanted.setWord(word, wanted.word(word) & ~skip);
                    count += Long.bitCount(skip);
                }
            }
            deferred.addAndGet(count);
        }
    }

    /** Bytes that have been sent and are not known to be across, of all connections. */
    long bytesUnderWay() {
        return connections.stream().mapToLong(Connection::bytesUnderWay).sum();
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
