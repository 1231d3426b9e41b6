package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.migration.Chance;
import dev.godwit.agent.transport.TransportException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Migrations of a guest's region that end in all their ways, over a network that delays connections, and what is said on
 * them, for longer than anybody waits: whoever has the guest has its pages, and nobody takes them from it.
 */
@Timeout(300)
class RegionLinkModelTest {
    private static final int PAGES = 64;
    private static final Duration STALL = Duration.ofMillis(500);

    private final UUID region = UUID.randomUUID();
    private final List<Side> sides = new ArrayList<>();

    /** A host that has the guest, or may get it. */
    private record Side(RegionLink link, RegionCaller caller, List<String> lost) {}

    private Side side(Network network) {
        RegionCaller caller = network.caller(region, PAGES, PAGES, STALL);
        List<String> lost = new CopyOnWriteArrayList<>();
        Side side = new Side(new RegionLink(caller, () -> {}, lost::add), caller, lost);
        sides.add(side);
        return side;
    }

    @Test
    void whoeverHasTheGuestHasItsPages() throws Exception {
        Random random = Chance.random("whoeverHasTheGuestHasItsPages");
        int moved = 0;
        int stayed = 0;
        try (TestHost host = new TestHost(PAGES, null);
                Network network = new Network(host.address(), random.nextLong())) {
            Side owner = side(network);
            owner.link.create();
            network.slow = true;
            for (int step = 0, steps = Chance.times(50); step < steps; step++) {
                if (random.nextInt(4) == 0) {
                    RegionLink.Lane lane = owner.link.fetch();
                    owner.link.broken(lane, new TransportException(TransportException.Kind.BROKEN, "the network"));
                }
                if (random.nextInt(4) > 0) {
                    // What is late comes to an owner that expects nothing.
                    assertTrue(owner.link.hold(() -> false));
                    owner.link.stay();
                    LockSupport.parkNanos(random.nextLong(Network.LONGEST_MILLIS * 1_000_000L));
                }
                Side next = migrate(owner, network, random);
                if (next.equals(owner)) {
                    stayed++;
                } else {
                    moved++;
                }
                owner = next;
                assertEquals(List.of(), owner.lost, "at step " + step);
            }
            network.slow = false;
            RegionLink last = owner.link;
            assertTrue(last.hold(() -> false));
            last.stay();
            // What is still on its way has arrived by then.
            network.awaitQuiet();
            Eventually.await(last::isConnected, "its owner is connected");
            assertEquals(List.of(), owner.lost);
            assertEquals(last.epoch(), host.fetch(region).standby(PAGES).epoch());
        } finally {
            sides.forEach(side -> side.link.close());
        }
        System.out.println("whoeverHasTheGuestHasItsPages: moved " + moved + " times, stayed " + stayed + " times");
        assertTrue(moved > 0 && stayed > 0);
    }

    /** Who has the guest then. */
    private Side migrate(Side source, Network network, Random random) throws InterruptedException {
        assertTrue(source.link.hold(() -> false));
        Side target = side(network);
        boolean stands = stands(target);
        if (!stands || random.nextInt(8) == 0) {
            // Before COMMIT.
            target.link.close();
            source.link.stay();
            return source;
        }
        source.link.offer();
        boolean took = random.nextInt(4) > 0 && takes(target, source.link.epoch());
        if (took && random.nextInt(4) > 0) {
            source.link.handOver();
            return target;
        }
        target.link.handOver();
        source.link.takeBack();
        return source;
    }

    private static boolean stands(Side target) {
        try {
            target.link.standBy(target.caller.standBy());
            return true;
        } catch (TransportException e) {
            return false;
        }
    }

    private static boolean takes(Side target, long from) {
        try {
            target.link.take(from);
            return true;
        } catch (TransportException e) {
            return false;
        }
    }

    /** Which delays now and then. */
    private static final class Network extends Detour {
        private static final int LONGEST_MILLIS = 1500;

        volatile boolean slow;
        private final Random random;

        Network(InetSocketAddress target, long seed) throws IOException {
            super(target);
            this.random = new Random(seed);
        }

        void awaitQuiet() throws InterruptedException {
            Thread.sleep(2L * LONGEST_MILLIS);
        }

        @Override
        void connecting() throws InterruptedException {
            delay(8);
        }

        @Override
        void pass(byte[] bytes, int count, OutputStream to, boolean up) throws IOException, InterruptedException {
            if (up && count > 0) {
                // Most of all what changes the owner.
                delay(count == RegionRequest.BYTES && bytes[0] == RegionRequest.TAKE ? 3 : 12);
            }
            super.pass(bytes, count, to, up);
        }

        /** One of so many. */
        private void delay(int of) throws InterruptedException {
            if (slow && random.nextInt(of) == 0) {
                Thread.sleep(random.nextInt(LONGEST_MILLIS));
            }
        }
    }
}
