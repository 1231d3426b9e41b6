package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.ThreadFields;
import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageSender;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.bindings.linux.ProcessCalls;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.Uninterruptibly;
import dev.godwit.host.thread.Urgency;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Sources that go on when the last round is over, over real connections. The guest is the target's then: what is still sent
 * must not be written over what the guest writes.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TargetStreamsTest {
    private static final long CHUNKS = 3;
    private static final long PAGES = CHUNKS * PageSize.SMALL_PER_LARGE;

    /** A target's streams, and who sends to them. */
    private static final class Both implements AutoCloseable {
        private final Arena arena = Arena.ofShared();
        private final GuestMemory memory = GuestMemory.allocate(PAGES * PageSize.SMALL, LargePages.NONE);
        private final GuestMemory there = GuestMemory.allocate(PAGES * PageSize.SMALL, LargePages.NONE);
        private final Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        private final ControlChannel source = new ControlChannel(connect());
        private final ControlChannel target = new ControlChannel(listener.accept());
        private final ExecutorService threads = Executors.newCachedThreadPool();
        private final List<Connection> out = new ArrayList<>();
        private final List<PageSender> senders = new ArrayList<>();
        private final List<Future<?>> received = new ArrayList<>();
        private final TargetStreams streams;

        Both(int count, TargetStreams.Room room) throws TransportException {
            streams = new TargetStreams(target, there, count, room);
            for (int i = 0; i < count; i++) {
                out.add(connect());
                senders.add(new PageSender(arena, out.getLast(), memory, RateLimit.none()));
                Connection in = listener.accept();
                int stream = i;
                received.add(threads.submit(() -> {
                    try (in;
                            Urgency _ = Urgency.begin()) {
                        streams.receive(stream, in);
                    }
                    return null;
                }));
            }
        }

        private Connection connect() throws TransportException {
            return Connection.connect(listener.address(), Duration.ofSeconds(5));
        }

        /** Pages of the guest, each time with other content, and zero ones never. */
        void send(PageSender sender, int round, long pages) throws TransportException {
            memory.segment().fill((byte) (System.nanoTime() | 1));
            PageSet wanted = new PageSet(arena, PAGES);
            wanted.addRange(0, pages);
            for (long chunk = 0; chunk < CHUNKS; chunk++) {
                sender.sendChunk(wanted, chunk, false, round);
            }
        }

        MemorySegment content() {
            return there.segment();
        }

        void awaitStreams() throws Exception {
            for (Future<?> stream : received) {
                stream.get();
            }
        }

        @Override
        public void close() {
            out.forEach(Connection::abort);
            streams.close();
            threads.close();
            out.forEach(Connection::close);
            source.close();
            target.close();
            listener.close();
            there.close();
            memory.close();
            arena.close();
        }
    }

    /** Of six times about once something would be written after the end, if that did not wait: hence so many. */
    @RepeatedTest(50)
    void aSourceThatNeverEndsWritesNothingAfterTheLastRound() throws Exception {
        Random random = Chance.random("TargetStreamsTest");
        try (Both both = new Both(2, () -> {})) {
            for (PageSender sender : both.senders) {
                both.send(sender, 1, PAGES);
                sender.endRound(1);
            }
            both.streams.awaitRound(1);
            long before = both.streams.received();
            Future<?> endless = both.threads.submit(() -> {
                while (true) {
                    for (PageSender sender : both.senders) {
                        both.send(sender, 2, PAGES);
                    }
                }
            });
            long some = random.nextLong(32 << 20);
            while (both.streams.received() <= before + some && !endless.isDone()) {
                Thread.onSpinWait();
            }
            both.streams.finish();
            byte[] content = both.content().toArray(ValueLayout.JAVA_BYTE);
            // One that waits for room when the target ends hears of it when it asks again: in a minute, perhaps.
            both.out.forEach(Connection::abort);
            ExecutionException e = assertThrows(ExecutionException.class, endless::get);
            assertInstanceOf(TransportException.class, e.getCause());
            both.awaitStreams();
            assertArrayEquals(content, both.content().toArray(ValueLayout.JAVA_BYTE));
        }
    }

    /** Its stream has ended the last round, and finds the head of another when all is over. */
    @Test
    void aRoundThatBeginsAfterTheLastIsNotTaken() throws Exception {
        assertNothingIsTakenAfter(TargetStreams::finish);
    }

    @Test
    void aRoundThatBeginsWhenAllIsGivenUpIsNotTaken() throws Exception {
        assertNothingIsTakenAfter(streams -> streams.abort("given up"));
    }

    /** Also where a round begins, at which a stream waits for whatever comes. */
    @Test
    void aFrameOfNoTypeIsNotPassedOver() throws Exception {
        try (Both both = new Both(1, () -> {})) {
            both.out.getFirst().send(both.arena.allocate(PageFrame.HEADER_BYTES));
            both.senders.getFirst().endRound(1);
            both.awaitStreams();
            String reason = both.streams.reason("");
            assertTrue(reason.endsWith("sent frame type 0x0"), reason);
        }
    }

    /** For content other guests are not to wait, nor for ends without end. */
    @Test
    void aStreamIsUrgentForEndsOfRoundsThatHadNothingForIt() throws Exception {
        List<Integer> policies = new ArrayList<>();
        List<Integer> expected = new ArrayList<>();
        try (Both both = new Both(1, () -> policies.add(ownPolicy()))) {
            PageSender sender = both.senders.getFirst();
            for (int round = 1, ends = 0; ends < 105; round++) {
                boolean content = round % 10 == 1;
                if (content) {
                    both.send(sender, round, 4);
                }
                sender.endRound(round);
                both.streams.awaitRound(round);
                ends += content ? 0 : 1;
                expected.add(content || ends > 100 ? ProcessCalls.SCHED_NORMAL : urgentPolicy());
            }
            assertEquals(expected, policies);
        }
    }

    /** What the host grants. */
    private static int urgentPolicy() {
        try (Urgency urgency = Urgency.begin()) {
            return urgency.isGranted() ? ProcessCalls.SCHED_RR : ProcessCalls.SCHED_NORMAL;
        }
    }

    /** Of the calling thread. */
    private static int ownPolicy() {
        try {
            return ThreadFields.field(ThreadFields.OWN, ThreadFields.POLICY);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What ends the streams. */
    private interface Ending {
        void of(TargetStreams streams);
    }

    private static void assertNothingIsTakenAfter(Ending ending) throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        TargetStreams.Room room = () -> {
            ended.countDown();
            Uninterruptibly.await(over::await);
        };
        try (Both both = new Both(1, room)) {
            PageSender sender = both.senders.getFirst();
            sender.endRound(1);
            both.send(sender, 2, 4);
            sender.endRound(2);
            ended.await();
            while (both.out.getFirst().bytesUnderWay() > 0) {
                Thread.onSpinWait();
            }
            // Between two rounds, and the other is in the socket: it is read there, though the connection is broken.
            try {
                ending.of(both.streams);
            } finally {
                over.countDown();
            }
            both.received.getFirst().get();
            assertEquals(2 * PageFrame.HEADER_BYTES, both.streams.received(), "the heads of both");
            assertEquals(
                    -1,
                    both.content().mismatch(both.arena.allocate(both.content().byteSize())));
        }
    }
}
