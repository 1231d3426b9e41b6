package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageReceiver;
import dev.godwit.agent.stream.PageSender;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.stream.ZeroScan;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.FileStream;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What goes from one memory through frames into another, against copying it. */
class PageOracleTest {
    private static final int PAGE = 4096;
    /** Not a multiple of a chunk: the last one is shorter. */
    private static final int PAGES = 3 * 512 + 77;

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"THP", "NONE"})
    void whatArrivesIsWhatWasThere(LargePages largePages) throws Exception {
        Random random = Chance.random("whatArrivesIsWhatWasThere");
        try (Arena arena = Arena.ofShared();
                GuestMemory from = GuestMemory.allocate((long) PAGES * PAGE, LargePages.NONE);
                GuestMemory to = GuestMemory.allocate((long) PAGES * PAGE, largePages);
                Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                Connection out = Connection.connect(listener.address(), Duration.ofSeconds(5));
                Connection in = listener.accept();
                ExecutorService threads = Executors.newSingleThreadExecutor()) {
            // With a limit a chunk is several frames.
            PageSender sender = new PageSender(arena, out, from, new RateLimit(random.nextInt(3) * (100L << 20)));
            PageReceiver receiver =
                    new PageReceiver(arena, in, to, new PageSet(arena, PAGES), Backing.emptyChunks(arena, to));
            byte[] oracle = new byte[PAGES * PAGE];
            for (int round = 1; round <= Chance.times(60); round++) {
                PageSet wanted = someChanged(random, arena, from);
                long content = sender.contentPages();
                long zero = sender.zeroPages();
                Future<Integer> received = threads.submit(receiver::receiveRound);
                for (long chunk = 0; chunk < PageFrame.chunksIn(PAGES); chunk++) {
                    sender.sendChunk(wanted, chunk, random.nextInt(4) == 0, round);
                }
                sender.endRound(round);
                assertEquals(round, received.get());
                copy(wanted, from, oracle);
                assertEquals(wanted.cardinality(), sender.contentPages() - content + sender.zeroPages() - zero);
                assertEquals(-1, to.segment().mismatch(MemorySegment.ofArray(oracle)), "round " + round);
            }
        }
    }

    /** Changes some pages, and gives a set of pages that has them and others. */
    private static PageSet someChanged(Random random, Arena arena, GuestMemory memory) {
        PageSet wanted = new PageSet(arena, PAGES);
        int share = 1 + random.nextInt(20);
        for (int page = 0; page < PAGES; page++) {
            boolean alternating = share == 1 && page % 2 == 0;
            if (alternating || random.nextInt(20) < share / 2) {
                wanted.add(page);
                MemorySegment bytes = memory.segment().asSlice((long) page * PAGE, PAGE);
                switch (random.nextInt(4)) {
                    case 0 -> bytes.fill((byte) 0);
                    case 1 -> bytes.fill((byte) random.nextInt());
                    case 2 -> bytes.fill((byte) 0).set(ValueLayout.JAVA_BYTE, random.nextInt(PAGE), (byte) 1);
                    default -> {}
                }
            }
        }
        return wanted;
    }

    private static void copy(PageSet wanted, GuestMemory from, byte[] to) {
        for (int page = 0; page < PAGES; page++) {
            if (wanted.contains(page)) {
                MemorySegment.copy(from.segment(), ValueLayout.JAVA_BYTE, (long) page * PAGE, to, page * PAGE, PAGE);
            }
        }
    }

    /** What comes for a chunk that lacks nothing any more costs no memory, and is nobody's. */
    @Test
    void whatIsNotWantedIsReceivedNowhere() throws Exception {
        Path file = directory.resolve("late");
        try (Arena arena = Arena.ofShared();
                GuestMemory from = GuestMemory.allocate((long) PAGES * PAGE, LargePages.NONE);
                GuestMemory to = GuestMemory.allocate((long) PAGES * PAGE, LargePages.THP)) {
            from.segment().fill((byte) 3);
            PageSet all = new PageSet(arena, PAGES);
            all.addRange(0, PAGES);
            try (FileStream recording = FileStream.create(file)) {
                PageSender sender = new PageSender(arena, recording, from, new RateLimit(0));
                for (long chunk = 0; chunk < PageFrame.chunksIn(PAGES); chunk++) {
                    sender.sendChunk(all, chunk, true, PageFrame.AFTERWARDS);
                }
                sender.endRound(PageFrame.AFTERWARDS);
            }
            PageSet told = new PageSet(arena, PAGES);
            try (FileStream in = FileStream.open(file)) {
                new PageReceiver(
                                arena,
                                in,
                                to,
                                new PageSet(arena, PAGES),
                                page -> page / 512 != 1,
                                (first, count, _, _) -> told.addRange(first, count))
                        .receiveArrivals();
            }
            PageSet wanted = new PageSet(arena, PAGES);
            wanted.addAll(all);
            wanted.removeRange(512, 512);
            PageSet here = Backing.scan(arena, to).resident();
            for (long page = 0; page < PAGES; page++) {
                assertEquals(wanted.contains(page), told.contains(page), "page " + page);
                assertEquals(wanted.contains(page), here.contains(page), "page " + page);
                if (wanted.contains(page)) {
                    assertEquals((byte) 3, to.segment().get(ValueLayout.JAVA_BYTE, page * PAGE));
                }
            }
        }
    }

    @Test
    void aPageIsZeroWhenAllItsBytesAre() {
        Random random = Chance.random("aPageIsZeroWhenAllItsBytesAre");
        try (GuestMemory memory = GuestMemory.allocate(4 * PAGE, LargePages.NONE)) {
            for (int i = 0; i < 4 * PAGE; i++) {
                memory.segment().fill((byte) 0);
                int at = i < PAGE ? PAGE + i : random.nextInt(4 * PAGE);
                memory.segment().set(ValueLayout.JAVA_BYTE, at, (byte) (1 << random.nextInt(8)));
                for (int page = 0; page < 4; page++) {
                    assertEquals(page != at / PAGE, ZeroScan.isZero(memory.segment(), (long) page * PAGE));
                }
            }
        }
    }

    /** Whatever bytes come, a receiver takes them or throws; it writes nowhere else. */
    @Test
    void mutatedStreamsHarmNothing() throws Exception {
        Random random = Chance.random("mutatedStreamsHarmNothing");
        try (Arena arena = Arena.ofShared();
                GuestMemory from = GuestMemory.allocate((long) PAGES * PAGE, LargePages.NONE)) {
            Path file = directory.resolve("stream");
            try (FileStream recording = FileStream.create(file)) {
                PageSender sender = new PageSender(arena, recording, from, new RateLimit(0));
                for (int round = 1; round <= 3; round++) {
                    PageSet wanted = someChanged(random, arena, from);
                    for (long chunk = 0; chunk < PageFrame.chunksIn(PAGES); chunk++) {
                        sender.sendChunk(wanted, chunk, false, round);
                    }
                    sender.endRound(round);
                }
            }
            byte[] good = Files.readAllBytes(file);
            assertTrue(take(file));
            int refused = 0;
            int times = Chance.times(120);
            for (int i = 0; i < times; i++) {
                Files.write(file, mutated(random, good));
                refused += take(file) ? 0 : 1;
            }
            System.out.println("mutatedStreamsHarmNothing: " + refused + " of " + times + " refused");
        }
    }

    private static byte[] mutated(Random random, byte[] good) {
        byte[] bad = good.clone();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            // Most of a stream is content; headers are what matters.
            int at = random.nextBoolean() ? random.nextInt(Math.min(bad.length, 4200)) : random.nextInt(bad.length);
            bad[at] = (byte) (random.nextBoolean() ? random.nextInt() : bad[at] ^ 1 << random.nextInt(8));
        }
        return bad;
    }

    /** Whether the stream was taken to its end. */
    private static boolean take(Path stream) throws Exception {
        try (Arena arena = Arena.ofConfined();
                FileStream in = FileStream.open(stream);
                GuestMemory to = GuestMemory.allocate((long) PAGES * PAGE, LargePages.NONE)) {
            PageReceiver receiver =
                    new PageReceiver(arena, in, to, new PageSet(arena, PAGES), Backing.emptyChunks(arena, to));
            for (int round = 0; round < 3; round++) {
                receiver.receiveRound();
            }
            return true;
        } catch (TransportException e) {
            return false;
        }
    }
}
