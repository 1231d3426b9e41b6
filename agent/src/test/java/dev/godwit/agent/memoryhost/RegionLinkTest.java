package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.transport.TransportException;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest's side of its region, and what may happen to it meanwhile. */
@Timeout(180)
class RegionLinkTest {
    /** It attaches to the epoch before; the order to take back must not lie in wait for the region's next owner. */
    @Test
    void anAttemptToConnectThatIsUnderWayDoesNotStandForTakingBack() throws Exception {
        List<String> lost = new CopyOnWriteArrayList<>();
        UUID region = UUID.randomUUID();
        try (TestHost host = new TestHost(64, null);
                Gate gate = new Gate(host.address());
                RegionLink link = new RegionLink(caller(gate, region), () -> {}, lost::add)) {
            link.create();
            assertEquals(1, link.epoch());
            offer(link);
            gate.shut();
            link.broken(link.fetch(), new TransportException(TransportException.Kind.BROKEN, "the network"));
            gate.somebodyWaits.await();
            link.takeBack();
            gate.open.countDown();
            Eventually.await(() -> link.epoch() == 2 && link.isConnected(), "it is connected as the new owner");
            // Who takes it now keeps it.
            offer(link);
            try (RegionLink next = new RegionLink(caller(gate, region), () -> {}, lost::add)) {
                next.standBy(caller(gate, region).standBy());
                next.take(2);
                LockSupport.parkNanos(1_000_000_000);
                assertEquals(3, next.epoch());
                assertTrue(next.isConnected());
            }
            assertEquals(List.of(), lost);
        }
    }

    /** The first attempt is given up, and arrives after the second. */
    @Test
    void aRequestToTakeBackThatArrivesLateTakesNothing() throws Exception {
        List<String> lost = new CopyOnWriteArrayList<>();
        UUID region = UUID.randomUUID();
        try (TestHost host = new TestHost(64, null);
                Gate gate = new Gate(host.address());
                RegionLink link = new RegionLink(caller(gate, region, SHORT), () -> {}, lost::add)) {
            link.create();
            offer(link);
            gate.shutForTake = true;
            link.takeBack();
            gate.somebodyWaits.await();
            gate.shutForTake = false;
            assertTrue(link.hold(() -> false));
            assertEquals(2, link.epoch());
            gate.open.countDown();
            gate.passedOn.await();
            LockSupport.parkNanos(500_000_000);
            assertEquals(List.of(), lost);
            // As the owner that it is, on new connections.
            RegionLink.Lane before = link.fetch();
            link.broken(before, new TransportException(TransportException.Kind.BROKEN, "the network"));
            Eventually.await(() -> link.fetch() != before && link.isConnected(), "it is connected again");
            assertEquals(2, link.epoch());
            assertEquals(List.of(), lost);
        }
    }

    /** It could take them from the next owner. */
    @Test
    void whileItTakesThePagesBackNobodyElseMayTakeThem() throws Exception {
        UUID region = UUID.randomUUID();
        try (TestHost host = new TestHost(64, null);
                Gate gate = new Gate(host.address());
                RegionLink link = new RegionLink(caller(gate, region), () -> {}, why -> {})) {
            link.create();
            offer(link);
            gate.shut();
            link.takeBack();
            gate.somebodyWaits.await();
            AtomicInteger asked = new AtomicInteger();
            assertFalse(link.hold(() -> asked.incrementAndGet() > 3), "it has the pages already");
            gate.open.countDown();
            assertTrue(link.hold(() -> false));
            assertEquals(2, link.epoch());
            assertTrue(link.isConnected());
        }
    }

    /** Else nobody would notice that it is gone before a guest wants a page. */
    @Test
    void anIdleLinkAsksWhetherTheMemoryHostIsThere() throws Exception {
        AtomicInteger backs = new AtomicInteger();
        UUID region = UUID.randomUUID();
        try (TestHost host = new TestHost(64, null);
                Gate gate = new Gate(host.address());
                RegionLink link = new RegionLink(caller(gate, region, SHORT), backs::incrementAndGet, why -> {})) {
            link.create();
            for (long end = System.nanoTime() + 3 * SHORT.toNanos(); System.nanoTime() < end; ) {
                hear(link, link.fetch());
            }
            assertTrue(link.isConnected());
            assertEquals(0, backs.get(), "it was there all the time");
        }
    }

    /** The kernel of a process that hangs acknowledges all. */
    @Test
    void aMemoryHostThatHangsIsAway() throws Exception {
        UUID region = UUID.randomUUID();
        AtomicInteger backs = new AtomicInteger();
        try (TestHost host = new TestHost(64, null);
                Gate gate = new Gate(host.address());
                RegionLink link = new RegionLink(caller(gate, region, SHORT), backs::incrementAndGet, why -> {})) {
            link.create();
            AtomicBoolean over = new AtomicBoolean();
            Thread hearing = Thread.ofPlatform().daemon().start(() -> hearAll(link, over));
            try {
                LockSupport.parkNanos(2 * SHORT.toNanos());
                assertEquals(0, backs.get(), "it was there all the time");
                gate.silent = true;
                Eventually.await(() -> link.awayNanos() > 0, "its silence is noticed");
                gate.silent = false;
                Eventually.await(() -> backs.get() > 0, "and that it is over");
            } finally {
                // The next answer ends it, if nothing else does.
                gate.silent = false;
                over.set(true);
                hearing.join();
            }
        }
    }

    private static void offer(RegionLink link) throws InterruptedException {
        assertTrue(link.hold(() -> false));
        link.offer();
    }

    private static void hearAll(RegionLink link, AtomicBoolean over) {
        while (!over.get()) {
            RegionLink.Lane lane = link.fetch();
            try {
                if (lane != null) {
                    hear(link, lane);
                }
            } catch (TransportException e) {
                // It is made again, or the test has ended.
                LockSupport.parkNanos(10_000_000);
            }
        }
    }

    /** As the pager's thread does: something that comes. */
    private static void hear(RegionLink link, RegionLink.Lane lane) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            lane.connection.receive(arena.allocate(PageFrame.HEADER_BYTES));
            link.heard();
        }
    }

    private static final Duration SHORT = Duration.ofSeconds(2);

    private static RegionCaller caller(Gate gate, UUID region) {
        return caller(gate, region, Duration.ofSeconds(20));
    }

    private static RegionCaller caller(Gate gate, UUID region, Duration stall) {
        return gate.caller(region, 64, 16, stall);
    }

    /** On which connections wait until it is opened, or requests to take. */
    private static final class Gate extends Detour {
        final CountDownLatch somebodyWaits = new CountDownLatch(1);
        final CountDownLatch open = new CountDownLatch(1);
        final CountDownLatch passedOn = new CountDownLatch(1);
        /** Whether nothing is passed on. */
        volatile boolean silent;

        /** Whether TAKE waits. */
        volatile boolean shutForTake;

        private volatile boolean shut;

        Gate(InetSocketAddress target) throws IOException {
            super(target);
        }

        void shut() {
            shut = true;
        }

        @Override
        void connecting() throws InterruptedException {
            if (shut) {
                somebodyWaits.countDown();
                open.await();
            }
        }

        @Override
        void pass(byte[] bytes, int count, OutputStream to, boolean up) throws IOException, InterruptedException {
            while (silent) {
                Thread.sleep(10);
            }
            boolean waits = shutForTake && up && count == RegionRequest.BYTES && bytes[0] == RegionRequest.TAKE;
            if (waits) {
                somebodyWaits.countDown();
                open.await();
            }
            super.pass(bytes, count, to, up);
            if (waits) {
                passedOn.countDown();
            }
        }
    }
}
