package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.memoryhost.RemoteMap;
import dev.godwit.agent.paging.PageMap;
import dev.godwit.agent.transport.ProcessIdentity;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.tracking.HeatMap;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The parts that need neither KVM nor a network. */
class MigrationPartsTest {
    private static final long MILLI = 1_000_000;
    private static final List<ChunkRun> RUNS = List.of(new ChunkRun(1, 31), new ChunkRun(0, 1));
    private static final CpuId CPU = new CpuId(List.of(new CpuId.Entry(1, 2, 3, 4, 5, 6, 7)));

    @Test
    void pausesWhenTheRestFitsAndNoRoundMakesItMuchSmaller() {
        Convergence convergence = new Convergence(Duration.ofMillis(100), Duration.ofMillis(10));
        assertTrue(convergence.expectedDowntime().isNegative());
        // 100 MiB in 100 ms; 200 MiB left: a pause of 210 ms.
        assertFalse(convergence.roundDone(100 << 20, 100 * MILLI, 200 << 8));
        assertEquals(210, convergence.expectedDowntime().toMillis());
        assertEquals(1000, Math.round(convergence.bandwidth() / (double) (1 << 20)));
        // 50 MiB fit, but the next round may leave even less.
        assertFalse(convergence.roundDone(100 << 20, 100 * MILLI, 50 << 8));
        // It did not.
        assertTrue(convergence.roundDone(50 << 20, 50 * MILLI, 49 << 8));
    }

    @Test
    void aVeryShortPauseIsTakenAtOnce() {
        Convergence convergence = new Convergence(Duration.ofMillis(100), Duration.ofMillis(10));
        assertTrue(convergence.roundDone(100 << 20, 100 * MILLI, 100));
    }

    @Test
    void littleContentSaysNothingAboutTheRate() {
        Convergence convergence = new Convergence(Duration.ofMillis(100), Duration.ZERO);
        convergence.roundDone(100 << 20, 100 * MILLI, 1 << 8);
        long known = convergence.bandwidth();
        convergence.roundDone(4096, 100 * MILLI, 1 << 8);
        assertEquals(known, convergence.bandwidth());
    }

    @Test
    void whatFitsThePauseIsNotStalledHoweverFastTheGuestWrites() {
        Convergence convergence = new Convergence(Duration.ofMillis(100), Duration.ofMillis(10));
        convergence.roundDone(100 << 20, 100 * MILLI, 200 << 8);
        assertTrue(convergence.isStalled(1e9));
        assertFalse(convergence.isStalled(0));
        // 50 MiB: 60 ms of 100.
        convergence.roundDone(100 << 20, 100 * MILLI, 50 << 8);
        assertFalse(convergence.isStalled(1e9));
    }

    /** What is left, and what the guest writes: another round is worth it if it leaves much less. */
    @Test
    void anotherRoundIsWorthItWhileEachLeavesMuchLess() {
        // 1000 MiB a second; 100 MiB left take 100 ms.
        Convergence convergence = new Convergence(Duration.ofMillis(1), Duration.ofMillis(10));
        convergence.roundDone(1000 << 20, 1000 * MILLI, 100 << 8);
        assertFalse(convergence.isShort());
        assertTrue(convergence.isWorthAnother(500 << 8));
        assertFalse(convergence.isWorthAnother(800 << 8));
        // It was not, whatever the rate.
        convergence.roundDone(100 << 20, 100 * MILLI, 90 << 8);
        assertFalse(convergence.isWorthAnother(0));
        // 2 MiB take 2 ms.
        convergence.roundDone(90 << 20, 90 * MILLI, 2 << 8);
        assertTrue(convergence.isShort());
        assertFalse(convergence.isWorthAnother(0));
    }

    @Test
    void whatNeverFitsIsHopeless() {
        assertTrue(new Convergence(Duration.ofMillis(10), Duration.ofMillis(10)).isHopeless());
        assertFalse(new Convergence(Duration.ofMillis(11), Duration.ofMillis(10)).isHopeless());
    }

    @Test
    void fewConnectionsBringWhatIsNotWaitedFor() {
        assertEquals(1, MigrationOptions.DEFAULT.withStreams(1).pageStreams());
        assertEquals(1, MigrationOptions.DEFAULT.pageStreams());
        assertEquals(2, MigrationOptions.DEFAULT.withStreams(5).pageStreams());
        assertEquals(
                4,
                MigrationOptions.DEFAULT
                        .withStreams(MigrationOptions.MAX_STREAMS)
                        .pageStreams());
    }

    @Test
    void hotPagesAreForHybridAlone() {
        MigrationOptions hybrid = MigrationOptions.DEFAULT.withMode(MigrationMode.HYBRID);
        HotPages some = new HotPages(2, 0);
        assertEquals(some, hybrid.withHot(some).hot());
        for (MigrationMode mode : MigrationMode.values()) {
            if (mode != MigrationMode.HYBRID) {
                String why = assertThrows(
                                IllegalArgumentException.class,
                                () -> MigrationOptions.DEFAULT.withMode(mode).withHot(some))
                        .getMessage();
                assertTrue(why.endsWith("nothing in mode " + mode.text()), why);
            }
        }
        assertFalse(HotPages.ALL.isLimited());
        for (double bad : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThrows(IllegalArgumentException.class, () -> new HotPages(bad, 0));
        }
        assertThrows(IllegalArgumentException.class, () -> new HotPages(0, 4095));
        assertThrows(IllegalArgumentException.class, () -> new HotPages(0, -1));
    }

    @Test
    void theHottestPagesAreChosenWithinBothLimits() {
        Random random = Chance.random("theHottestPagesAreChosen");
        try (Arena arena = Arena.ofConfined()) {
            byte[] levels = new byte[3000];
            for (int i = 0; i < levels.length; i++) {
                levels[i] = (byte) (random.nextBoolean() ? 0 : random.nextInt(256));
            }
            HeatMap heat = new HeatMap(levels);
            for (int i = 0; i < Chance.times(200); i++) {
                int level = random.nextInt(256);
                long pages = random.nextInt(4000);
                PageSet chosen = new HotPages(HeatMap.rateOf(level), pages * 4096).choose(arena, heat);
                long oracle = IntStream.range(0, levels.length)
                        .filter(page -> heat.level(page) > 0 && heat.level(page) >= level)
                        .count();
                assertEquals(pages == 0 ? oracle : Math.min(oracle, pages), chosen.cardinality());
                int coldest = HeatMap.HOTTEST;
                int hottest = 0;
                for (int page = 0; page < levels.length; page++) {
                    if (chosen.contains(page)) {
                        coldest = Math.min(coldest, heat.level(page));
                    } else {
                        hottest = Math.max(hottest, heat.level(page));
                    }
                }
                assertTrue(chosen.isEmpty() || (coldest >= hottest && coldest >= level), coldest + " " + hottest);
            }
        }
    }

    @Test
    void roundsAreKeptWithinBoundsAndNoneIsLost() {
        Timeline timeline = new Timeline();
        for (int i = 1; i <= 3 * Timeline.MAX_ROUNDS; i++) {
            timeline.add(new MigrationReport.Round(i, 3, 1, 1, 1, 1, i));
        }
        List<MigrationReport.Round> rounds = timeline.rounds();
        assertEquals(Timeline.MAX_ROUNDS, rounds.size());
        assertEquals(3 * Timeline.MAX_ROUNDS, rounds.getLast().number());
        for (ToLongFunction<MigrationReport.Round> part : List.<ToLongFunction<MigrationReport.Round>>of(
                MigrationReport.Round::dataPages,
                MigrationReport.Round::zeroPages,
                MigrationReport.Round::deferredPages)) {
            assertEquals(
                    3 * Timeline.MAX_ROUNDS, rounds.stream().mapToLong(part).sum());
        }
        assertEquals(
                9 * Timeline.MAX_ROUNDS,
                rounds.stream().mapToLong(MigrationReport.Round::pages).sum());
    }

    @Test
    void thePartsOfAPauseAddUp() {
        Timeline timeline = new Timeline();
        timeline.pauseStart = 1_000_000;
        timeline.paused = 1_500_000;
        timeline.saveNanos = 200_000;
        timeline.restoreNanos = 300_000;
        timeline.hashNanos = 400_000;
        timeline.targetHashNanos = 350_000;
        timeline.ready = 3_500_000;
        timeline.resumeNanos = 100_000;
        timeline.running = 4_000_000;
        MigrationReport.Downtime pause = timeline.downtime();
        assertEquals(new MigrationReport.Downtime(3000, 500, 1100, 500, 400, 400, 100), pause);
        assertEquals(pause.total(), sum(pause));
        // Hashing here took longer than hashing there, which went on to restore meanwhile.
        timeline.hashNanos = 1_700_000;
        pause = timeline.downtime();
        assertEquals(new MigrationReport.Downtime(3000, 500, 0, 500, 1500, 400, 100), pause);
        assertEquals(pause.total(), sum(pause));
    }

    private static long sum(MigrationReport.Downtime pause) {
        return pause.pause() + pause.lastPages() + pause.state() + pause.verify() + pause.handover() + pause.resume();
    }

    @Test
    void phasesAreTimed() {
        Timeline timeline = new Timeline();
        timeline.enter(MigrationPhase.PRECOPY);
        timeline.enter(MigrationPhase.FAILED);
        assertEquals(MigrationPhase.FAILED, timeline.phase());
        assertEquals(
                List.of("connecting", "precopy"),
                List.copyOf(timeline.phaseMicros().keySet()));
        assertEquals(MigrationReport.Downtime.NONE, timeline.downtime());
    }

    @Test
    void anOfferIsWhatItWas() throws Exception {
        MachineConfig config = MachineConfig.of(64 << 20)
                .withCpus(3)
                .withCommandLine("a \"b\" \u00e4")
                .withDisks(List.of(new MachineConfig.Disk(Path.of("/disks/a b"), true)));
        GuestDescription guest = new GuestDescription("name", "image.elf", config);
        Offer offer = Offer.of(guest, MigrationOptions.DEFAULT.withMode(MigrationMode.PRECOPY), CPU, RUNS);
        Offer decoded = Offer.decode(offer.encode());
        assertEquals(offer, decoded);
        assertEquals(guest, decoded.guest());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "null",
                "[]",
                "7",
                "{}",
                "{\"name\":\"x\"}",
                "[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]",
            })
    void whatIsNoOfferIsRefusedInOneLine(String text) {
        TransportException e =
                assertThrows(TransportException.class, () -> Offer.decode(text.getBytes(StandardCharsets.UTF_8)));
        assertEquals(TransportException.Kind.MALFORMED, e.kind());
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
    }

    /** Of a guest of 64 MiB, which has chunks 0 to 31. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "null",
                "7",
                "{}",
                "[null]",
                "[[0,1]]",
                "[{}]",
                "[{'first':0}]",
                "[{'first':null,'count':1}]",
                "[{'first':0,'count':1,'more':1}]",
                "[{'first':0,'count':0}]",
                "[{'first':0,'count':-1}]",
                "[{'first':-1,'count':1}]",
                "[{'first':32,'count':1}]",
                "[{'first':31,'count':2}]",
                "[{'first':0,'count':33}]",
                "[{'first':1,'count':9223372036854775807}]",
                "[{'first':9223372036854775807,'count':1}]",
                "[{'first':9223372036854775808,'count':1}]",
                "[{'first':4,'count':4},{'first':4,'count':4}]",
                "[{'first':4,'count':4},{'first':7,'count':1}]",
                "[{'first':4,'count':4},{'first':0,'count':5}]",
                "[{'first':4,'count':1},{'first':0,'count':32}]",
            })
    void largePagesThatAGuestCannotHaveAreRefusedInOneLine(String large) throws Exception {
        GuestDescription guest = new GuestDescription("n", "i", MachineConfig.of(64 << 20));
        String good = new String(
                Offer.of(guest, MigrationOptions.DEFAULT, CPU, List.of()).encode(), StandardCharsets.UTF_8);
        assertEquals(
                List.of(), Offer.decode(good.getBytes(StandardCharsets.UTF_8)).large());
        String bad = good.replace("\"large\":[]", "\"large\":" + large.replace('\'', '"'));
        assertNotEquals(good, bad);
        TransportException e =
                assertThrows(TransportException.class, () -> Offer.decode(bad.getBytes(StandardCharsets.UTF_8)));
        assertEquals(TransportException.Kind.MALFORMED, e.kind());
        assertTrue(e.getMessage().startsWith("an offer "), e.getMessage());
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
    }

    /** The last chunk of a guest may be a part of one. */
    @Test
    void allLargePagesThatAGuestCanHaveAreTaken() throws Exception {
        List<ChunkRun> runs =
                IntStream.range(0, 8).mapToObj(i -> new ChunkRun(28 - 4 * i, 4)).toList();
        for (long memory : new long[] {64 << 20, (62 << 20) + 4096}) {
            GuestDescription guest = new GuestDescription("n", "i", MachineConfig.of(memory));
            byte[] offer = Offer.of(guest, MigrationOptions.DEFAULT, CPU, runs).encode();
            assertEquals(runs, Offer.decode(offer).large());
        }
    }

    @Test
    void noMoreRunsOfLargePagesAreTakenThanAreTold() throws Exception {
        GuestDescription guest = new GuestDescription("n", "i", MachineConfig.of((2L * (ChunkRun.MOST + 1)) << 21));
        for (int runs = ChunkRun.MOST; runs <= ChunkRun.MOST + 1; runs++) {
            List<ChunkRun> large = IntStream.range(0, runs)
                    .mapToObj(i -> new ChunkRun(2L * i, 1))
                    .toList();
            byte[] offer = Offer.of(guest, MigrationOptions.DEFAULT, CPU, large).encode();
            if (runs == ChunkRun.MOST) {
                assertTrue(offer.length <= Offer.MAX_BYTES);
                assertEquals(large, Offer.decode(offer).large());
            } else {
                assertThrows(TransportException.class, () -> Offer.decode(offer));
            }
        }
    }

    @Test
    void mutatedOffersAreTakenOrRefused() {
        Random random = Chance.random("mutatedOffersAreTakenOrRefused");
        byte[] good = Offer.of(
                        new GuestDescription("n", "i", MachineConfig.of(64 << 20)),
                        MigrationOptions.DEFAULT.withMode(MigrationMode.PRECOPY),
                        CPU,
                        RUNS)
                .encode();
        String[] words = {"null", "-1", "0", "99999999999999999999", "\"\"", "{}", "[]", "1e400", "\u0000"};
        for (int i = 0; i < Chance.times(3000); i++) {
            String text = new String(good, StandardCharsets.UTF_8);
            int from = random.nextInt(text.length());
            int to = Math.min(text.length(), from + random.nextInt(12));
            String bad = text.substring(0, from) + words[random.nextInt(words.length)] + text.substring(to);
            try {
                Offer.decode(bad.getBytes(StandardCharsets.UTF_8)).guest();
            } catch (TransportException | TargetHost.RefusedException e) {
                assertFalse(String.valueOf(e.getMessage()).contains("\n"), e.getMessage());
            }
        }
    }

    @Test
    void acceptIsWhatItWasAndAnythingIsOne() {
        AcceptMessage can = new AcceptMessage(ProcessIdentity.own(), "");
        assertEquals(can, AcceptMessage.decode(can.encode()));
        AcceptMessage cannot = new AcceptMessage(ProcessIdentity.own(), "weil nicht erlaubt: \u00fc");
        assertEquals(cannot, AcceptMessage.decode(cannot.encode()));
        AcceptMessage wordy = new AcceptMessage(ProcessIdentity.own(), "x".repeat(5000));
        assertEquals(AcceptMessage.MAX_BYTES, wordy.encode().length);
        assertEquals(ProcessIdentity.NONE, AcceptMessage.decode(new byte[39]).taker());
        byte[] lines = Arrays.copyOf(can.encode(), 43);
        lines[41] = '\n';
        assertEquals("   ", AcceptMessage.decode(lines).wholeBecause());
    }

    @Test
    void readyAndSummaryAreWhatTheyWereOrAreRefused() throws Exception {
        ReadyMessage ready = ReadyMessage.decode(new ReadyMessage(1, 2, new int[] {3, -4}).encode());
        assertEquals(1, ready.restoreMicros());
        assertEquals(2, ready.hashMicros());
        assertArrayEquals(new int[] {3, -4}, ready.hashes());
        SummaryMessage summary = new SummaryMessage(
                7, List.of("a", "b"), new FaultSummary(5, 1, 2, 3, 4, 15, List.of(9.0, 5.0), 1, 7, 6, 8));
        assertEquals(summary, SummaryMessage.decode(summary.encode()));
        assertEquals(10, summary.faults().mostBlocked());
        assertEquals(5, summary.faults().leastBlocked());
        String text = new String(summary.encode(), StandardCharsets.UTF_8);
        for (String wrong : List.of("[-1]", "[null]", "null", "[\"NaN\"]", "[1e999]", "[" + "1,".repeat(2000) + "1]")) {
            byte[] lie = text.replace("[9.0,5.0]", wrong).getBytes(StandardCharsets.UTF_8);
            assertThrows(TransportException.class, () -> SummaryMessage.decode(lie), wrong);
        }
        assertEquals(
                new SummaryMessage(0, List.of(), null),
                SummaryMessage.decode(new SummaryMessage(0, List.of(), null).encode()));
        String old = new String(summary.encode(), StandardCharsets.UTF_8).replace("\"atOnce\":7,", "");
        assertThrows(TransportException.class, () -> SummaryMessage.decode(old.getBytes(StandardCharsets.UTF_8)));
        Random random = Chance.random("readyAndSummaryAreWhatTheyWereOrAreRefused");
        for (int i = 0; i < Chance.times(3000); i++) {
            byte[] bytes = new byte[random.nextInt(40)];
            random.nextBytes(bytes);
            if (random.nextBoolean() && bytes.length >= 20) {
                bytes[17] = 0;
                bytes[18] = 0;
                bytes[19] = 0;
            }
            try {
                assertEquals(bytes.length, 20 + 4 * ReadyMessage.decode(bytes).hashes().length);
            } catch (TransportException e) {
                assertEquals(TransportException.Kind.MALFORMED, e.kind());
            }
            try {
                SummaryMessage.decode(bytes);
            } catch (TransportException e) {
                assertTrue(e.getMessage().contains("SUMMARY"), e.getMessage());
            }
        }
    }

    @Test
    void outcomesThatNobodyKnowsAreUnknown() {
        for (Outcome outcome : Outcome.values()) {
            assertEquals(outcome, Outcome.of(outcome.wire()));
        }
        for (long wire : new long[] {0, 6, -1, Long.MIN_VALUE, 1L << 32 | 1}) {
            assertEquals(Outcome.UNKNOWN, Outcome.of(wire));
        }
    }

    @Test
    void differencesOfMemoryAreFound() {
        assertEquals(-1, MemoryHash.firstDifference(new int[] {1, 2}, new int[] {1, 2}));
        assertEquals(1, MemoryHash.firstDifference(new int[] {1, 2}, new int[] {1, 3}));
        assertEquals(1, MemoryHash.firstDifference(new int[] {1, 2}, new int[] {1}));
    }

    /** A page that came from there between the two looks at what is where. */
    @Test
    void aPageAtTheMemoryHostDoesNotFollowAsWell() throws Exception {
        try (Arena arena = Arena.ofConfined();
                GuestMemory memory = GuestMemory.allocate(4L << 20, LargePages.NONE)) {
            PageSet following = new PageSet(arena, memory.pages());
            following.add(3);
            following.add(700);
            PageSet there = new PageSet(arena, memory.pages());
            there.add(3);
            PageSet large = Backing.emptyChunks(arena, memory);
            byte[] message = PageMapMessage.of(following, large, there, 3, 500).encode();
            PageMapMessage map = PageMapMessage.decode(arena, message, memory, there);
            assertEquals(1, map.pages().cardinality());
            assertTrue(map.pages().contains(700));
            assertTrue(map.remote().contains(3));
            assertEquals(3, map.epoch());
            assertEquals(500, map.resident());
            byte[] tooMany = PageMapMessage.of(following, large, there, 3, memory.pages() + 1)
                    .encode();
            assertMalformed(() -> PageMapMessage.decode(arena, tooMany, memory, there));
        }
    }

    /** The memory host has its last content only if it was there when nothing left the guest any more. */
    @Test
    void aPageThatWasNotAtTheMemoryHostCannotBeThereAfterwards() throws Exception {
        try (Arena arena = Arena.ofConfined();
                GuestMemory memory = GuestMemory.allocate(4L << 20, LargePages.NONE)) {
            PageSet none = new PageSet(arena, memory.pages());
            PageSet there = new PageSet(arena, memory.pages());
            there.add(3);
            PageSet large = Backing.emptyChunks(arena, memory);
            byte[] message = PageMapMessage.of(none, large, there, 1, 0).encode();
            assertMalformed(() -> PageMapMessage.decode(arena, message, memory, none));
            assertMalformed(() -> PageMapMessage.decode(arena, message, memory, null));
            assertMalformed(() -> PageMapMessage.decode(arena, Arrays.copyOf(message, 100), memory, there));
            PageSet both = new PageSet(arena, memory.pages());
            both.add(3);
            byte[] twice = new PageMapMessage(both, large, there, 1, 0).encode();
            assertMalformed(() -> PageMapMessage.decode(arena, twice, memory, there));
        }
    }

    @Test
    void whatIsSaidOfPagesAtAMemoryHostIsLookedAt() throws Exception {
        int pages = 1024;
        try (Arena arena = Arena.ofConfined()) {
            PageSet there = new PageSet(arena, pages);
            there.add(3);
            there.add(1023);
            byte[] message = RemoteMapMessage.encode(new RemoteMap(there, new int[] {7, PageMap.MAX_FRAMES - 1}));
            RemoteMap map = RemoteMapMessage.decode(arena, message, pages);
            assertEquals(2, map.pages().cardinality());
            assertTrue(map.pages().contains(1023));
            assertArrayEquals(new int[] {7, PageMap.MAX_FRAMES - 1}, map.checksums());
            assertMalformed(() -> RemoteMapMessage.decode(arena, new byte[7], pages));
            assertMalformed(() -> RemoteMapMessage.decode(arena, Arrays.copyOf(message, message.length - 1), pages));
            assertMalformed(() -> RemoteMapMessage.decode(arena, Arrays.copyOf(message, message.length + 4), pages));
            byte[] beyond = RemoteMapMessage.encode(new RemoteMap(there, new int[] {7, PageMap.MAX_FRAMES}));
            assertMalformed(() -> RemoteMapMessage.decode(arena, beyond, pages));
        }
    }

    @Test
    void aStepOfGoingOnThatFailsKeepsNoOtherFromBeingTaken() {
        Throwable failure = new IllegalStateException("why it goes on");
        List<String> taken = new ArrayList<>();
        Migration.each(
                failure,
                () -> {
                    throw new IllegalStateException("its pages are not taken back");
                },
                () -> taken.add("it runs"),
                () -> {
                    throw new OutOfMemoryError("as the test says");
                },
                () -> taken.add("it is not logged any more"));
        assertEquals(List.of("it runs", "it is not logged any more"), taken);
        assertEquals(2, failure.getSuppressed().length);
    }

    private static void assertMalformed(Executable decoding) {
        TransportException e = assertThrows(TransportException.class, decoding);
        assertEquals(TransportException.Kind.MALFORMED, e.kind());
    }
}
