package dev.godwit.perf.scenario;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.godwit.images.DirtierReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class PeerReportTest {
    private static final PeerResult RESULT = new PeerResult(
            "2026-01-02T03:04:05Z",
            "a host <&>",
            "godwit bench migrate --peer qemu",
            List.of(new PeerResult.Contest(
                    "idle-unlimited",
                    "idle, 1 GiB",
                    1 << 30,
                    "idle=1",
                    List.of(
                            entry("godwit precopy", true, trial(100, 30, 90), trial(120, 20, 91)),
                            entry("qemu single", false, trial(400, 10, 91), Trial.failed("it <broke> & \"burnt\"")),
                            entry("qemu multifd-4", false, trial(300, 15, 90.5))))));

    @Test
    void winsAndLossesAreSaidAlike() {
        StringWriter text = new StringWriter();
        PeerText.print(RESULT, new PrintWriter(text));
        assertTrue(text.toString().contains("2.73x better than qemu multifd-4"), text.toString());
        assertTrue(text.toString().contains("2.50x WORSE than qemu single"), text.toString());
        assertTrue(text.toString().contains("same as qemu single"), text.toString());
        assertTrue(text.toString().contains("failed, qemu single: it <broke>"), text.toString());
    }

    @Test
    void verdictsFollowTheBetterSide() {
        assertEquals(Verdict.Result.WIN, Verdict.of("x", 1, 2, Measure.TOTAL).result());
        assertEquals(Verdict.Result.LOSS, Verdict.of("x", 2, 1, Measure.TOTAL).result());
        assertEquals(
                Verdict.Result.SAME, Verdict.of("x", 1.01, 1, Measure.TOTAL).result());
        Verdict coverage = Verdict.of("x", 50, 100, Measure.COVERAGE_LATER);
        assertEquals(Verdict.Result.LOSS, coverage.result());
        assertEquals("50.0 % WORSE than x", coverage.text());
        assertEquals(
                "3.00 ms WORSE than x", Verdict.of("x", 3, 0, Measure.BLOCKED).text());
    }

    @Test
    void failuresAreCountedAndInNoMedian() {
        PeerResult.Entry single = RESULT.contests().getFirst().entries().get(1);
        assertEquals(1, single.failures());
        assertEquals(1, single.of(Measure.TOTAL).orElseThrow().count());
        assertTrue(single.of(Measure.CPU).isEmpty());
    }

    @Test
    void thePageIsWellFormedNeedsNothingElseAndHoldsTheFigures() throws Exception {
        String page = PeerHtml.page(RESULT);
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
        Document document = factory.newDocumentBuilder().parse(new InputSource(new StringReader(page)));
        String text = document.getDocumentElement().getTextContent();
        for (String figure :
                List.of("110 (15%)", "2.73x better", "2.50x WORSE", "a host <&>", "it <broke> & \"burnt\"")) {
            assertTrue(text.contains(figure), figure + " in " + text);
        }
        assertEquals(4 + 1 + 3, document.getElementsByTagName("svg").getLength(), "timelines, percentiles, legend");
        assertFalse(page.contains("<script") || page.contains("src=") || page.contains("@import"), page);
        assertFalse(page.replace("http://www.w3.org/", "").contains("http"), page);
        assertTrue(page.contains("prefers-color-scheme: dark"), page);
    }

    @Test
    void filesHoldWhatTheTableSays(@TempDir Path directory) throws IOException {
        PeerFiles.write(RESULT, directory);
        JsonNode json = new ObjectMapper().readTree(Files.readString(directory.resolve("result.json")));
        assertEquals(110, json.at("/contests/0/entries/0/figures/total/median").asDouble());
        assertEquals(1, json.at("/contests/0/entries/1/failures").asInt());
        assertEquals(2, json.at("/contests/0/entries/0/trials").size());
        String log = Files.readString(directory.resolve("latency.hlog"));
        assertTrue(log.contains("Tag=idle-unlimited/qemu-multifd-4/guestGap,"), log);
        String percentiles = Files.readString(directory.resolve("idle-unlimited-godwit-precopy.hgrm"));
        assertTrue(percentiles.contains("Percentile"), percentiles);
        assertTrue(Files.readString(directory.resolve("report.txt")).contains("2.73x better"));
    }

    private static PeerResult.Entry entry(String name, boolean own, Trial... trials) {
        return PeerResult.Entry.of(name, "version 1", own, List.of(trials));
    }

    private static Trial trial(double total, double gap, double coverage) {
        DirtierReport guest = DirtierReport.parse("REPORT vcpus=1 tsc_khz=1 tsc_source=cmdline elapsed_us=1 writes=1"
                + " checked=1 swept=0 sweeps=0 errors=0 backwards=0 max_gap_us=1 max_gap_at_us=1 p50_ns=1 p90_ns=1"
                + " p99_ns=1 p999_ns=1 vcpu_max_gap_us=1 gaps=64:1000,11008:7," + (long) (gap * 1e6) + ":1");
        List<Trial.Sample> timeline = List.of(
                new Trial.Sample(0, "setup", 0, 0, 0),
                new Trial.Sample((long) (total * 500), "active", 1, 1 << 29, 1000),
                new Trial.Sample((long) (total * 1000), "completed", 2, 1 << 30, 500));
        Map<String, Double> figures = Map.of(
                Measure.TOTAL.key(), total, Measure.GUEST_GAP.key(), gap, Measure.COVERAGE_LATER.key(), coverage);
        return new Trial(null, figures, timeline, guest, null, null, 1L, Map.of());
    }
}
