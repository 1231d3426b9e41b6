package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.memory.PageSize;
import dev.godwit.images.AccessCounts;
import dev.godwit.images.DirtierOptions;
import dev.godwit.images.DirtierOptions.Pattern;
import dev.godwit.images.DirtierReport;
import dev.godwit.images.GuestImage;
import dev.godwit.images.GuestPace;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Guests access their pages as their pattern says, and tell how often: the truth that access tracking is judged by. */
@Tag("kvm")
@Timeout(300)
class AccessPatternTest {
    private static final int PAGES = 1000;
    private static final int TENTH = PAGES / 10;
    private static final DirtierOptions OPTIONS = DirtierOptions.DEFAULT.withWorkingSet(PAGES * PageSize.SMALL);
    private static final long ENOUGH = 200_000;

    @Test
    void zipfFollowsItsLawAndReachesEveryPage() throws InterruptedException {
        DirtierOptions options = OPTIONS.withPattern(Pattern.ZIPF).withReads(95);
        AccessCounts counts = run(options, ENOUGH, guest -> {
            DirtierReport report = guest.report();
            assertEquals(0.05, (double) report.writes() / report.checked(), 0.005, report.toString());
            return guest.accesses();
        });
        double[] byRank = sorted(counts);
        for (int rank : new int[] {1, 2, 10, TENTH, 300}) {
            int width = 1 + rank / 5; // ranks together, so that chance evens out
            double expected = counts.total() * (Math.log(rank + width) - Math.log(rank)) / Math.log(PAGES + 1);
            double found = Arrays.stream(byRank, rank - 1, rank - 1 + width).sum();
            assertEquals(1, found / expected, 0.1, "rank " + rank + " of " + Arrays.toString(byRank));
        }
        assertTrue(byRank[PAGES - 1] > 0, "the rarest");
        assertEquals(
                Math.log(TENTH + 1) / Math.log(PAGES + 1), counts.shareOf(counts.top(0.1)), 0.02, "top decile's share");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 50})
    void zipfScattersItsRanksInClusters(int cluster) throws InterruptedException {
        DirtierOptions options = OPTIONS.withPattern(Pattern.ZIPF).withCluster(cluster);
        AccessCounts counts = run(options, ENOUGH, Guest::accesses);
        BitSet top = counts.top(0.02);
        BitSet parts = new BitSet();
        top.stream().forEach(page -> parts.set(page / 50));
        assertTrue(cluster == 1 ? parts.cardinality() >= 15 : parts.cardinality() == 1, "20 hottest: " + top);
    }

    @Test
    void aReadOnlyHotSetIsHotAndNeverWritten() throws InterruptedException {
        run(OPTIONS.withPattern(Pattern.READHOT), ENOUGH, guest -> {
            AccessCounts counts = guest.accesses();
            assertEquals(0.9, counts.shareOf(range(0, TENTH)), 0.02);
            for (int i = 0; i < PAGES; i++) {
                long generation = guest.machine
                        .memory()
                        .segment()
                        .get(ValueLayout.JAVA_LONG, counts.page(i) * PageSize.SMALL + Long.BYTES);
                assertEquals(i >= TENTH, generation > 1, "page " + i + " has generation " + generation);
            }
            return null;
        });
    }

    @Test
    void aHotSetMovesOn() throws InterruptedException {
        int move = 5000;
        DirtierOptions options =
                OPTIONS.withPattern(Pattern.MOVING).withMove(move).withRate(50_000);
        AccessCounts counts = run(options, 3L * move, Guest::accesses);
        for (int part = 0; part < 10; part++) {
            int hot = part;
            long inside = LongStream.range(0, counts.total())
                    .filter(access -> access / move % 10 == hot)
                    .count();
            double expected = inside * 0.9 + (counts.total() - inside) * 0.1 / 9;
            double found = range(part * TENTH, (part + 1) * TENTH).stream()
                    .mapToLong(counts::count)
                    .sum();
            assertEquals(
                    expected, found, 30 + expected * 0.15, "tenth " + part + " of " + counts.total() + " accesses");
        }
    }

    @Test
    void countsOfTwoVcpusAddUpAndAreForgotten() throws InterruptedException {
        run(OPTIONS.withPattern(Pattern.HOTCOLD).withCpus(2), ENOUGH, guest -> {
            AccessCounts before = guest.accesses();
            assertEquals(PAGES, before.pages());
            BitSet hot = range(0, TENTH / 2);
            hot.or(range(PAGES / 2, PAGES / 2 + TENTH / 2));
            assertEquals(0.9, before.shareOf(hot), 0.02);
            guest.ask('z', "ZEROED");
            assertTrue(guest.accesses().total() < before.total());
            return null;
        });
    }

    @Test
    void paceIsWorkOverTime() throws InterruptedException {
        DirtierOptions options = OPTIONS.withRate(10_000).withCpus(2).withTscKhz(1_000_000);
        run(options, 5000, guest -> {
            GuestPace pace = GuestPace.parse(guest.ask('p', "PACE "));
            long work = pace.work().stream().mapToLong(n -> n).sum();
            DirtierReport report = guest.report();
            long elapsed = pace.binMicros() * pace.work().size();
            assertTrue(work > 4000 && work <= report.checked(), work + " of " + report);
            assertTrue(elapsed <= report.elapsedMicros() && elapsed > report.elapsedMicros() / 4, pace.toString());
            return null;
        });
    }

    private record Guest(Machine machine, GuestSerial serial) {
        String ask(char command, String prefix) {
            serial.send(command);
            return await(prefix);
        }

        DirtierReport report() {
            return DirtierReport.parse(ask('r', "REPORT "));
        }

        AccessCounts accesses() {
            AccessCounts.Reader reader = new AccessCounts.Reader();
            serial.send('a');
            while (true) {
                Optional<AccessCounts> counts = reader.accept(await("ACCESSE"));
                if (counts.isPresent()) {
                    return counts.get();
                }
            }
        }

        private String await(String prefix) {
            try {
                return serial.await(prefix);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** Asks a guest when it has made that many accesses, and lets it check its memory afterwards. */
    private static <T> T run(DirtierOptions options, long accesses, Function<Guest, T> question)
            throws InterruptedException {
        MachineConfig config = Guests.config(16, options.cpus(), options.commandLine());
        try (Kvm kvm = Kvm.open();
                Machine machine = Guests.boot(kvm, config, GuestImage.DIRTIER)) {
            Guest guest = new Guest(machine, Guests.ready(machine));
            while (guest.report().checked() < accesses) {
                Thread.onSpinWait();
            }
            T answer = question.apply(guest);
            Guests.verifyAndEnd(machine, guest.serial(), options.commandLine());
            return answer;
        }
    }

    private static double[] sorted(AccessCounts counts) {
        double[] ascending = IntStream.range(0, counts.pages())
                .mapToDouble(counts::count)
                .sorted()
                .toArray();
        return IntStream.range(0, ascending.length)
                .mapToDouble(i -> ascending[ascending.length - 1 - i])
                .toArray();
    }

    private static BitSet range(int from, int to) {
        BitSet set = new BitSet();
        set.set(from, to);
        return set;
    }
}
