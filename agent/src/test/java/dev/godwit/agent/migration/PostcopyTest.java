package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.migration.FaultProxy.Lane;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.host.tracking.HeatMap;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Guests that run at the target before all of their memory is there. */
@Tag("kvm")
@Timeout(180)
class PostcopyTest {
    private static final long MEMORY = 64 << 20;
    private static final long SECOND = 1_000_000_000;
    private static final String BUSY = "ws=16m cold=all cpus=2 pattern=random sweep=20000";

    private Kvm kvm;
    private LoopbackHost host;

    @BeforeEach
    void open() throws Exception {
        kvm = Kvm.open();
        host = new LoopbackHost(kvm);
    }

    @AfterEach
    void close() {
        host.close();
        kvm.close();
    }

    private Wanderer boot(LargePages largePages, String commandLine) throws Exception {
        return Wanderer.boot(
                kvm,
                host,
                GuestImage.DIRTIER,
                MachineConfig.of(MEMORY).withCpus(2).withLargePages(largePages).withCommandLine(commandLine));
    }

    private static MigrationOptions mode(MigrationMode mode) {
        return MigrationOptions.DEFAULT.withMode(mode);
    }

    /** On a busy host the fixed part of a pause alone exceeds the default budget. */
    private static MigrationOptions patient(MigrationMode mode) {
        return mode(mode).withDowntime(Duration.ofSeconds(5));
    }

    /** Time for one round at most: HYBRID might converge with a second. */
    private static MigrationOptions oneRound(MigrationMode mode) {
        return mode(mode).withBandwidth(64 << 20).withMaxTime(Duration.ofMillis(500));
    }

    /** A busy guest goes ahead, in all modes that may: with a longer pause AUTO might converge. */
    private static MigrationOptions ahead(MigrationMode mode) {
        return oneRound(mode).withDowntime(Duration.ofMillis(5));
    }

    @ParameterizedTest
    @CsvSource({"POSTCOPY,THP", "POSTCOPY,NONE", "HYBRID,THP", "HYBRID,NONE"})
    void theMemoryFollowsAGuestThatWritesAllTheTime(MigrationMode mode, LargePages largePages) throws Exception {
        Random random = Chance.random("theMemoryFollows");
        try (Wanderer guest = boot(largePages, BUSY)) {
            for (int i = 0; i < Chance.times(4); i++) {
                MigrationReport report = guest.move(oneRound(mode).withStreams(1 + random.nextInt(8)));
                guest.verify();
                assertNotNull(report.postcopy(), report.toString());
                assertTrue(report.postcopy().pages() > 0, report.toString());
                assertEquals(largePages == LargePages.THP, report.largePagesBefore() > 0);
                assertTrue(report.largePagesAfter() >= report.largePagesBefore(), report.toString());
                assertEquals(i + 1, host.completed.size());
                System.out.println(mode + " " + largePages + ": total " + report.totalMicros() / 1000 + " ms, downtime "
                        + report.downtime() + ", " + report.postcopy());
            }
        }
    }

    /** In the middle of the first round, which takes four seconds: what has not been sent by then follows the guest. */
    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"HYBRID", "AUTO"})
    void itsTimeEndsWithinARound(MigrationMode mode) throws Exception {
        try (Wanderer guest = boot(LargePages.THP, "ws=1m cold=all")) {
            MigrationReport report = guest.move(mode(mode)
                    .withDowntime(Duration.ofMillis(20))
                    .withBandwidth(16 << 20)
                    .withMaxTime(Duration.ofMillis(300)));
            guest.verify();
            long all = MEMORY / PageSize.SMALL;
            assertTrue(report.rounds().getFirst().deferredPages() > all * 3 / 4, report.toString());
            assertTrue(report.postcopy().pages() > all * 3 / 4, report.toString());
        }
    }

    /** They cannot be moved, and are put in whole only. */
    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"POSTCOPY", "HYBRID", "AUTO"})
    void reservedLargePages(MigrationMode mode) throws Exception {
        MigrationOptions options = ahead(mode);
        // Source and target at once.
        try (ReservedPages _ = ReservedPages.add(2 * MEMORY);
                Wanderer guest = boot(LargePages.HUGETLB, BUSY)) {
            for (int i = 0; i < 2; i++) {
                MigrationReport report = guest.move(options);
                guest.verify();
                assertNotNull(report.postcopy(), report.toString());
                assertTrue(report.postcopy().pages() > 0, report.toString());
                assertEquals(MEMORY, report.largePagesBefore(), report.toString());
                assertEquals(MEMORY, report.largePagesAfter(), report.toString());
                System.out.println(mode + " HUGETLB: " + report.downtime() + ", " + report.postcopy());
            }
        }
    }

    /** A target could not put in the one part without the other. */
    @Test
    void aPageMapThatPartsAReservedLargePageIsRefused() throws Exception {
        try (ReservedPages _ = ReservedPages.add(2 * PageSize.LARGE);
                Arena arena = Arena.ofConfined();
                GuestMemory memory = GuestMemory.allocate(2 * PageSize.LARGE, LargePages.HUGETLB)) {
            PageSet following = new PageSet(arena, memory.pages());
            PageSet large = Backing.emptyChunks(arena, memory);
            following.addRange(0, PageSize.SMALL_PER_LARGE);
            byte[] whole = PageMapMessage.of(following, large, null, 0, 0).encode();
            assertEquals(
                    following.cardinality(),
                    PageMapMessage.decode(arena, whole, memory, null).pages().cardinality());
            following.remove(7);
            byte[] parts = PageMapMessage.of(following, large, null, 0, 0).encode();
            assertThrows(TransportException.class, () -> PageMapMessage.decode(arena, parts, memory, null));
        }
    }

    @Test
    void autoIsPrecopyWhileThatConverges() throws Exception {
        try (Wanderer guest = boot(LargePages.THP, "ws=1m cold=all rate=1000 cpus=2")) {
            assertNull(guest.move(patient(MigrationMode.AUTO)).postcopy());
            guest.verify();
        }
    }

    @Test
    void inHybridALittleThatIsLeftGoesAlong() throws Exception {
        try (Wanderer guest = boot(LargePages.THP, "ws=64k cold=all rate=1000 cpus=2")) {
            boolean wentAlong = false;
            // On a busy host what a guest has written meanwhile may be more than a moment's.
            for (int i = 0; i < 10 && !wentAlong; i++) {
                MigrationReport report = guest.move(patient(MigrationMode.HYBRID));
                guest.verify();
                wentAlong = report.postcopy() == null;
                long last = wentAlong
                        ? report.rounds().getLast().pages()
                        : report.postcopy().pages();
                assertTrue(last < 2000, report.toString());
            }
            assertTrue(wentAlong);
        }
    }

    /** It writes half of its memory all the time: what is sent before that is sent again is sent for nothing. */
    @Test
    void whatIsWrittenAgainInTheFirstRoundIsSentOnce() throws Exception {
        try (Wanderer guest = boot(LargePages.THP, "ws=32m cold=all")) {
            MigrationReport report = guest.move(
                    mode(MigrationMode.AUTO).withDowntime(Duration.ofMillis(5)).withBandwidth(32 << 20));
            guest.verify();
            assertNotNull(report.postcopy(), report.toString());
            long sent = report.postcopy().pages()
                    + report.rounds().stream()
                            .mapToLong(round -> round.pages() - round.deferredPages())
                            .sum();
            long all = MEMORY / PageSize.SMALL;
            System.out.println(sent + " of " + all + " pages sent, in " + report.rounds());
            assertTrue(report.rounds().getFirst().deferredPages() > all / 4, report.toString());
            assertTrue(sent < all * 5 / 4, report.toString());
        }
    }

    @Test
    void autoGoesAheadOfWhatDoesNotConverge() throws Exception {
        try (Wanderer guest = boot(LargePages.THP, BUSY)) {
            MigrationReport report = guest.move(
                    mode(MigrationMode.AUTO).withDowntime(Duration.ofMillis(5)).withBandwidth(32 << 20));
            assertNotNull(report.postcopy(), report.toString());
            guest.verify();
        }
    }

    /** One that is paused asks for nothing: all comes in the order of heat. */
    @Test
    void aTrackedGuestIsFollowedByItsHottestPagesFirst() throws Exception {
        assertTrue(hottestCameFirst(true) > 0, "nothing hot came");
    }

    /** What it has asked for itself is not in the order; it does not walk through what is cold. */
    @Test
    void aGuestThatRunsIsFollowedByItsHottestPagesFirst() throws Exception {
        long pushed = 0;
        // On a busy host it may have asked for all that is hot before the first of it came.
        for (int i = 0; i < 5 && pushed == 0; i++) {
            pushed = hottestCameFirst(false);
        }
        assertTrue(pushed > 0, "the guest had asked for all that is hot");
    }

    /**
     * Moves a tracked guest and looks at the order of what was not waited for.
     *
     * @return how many hot pages came in it, all before the first cold one
     */
    private long hottestCameFirst(boolean paused) throws Exception {
        // One connection brings what is not waited for, or the order would be that of two.
        MigrationOptions options = mode(MigrationMode.POSTCOPY).withStreams(4);
        PageLog log = new PageLog();
        try (Arena arena = Arena.ofConfined();
                FaultProxy proxy = new FaultProxy(host.address(), null);
                Wanderer guest = boot(LargePages.THP, "ws=16m cold=all cpus=2 rate=5000 pattern=hotcold sweep=0")) {
            proxy.copy(new Lane(Role.PAGES, 1, true), log);
            AccessTracker tracker = guest.machine().trackAccesses(new AccessTracking(0.5, Duration.ofSeconds(10)));
            assertTrue(tracker.awaitLooks(5, Duration.ofSeconds(60)));
            tracker.stop();
            HeatMap heat = tracker.map();
            assertTrue(!paused || guest.machine().pause());
            var failure = guest.attempt(guest.prepare(proxy.address(), options));
            assertTrue(failure.isEmpty(), () -> failure.get().getMessage());
            List<Long> order = log.pages();
            PageSet hot = heat.hottest(arena, MEMORY / 4096 / 100);
            PageSet warm = heat.hottest(arena, MEMORY / 4096 * 3 / 10);
            assertTrue(least(heat, hot) > least(heat, warm), "it is not known what is hot");
            int hotLast = lastOf(order, hot::contains);
            int coldFirst = order.size() - 1 - lastOf(order.reversed(), page -> !warm.contains(page));
            System.out.println("the last hot page came as " + hotLast + ", the first cold one as " + coldFirst + " of "
                    + order.size());
            assertTrue(hotLast < coldFirst, "a cold page came before a hot one");
            long pushed = order.stream().filter(hot::contains).count();
            if (paused) {
                assertEquals(hot.cardinality(), pushed);
                guest.machine().resume();
            }
            guest.verify();
            return pushed;
        }
    }

    private static int least(HeatMap heat, PageSet pages) {
        int least = HeatMap.HOTTEST;
        for (long page = pages.next(0, pages.pages());
                page < pages.pages();
                page = pages.next(page + 1, pages.pages())) {
            least = Math.min(least, heat.level(page));
        }
        return least;
    }

    private static int lastOf(List<Long> order, Predicate<Long> which) {
        for (int i = order.size() - 1; i >= 0; i--) {
            if (which.test(order.get(i))) {
                return i;
            }
        }
        return -1;
    }

    /** What the guest waited for may have gone in by small pages. */
    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"POSTCOPY", "HYBRID", "AUTO"})
    void itsLargePagesAreWholeASecondAfterAllHasCome(MigrationMode mode) throws Exception {
        MigrationOptions options = ahead(mode);
        long broken = 0;
        try (Wanderer guest = boot(LargePages.THP, BUSY)) {
            for (int i = 0; i < Chance.times(3); i++) {
                Machine source = guest.machine();
                long before = largeBytes(source);
                assertTrue(before > 0);
                Migration migration = guest.prepare(host.address(), options);
                var moved = CompletableFuture.supplyAsync(
                        () -> guest.attempt(migration),
                        task -> Thread.ofPlatform().daemon().start(task));
                Eventually.await(() -> host.arrived.containsKey(Wanderer.NAME), "the guest arrives");
                Machine there = host.arrived.get(Wanderer.NAME);
                // The source's machine ends when it has heard that all is there.
                long complete =
                        source.whenStopped().thenApply(_ -> System.nanoTime()).get(60, TimeUnit.SECONDS);
                long large = largeBytes(there);
                long after = System.nanoTime() - complete;
                while (large < before && after < SECOND) {
                    LockSupport.parkNanos(1_000_000);
                    large = largeBytes(there);
                    after = System.nanoTime() - complete;
                }
                System.out.println(mode + ": large pages are whole after " + after / 1000 + " µs");
                assertTrue(large >= before, large + " bytes of " + before + " after a second");
                assertTrue(after < SECOND, "only after " + after + " ns");
                var failure = moved.get();
                assertTrue(failure.isEmpty(), () -> failure.get().getMessage());
                assertNotNull(guest.report().postcopy(), guest.report().toString());
                broken += guest.report().postcopy().faults().brokenChunks();
                guest.verify();
            }
        }
        assertTrue(broken > 0, "no large page went in by small ones");
    }

    private static long largeBytes(Machine machine) {
        try (Arena arena = Arena.ofConfined()) {
            return Backing.scan(arena, machine.memory()).largeBytes();
        }
    }

    /** All of it follows, what the rounds before did not send and what was written since, whatever decides what is hot. */
    @ParameterizedTest
    @CsvSource({"0, 4m, THP, hotcold", "2, 0, NONE, zipf", "1, 2m, THP, zipf", "100000000, 0, NONE, hotcold"})
    void theHottestPagesGoBeforeTheGuest(double threshold, String size, LargePages largePages, String pattern)
            throws Exception {
        long bytes = Sizes.parse("size", size);
        try (Wanderer guest = boot(largePages, "ws=16m cold=all cpus=2 reads=50 rate=20000 pattern=" + pattern)) {
            for (int i = 0; i < Chance.times(3); i++) {
                AccessTracker tracker = guest.machine().trackAccesses(new AccessTracking(0.5, Duration.ofSeconds(10)));
                assertTrue(tracker.awaitLooks(5, Duration.ofSeconds(60)));
                tracker.stop();
                MigrationReport report = guest.move(mode(MigrationMode.HYBRID).withHot(new HotPages(threshold, bytes)));
                guest.verify();
                System.out.println(pattern + " " + threshold + "/s " + size + ": " + report.hot() + ", "
                        + report.rounds() + ", " + report.postcopy());
                MigrationReport.Round first = report.rounds().getFirst();
                assertEquals(report.hot().pages(), first.pages());
                assertEquals(report.hot().pages() * 4096, report.hot().bytes());
                // The working set is 4096 pages, of 16384.
                assertTrue(first.pages() <= (bytes == 0 ? 6000 : bytes / 4096), report.toString());
                assertEquals(threshold < 1e6, first.pages() > 0, report.toString());
                assertTrue(first.dirtiedPages() <= first.pages(), "cold pages follow however often they are written");
                assertTrue(report.postcopy().pages() >= 16384 - 700 - first.pages(), report.toString());
                assertTrue(report.largePagesAfter() >= report.largePagesBefore(), report.toString());
            }
        }
    }

    @Test
    void whatIsHotIsNotKnownOfAGuestThatWasNeverTracked() throws Exception {
        try (Wanderer guest = boot(LargePages.THP, "ws=1m rate=1000 cpus=2")) {
            MigrationOptions options = mode(MigrationMode.HYBRID).withHot(new HotPages(1, 0));
            MigrationException e =
                    guest.attempt(guest.prepare(host.address(), options)).orElseThrow();
            assertEquals(MigrationException.Kind.REFUSED, e.kind());
            assertTrue(e.getMessage().contains("godwit heat wanderer"), e.getMessage());
            assertEquals(0, guest.report().wireBytes());
            guest.verify();
        }
    }

    /** Said when the target accepts, before anything of the guest is sent. */
    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"HYBRID", "POSTCOPY"})
    void aTargetThatCannotPageTakesNoGuestAheadOfItsMemory(MigrationMode mode) throws Exception {
        host.pagingProblem = Optional.of("userfaultfd: EPERM");
        try (Wanderer guest = boot(LargePages.THP, "ws=1m rate=1000 cpus=2")) {
            MigrationException e =
                    guest.attempt(guest.prepare(host.address(), mode(mode))).orElseThrow();
            assertEquals(MigrationException.Kind.REFUSED, e.kind());
            assertEquals(
                    "the target takes guests with all of their memory only: userfaultfd: EPERM (godwit check there says"
                            + " more); take --mode precopy or auto",
                    e.getMessage());
            assertEquals(0, guest.report().wireBytes());
            guest.verify();
        }
    }

    @Test
    void autoIsPrecopyForATargetThatCannotPage() throws Exception {
        host.pagingProblem = Optional.of("userfaultfd: EPERM");
        try (Wanderer guest = boot(LargePages.THP, "ws=1m cold=all rate=1000 cpus=2")) {
            MigrationReport report = guest.move(patient(MigrationMode.AUTO));
            assertNull(report.postcopy());
            assertEquals("userfaultfd: EPERM", report.wholeBecause());
            assertEquals("auto", report.mode());
            guest.verify();
            assertNull(guest.move(patient(MigrationMode.PRECOPY)).wholeBecause(), "nobody asked");
        }
        try (Wanderer guest = boot(LargePages.THP, BUSY)) {
            MigrationOptions hard = mode(MigrationMode.AUTO)
                    .withDowntime(Duration.ofMillis(30))
                    .withBandwidth(32 << 20)
                    .withMaxTime(Duration.ofSeconds(1));
            MigrationException e =
                    guest.attempt(guest.prepare(host.address(), hard)).orElseThrow();
            assertEquals(MigrationException.Kind.NOT_CONVERGED, e.kind());
            assertTrue(
                    e.getMessage().endsWith("its memory cannot follow it, since the target says: userfaultfd: EPERM"),
                    e.getMessage());
            guest.verify();
        }
    }

    /** The source looks at what there is while its target builds a machine, and nobody logs what is written from then on. */
    @Test
    void whatIsTouchedForTheFirstTimeAfterTheSourceHasLookedFollows() throws Exception {
        long last = MEMORY - PageSize.SMALL;
        CompletableFuture<GuestMemory> source = new CompletableFuture<>();
        try (LoopbackHost slow = new LoopbackHost(kvm) {
                    @Override
                    void backing(Machine machine) {
                        LockSupport.parkNanos(SECOND / 4);
                        GuestMemory there = source.join();
                        there.segment().set(ValueLayout.JAVA_LONG, last, 4711);
                        // For the log, if there is one after all.
                        there.markWritten(last, Long.BYTES);
                    }
                };
                Wanderer guest = Wanderer.boot(
                        kvm, slow, GuestImage.DIRTIER, MachineConfig.of(MEMORY).withCommandLine("ws=1m rate=1000"));
                Arena arena = Arena.ofConfined()) {
            GuestMemory memory = guest.machine().memory();
            assertFalse(
                    Backing.scan(arena, memory).resident().contains(last >>> PageSize.SMALL_SHIFT),
                    "the guest has touched all of its memory");
            source.complete(memory);
            guest.move(mode(MigrationMode.POSTCOPY));
            assertEquals(4711, guest.machine().memory().segment().get(ValueLayout.JAVA_LONG, last));
            guest.verify();
        }
    }

    @Test
    void anIdleGuestAndAPausedOne() throws Exception {
        try (Wanderer guest = boot(LargePages.THP, "ws=4k cold=all rate=1 cpus=2")) {
            guest.move(mode(MigrationMode.POSTCOPY));
            guest.verify();
            assertTrue(guest.machine().pause());
            guest.move(mode(MigrationMode.POSTCOPY));
            guest.move(mode(MigrationMode.HYBRID));
            guest.machine().resume();
            guest.verify();
        }
    }
}
