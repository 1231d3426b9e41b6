package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.stream.PageReceiver;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A round, over a real connection. */
@Timeout(60)
class DataStreamsTest {
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final long PAGES = 3L * PER_CHUNK;

    /** In the middle of a chunk, too: each page either comes or is kept back. */
    @Test
    void aRoundThatIsToStopEndsSoon() throws Exception {
        long pages = 64L * PER_CHUNK;
        try (Arena arena = Arena.ofShared();
                GuestMemory memory = GuestMemory.allocate(pages * PageSize.SMALL, LargePages.NONE);
                GuestMemory there = GuestMemory.allocate(pages * PageSize.SMALL, LargePages.NONE);
                // A chunk takes two seconds.
                DataStreams streams = new DataStreams(memory, new RateLimit(1 << 20));
                Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                Connection target = Connection.connect(listener.address(), Duration.ofSeconds(5))) {
            memory.segment().fill((byte) 1);
            streams.add(listener.accept());
            PageSet wanted = new PageSet(arena, pages);
            wanted.addRange(10, pages - 10);
            RoundSink.Sending sending = streams.start(wanted, Backing.emptyChunks(arena, memory), 1);
            PageSet come = new PageSet(arena, pages);
            PageReceiver receiver = new PageReceiver(arena, target, there, come, Backing.emptyChunks(arena, there));
            CompletableFuture<Integer> received = CompletableFuture.supplyAsync(() -> {
                try {
                    return receiver.receiveRound();
                } catch (TransportException e) {
                    throw new IllegalStateException(e);
                }
            });
            assertFalse(sending.await(100));
            sending.stop();
            sending.stop();
            sending.await();
            assertEquals(1, received.get());
            PageSet kept = new PageSet(arena, pages);
            assertEquals(pages - 10 - come.cardinality(), sending.collectKeptBack(kept));
            assertEquals(pages - 10 - come.cardinality(), kept.cardinality());
            kept.addAll(come);
            wanted.removeAll(kept);
            assertEquals(0, wanted.cardinality(), "each page came or was kept back");
            assertTrue(come.cardinality() < PER_CHUNK, come.cardinality() + " pages came");
            assertEquals(0, sending.deferred());
        }
    }

    /** All of the second chunk, and a part of the first: they go with the next round. */
    @Test
    void whatIsWrittenAgainBeforeItsTurnIsDeferred() throws Exception {
        try (Arena arena = Arena.ofShared();
                GuestMemory memory = GuestMemory.allocate(PAGES * PageSize.SMALL, LargePages.NONE);
                GuestMemory there = GuestMemory.allocate(PAGES * PageSize.SMALL, LargePages.NONE);
                DataStreams streams = new DataStreams(memory, new RateLimit(0));
                Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                Connection target = Connection.connect(listener.address(), Duration.ofSeconds(5))) {
            memory.segment().fill((byte) 1);
            streams.add(listener.accept());
            PageSet wanted = new PageSet(arena, PAGES);
            wanted.addRange(10, PAGES - 10);
            PageSet written = new PageSet(arena, PAGES);
            written.addRange(0, 100);
            written.addRange(PER_CHUNK, PER_CHUNK);
            RoundSink.Sending sending = streams.start(wanted, Backing.emptyChunks(arena, memory), 1, written);
            PageSet come = new PageSet(arena, PAGES);
            PageSet zeroChunks = Backing.emptyChunks(arena, there);
            PageReceiver receiver = new PageReceiver(arena, target, there, come, zeroChunks);
            assertTrue(receiver.awaitRound());
            assertTrue(receiver.awaitRound(), "the same head");
            assertEquals(1, receiver.receiveRound());
            sending.await();
            assertEquals(90 + PER_CHUNK, sending.deferred());
            assertEquals(PAGES - 100 - PER_CHUNK, come.cardinality());
            assertEquals(PAGES - 100 - PER_CHUNK, streams.contentPages());
            come.removeAll(wanted);
            assertEquals(0, come.cardinality(), "what was sent is what is left of the set");
        }
    }
}
