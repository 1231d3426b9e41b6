package dev.godwit.perf.targets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.godwit.perf.peer.Qemu;
import dev.godwit.perf.report.Comparison;
import dev.godwit.perf.report.Distribution;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TargetTextTest {
    private static final Comparison FASTER = Comparison.of(
            "x", "ms", "qemu single", new double[] {400, 440, 480}, "godwit", new double[] {100, 110, 100}, null);
    private static final TargetResult RESULT = new TargetResult(
            "2026-01-02T03:04:05Z",
            "a host",
            "godwit bench targets",
            1L << 30,
            0,
            List.of(
                    TargetLine.ratio("total-time", "ratio", Limit.atLeast(4, ""), FASTER, "a note"),
                    TargetLine.of("gap", "longest", Limit.atMost(15, "ms"), Distribution.of(10, 20, 30), "", ""),
                    TargetLine.of("gap", "beside", null, Distribution.of(1), "", ""),
                    TargetLine.missing("memory-host", "bytes", Limit.atMost(0.35, ""), "there is none")),
            List.of());

    @Test
    void whatIsMissedIsSaidAsPlainlyAsWhatIsReached() {
        List<String> lines = text(RESULT).lines().toList();
        assertTrue(line(lines, "total-time").endsWith("reached"), lines.toString());
        assertTrue(line(lines, "total-time").contains("4.40"), "the ratio of the medians: " + lines);
        assertTrue(line(lines, "gap").endsWith("MISSED"), lines.toString());
        assertTrue(line(lines, "memory-host").endsWith("not measured"), lines.toString());
        assertTrue(lines.contains("total-time, ratio: a note"), lines.toString());
        assertTrue(lines.contains("memory-host, bytes: there is none"), lines.toString());
    }

    @Test
    void otherSizesOfMemoryAreSaid() {
        TargetResult small = new TargetResult("d", "h", "c", 64L << 20, 2L << 20, List.of(), List.of());
        assertTrue(text(small).contains("64 MiB"), text(small));
        assertTrue(text(small).contains("2 MiB ready at Godwit's target"), text(small));
        assertFalse(text(RESULT).contains("ready at"), text(RESULT));
    }

    @Test
    void anotherQemuThanTheOneThatIsMeantJudgesNothing() {
        TargetLine line = RESULT.lines().getFirst();
        assertEquals(true, Judge.byQemu(line, new Qemu("q", "10.0.2")).reached());
        TargetLine unjudged = Judge.byQemu(line, new Qemu("q", "7.2.22"));
        assertNull(unjudged.reached());
        assertEquals("not judged", unjudged.verdict());
        assertTrue(unjudged.note().startsWith("a note; ") && unjudged.note().contains("7.2.22"), unjudged.note());
    }

    @Test
    void filesHoldWhatTheTableSays(@TempDir Path directory) throws IOException {
        TargetFiles.write(RESULT, directory);
        JsonNode json = new ObjectMapper().readTree(Files.readString(directory.resolve("targets.json")));
        assertEquals(4.4, json.at("/lines/0/value").asDouble(), 1e-9);
        assertTrue(json.at("/lines/0/reached").asBoolean());
        assertTrue(json.at("/lines/3/reached").isNull()
                || json.at("/lines/3/reached").isMissingNode());
        assertEquals(text(RESULT), Files.readString(directory.resolve("targets.txt")));
    }

    private static String line(List<String> lines, String row) {
        return lines.stream()
                .filter(line -> line.startsWith(row + " "))
                .findFirst()
                .orElseThrow();
    }

    private static String text(TargetResult result) {
        StringWriter text = new StringWriter();
        TargetText.print(result, new PrintWriter(text));
        return text.toString();
    }
}
