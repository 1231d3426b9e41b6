package dev.godwit.agent.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class HostCheckTest {
    @Test
    void capableMeansThatNothingFatalIsMissing() {
        CheckReport report = HostCheck.run();
        assertEquals(
                report.problems().stream().noneMatch(CheckReport.Problem::fatal),
                report.capable(),
                report.problems().toString());
        assertEquals(report.kvm().error() != null, report.kvm().capabilities().isEmpty());
        for (CheckReport.Problem problem : report.problems()) {
            assertFalse(problem.what().isEmpty() || problem.help().isEmpty(), problem.toString());
        }
        assertTrue(report.memory().total() > 0);
        assertTrue(report.cpu().count() > 0 && report.cpu().nodes() > 0);
        assertEquals(report.userfaultfd().usable(), report.userfaultfd().error() == null);
    }

    /** Of a number below {@code /proc/sys} a second read has nothing. */
    @Test
    void numbersOfTheKernelAreReadWhole() throws IOException {
        Process cat = new ProcessBuilder("cat", "/proc/sys/vm/max_map_count").start();
        String whole = new String(cat.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertTrue(whole.length() > 1, whole);
        assertEquals(whole, HostCheck.run().vm().get("max_map_count"));
    }
}
