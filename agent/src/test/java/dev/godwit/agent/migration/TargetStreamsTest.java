package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.godwit.agent.stream.PageSender;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Timeout;

/** Sources that do not end when they should, over real connections. */
@Timeout(60)
class TargetStreamsTest {
    private static final int STREAMS = 2;
    private static final long CHUNKS = 3;
    private static final long PAGES = CHUNKS * PageSize.SMALL_PER_LARGE;

    private final Random random = Chance.random("TargetStreamsTest");

    /** The guest is the target's then: what a source still sends must not be written over what the guest writes. */
    @RepeatedTest(10)
    void afterTheLastRoundNothingIsWritten() throws Exception {
        try (Arena arena = Arena.ofShared();
                GuestMemory memory = GuestMemory.allocate(PAGES * PageSize.SMALL, LargePages.NONE);
                GuestMemory there = GuestMemory.allocate(PAGES * PageSize.SMALL, LargePages.NONE);
                Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                ControlChannel source = new ControlChannel(connect(listener));
                ControlChannel target = new ControlChannel(listener.accept());
                ExecutorService threads = Executors.newCachedThreadPool();
                TargetStreams streams = new TargetStreams(target, there, STREAMS, () -> {})) {
            PageSender[] senders = new PageSender[STREAMS];
            Future<?>[] received = new Future<?>[STREAMS];
            for (int i = 0; i < STREAMS; i++) {
                Connection out = connect(listener);
                Connection in = listener.accept();
                senders[i] = new PageSender(arena, out, memory, new RateLimit(0));
                int stream = i;
                received[i] = threads.submit(() -> {
                    try (in) {
                        streams.receive(stream, in);
                    }
                    return null;
                });
            }
            PageSet all = new PageSet(arena, PAGES);
            all.addAll();
            for (PageSender sender : senders) {
                send(sender, memory, all, 1);
                sender.endRound(1);
            }
            Future<?> endless = threads.submit(() -> {
                while (true) {
                    send(senders[random.nextInt(STREAMS)], memory, all, 2);
                }
            });
            assertEquals(1, source.expect(MessageType.ROUND_DONE).argument());
            streams.awaitRound(1);
            Thread.sleep(random.nextInt(10));
            streams.finish();
            byte[] before = there.segment().toArray(ValueLayout.JAVA_BYTE);
            assertThrows(Exception.class, endless::get, "its connections are broken");
            for (Future<?> stream : received) {
                stream.get();
            }
            assertArrayEquals(before, there.segment().toArray(ValueLayout.JAVA_BYTE));
        }
    }

    /** Each time other content. */
    private static void send(PageSender sender, GuestMemory memory, PageSet all, int round) throws TransportException {
        memory.segment().fill((byte) System.nanoTime());
        for (long chunk = 0; chunk < CHUNKS; chunk++) {
            sender.sendChunk(all, chunk, false, round);
        }
    }

    private static Connection connect(Listener listener) throws TransportException {
        return Connection.connect(listener.address(), Duration.ofSeconds(5));
    }
}
