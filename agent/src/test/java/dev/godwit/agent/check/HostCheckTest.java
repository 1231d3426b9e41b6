package dev.godwit.agent.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
}
