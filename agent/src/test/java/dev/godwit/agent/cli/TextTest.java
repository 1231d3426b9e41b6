package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.agent.api.MigrationView;
import dev.godwit.images.DirtierReport;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is drawn. */
class TextTest {
    @Test
    void aTable() {
        TextTable table = new TextTable("A", "LONGER", "C");
        table.row("wide cell", "x", "");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        table.print(new PrintStream(out, true, StandardCharsets.UTF_8));
        assertEquals("A          LONGER  C\nwide cell  x\n", out.toString(StandardCharsets.UTF_8));
    }

    @Test
    void progress() {
        MigrationView.Progress p = new MigrationView.Progress(
                "precopy", 2, 100L << 20, 64L << 20, 128L << 20, 50L << 20, 900L << 20, 71_000L, 1_000_000);
        assertEquals(
                "precopy round 2: 100 MiB sent, 64.0 MiB left, 900 MiB/s, dirtied 50 MiB/s, expected downtime 71.0 ms",
                ProgressLine.text(p));
        assertEquals("[██████████··········]", ProgressLine.bar(p));
        MigrationView.Progress after = new MigrationView.Progress(
                "postcopy", 3, 100L << 20, 64L << 20, 128L << 20, 50L << 20, 900L << 20, 71_000L, 1_000_000);
        assertEquals("postcopy: 100 MiB sent, 64.0 MiB left", ProgressLine.text(after));
        MigrationView.Progress begin = new MigrationView.Progress("connecting", 0, 0, 0, 0, 0, 0, null, 0);
        assertEquals("connecting", ProgressLine.text(begin));
        assertEquals("[····················]", ProgressLine.bar(begin));
    }

    @Test
    void gaps() {
        GapHistogram histogram = new GapHistogram();
        histogram.add(report(List.of(bucket(0, 1_000_000), bucket(20_000, 900), bucket(12_000_000, 1))));
        histogram.add(report(List.of(bucket(0, 1_000_000), bucket(40_000_000, 2))));
        assertEquals(2_000_903, histogram.total());
        assertEquals(0, histogram.percentile(0.5));
        assertEquals(20_000, histogram.percentile(0.99999));
        assertEquals(40_000_000, histogram.percentile(1));
        List<String> lines = histogram.lines();
        assertEquals(9, lines.size());
        assertEquals("      up to 10 µs       2000000  ████████████████████████████████████████", lines.getFirst());
        assertEquals("    10 ms – 30 ms             1  ██", lines.get(7));
        assertEquals("   30 ms – 100 ms             2  ███", lines.getLast());
    }

    private static DirtierReport.Bucket bucket(long nanos, long count) {
        return new DirtierReport.Bucket(nanos, count);
    }

    private static DirtierReport report(List<DirtierReport.Bucket> gaps) {
        return new DirtierReport(1, 1, "cmdline", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, List.of(0L), gaps);
    }
}
