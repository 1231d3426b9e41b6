package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.memoryhost.MemoryClient.Answer;
import dev.godwit.agent.migration.Chance;
import dev.godwit.agent.transport.TransportException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Owners that take a region from each other while the one before stores as fast as it can, at random moments: once TAKE
 * has been answered nothing of the old owner's is seen any more.
 */
@Timeout(120)
class FencingTest {
    private static final long PAGES = 1024;
    private static final int WIDE = 64;
    /** The version of a page is above the epoch that wrote it. */
    private static final int EPOCH_BITS = 20;

    @TempDir
    Path directory;

    private final UUID id = UUID.randomUUID();

    /** Stores without an end until the connection is broken, and knows what each page may be then. */
    private static final class Storm implements Runnable {
        private final MemoryClient store;
        private final long epoch;
        private final Random random;
        private final AtomicBoolean broken = new AtomicBoolean();

        /** What each page was when all before was answered. */
        private final long[] stored;
        /** What was sent for each since. */
        private final Map<Integer, List<Long>> underWay = new HashMap<>();

        Storm(MemoryClient store, long epoch, long[] stored, long seed) {
            this.store = store;
            this.epoch = epoch;
            this.stored = stored.clone();
            this.random = new Random(seed);
        }

        @Override
        public void run() {
            try {
                for (long round = 1; ; round++) {
                    for (int frames = random.nextInt(4); frames >= 0; frames--) {
                        int first = random.nextInt(2) * 512 + random.nextInt(512 - WIDE);
                        send(first, fillings(random, (round << EPOCH_BITS) | epoch, 1 + random.nextInt(WIDE)));
                    }
                    assertEquals(RegionStatus.OK, store.end(round));
                    underWay.forEach((page, values) -> stored[page] = values.getLast());
                    underWay.clear();
                }
            } catch (TransportException e) {
                broken.set(true);
            }
        }

        private void send(int first, long... fillings) throws TransportException {
            for (int i = 0; i < fillings.length; i++) {
                underWay.computeIfAbsent(first + i, _ -> new ArrayList<>()).add(fillings[i]);
            }
            store.store(first, fillings);
        }

        /** Nothing that was answered is lost, and nothing is there that nobody sent. */
        void check(long[] seen) {
            for (int i = 0; i < seen.length; i++) {
                int page = i;
                List<Long> values = underWay.getOrDefault(page, List.of());
                // A frame that was cut may have written half of a page over an older one.
                boolean cut = seen[page] == MemoryClient.TORN && !values.isEmpty();
                assertTrue(
                        cut || seen[page] == stored[page] || values.contains(seen[page]),
                        () -> "page " + page + " is " + seen[page] + ", not " + stored[page] + " nor of " + values);
            }
        }
    }

    private static long[] fillings(Random random, long filling, int count) {
        long[] fillings = new long[count];
        for (int i = 0; i < count; i++) {
            fillings[i] = random.nextInt(8) == 0 ? 0 : filling;
        }
        return fillings;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void nothingOfAnOldOwnerIsAppliedAfterTake(boolean files) throws Exception {
        Random random = Chance.random("FencingTest");
        try (TestHost host = new TestHost(PAGES, files ? directory : null);
                ExecutorService threads = Executors.newCachedThreadPool()) {
            MemoryClient store = host.store(id);
            store.create(PAGES, PAGES);
            long[] seen = new long[(int) PAGES];
            for (long epoch = 1, last = Chance.times(60); epoch < last; epoch++) {
                Storm storm = new Storm(store, epoch, seen, random.nextLong());
                Future<?> storming = threads.submit(storm);
                // Somebody who is not the owner any more tries to come back all the time.
                Future<List<RegionStatus>> intruder = intrude(threads, host, epoch);
                LockSupport.parkNanos(random.nextInt(8_000_000));
                MemoryClient next = host.fetch(id);
                Answer taken = next.take(epoch, PAGES);
                assertEquals(new Answer(RegionStatus.OK, epoch + 1, taken.held(), PAGES), taken);
                seen = all(next);
                storming.get();
                assertTrue(storm.broken.get(), "the old owner was broken off");
                LockSupport.parkNanos(random.nextInt(1_000_000));
                assertArrayEquals(seen, all(next), "and nothing of it came after");
                storm.check(seen);
                assertEquals(List.of(), intruder.get());
                store.close();
                store = host.store(id);
                assertEquals(epoch + 1, store.attach(epoch + 1, PAGES).epoch());
            }
        }
    }

    /** Attaches as the owner of older epochs until it has been refused often; returns answers that were not FENCED. */
    private Future<List<RegionStatus>> intrude(ExecutorService threads, TestHost host, long epoch) {
        return threads.submit(() -> {
            List<RegionStatus> wrong = new ArrayList<>();
            MemoryClient client = host.store(id);
            for (int i = 0; i < 20; i++) {
                RegionStatus status = client.attach(epoch - 1, PAGES).status();
                if (status != RegionStatus.FENCED) {
                    wrong.add(status);
                }
            }
            client.close();
            return wrong;
        });
    }

    private static long[] all(MemoryClient fetch) throws TransportException {
        long[] seen = new long[(int) PAGES];
        System.arraycopy(fetch.fetch(0, 512), 0, seen, 0, 512);
        System.arraycopy(fetch.fetch(512, 512), 0, seen, 512, 512);
        return seen;
    }

    /** Two that want to own it at once, by the same epoch: one gets it. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void oneOfManyTakers(boolean files) throws TransportException, InterruptedException, ExecutionException {
        Random random = Chance.random("FencingTest");
        try (TestHost host = new TestHost(PAGES, files ? directory : null);
                ExecutorService threads = Executors.newCachedThreadPool()) {
            host.store(id).create(PAGES, PAGES);
            for (long epoch = 1, last = Chance.times(30); epoch < last; epoch++) {
                long from = epoch;
                List<Future<RegionStatus>> takers = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                    MemoryClient taker = host.connect(id, random.nextInt(RegionRequest.STREAMS));
                    takers.add(threads.submit(() -> taker.take(from, PAGES).status()));
                }
                int owners = 0;
                for (Future<RegionStatus> taker : takers) {
                    RegionStatus status = taker.get();
                    assertTrue(status == RegionStatus.OK || status == RegionStatus.FENCED, status::toString);
                    owners += status == RegionStatus.OK ? 1 : 0;
                }
                assertEquals(1, owners, "owners of epoch " + (epoch + 1));
            }
        }
    }
}
