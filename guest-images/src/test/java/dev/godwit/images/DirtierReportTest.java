package dev.godwit.images;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.images.DirtierReport.Bucket;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DirtierReportTest {
    /** As printed by a guest. */
    private static final String LINE =
            "REPORT vcpus=2 tsc_khz=2600000 tsc_source=cmdline elapsed_us=57751 writes=3780 checked=3926 swept=146"
                    + " sweeps=0 errors=1 backwards=3 max_gap_us=11043 max_gap_at_us=56978 p50_ns=559 p90_ns=1247"
                    + " p99_ns=188415 p999_ns=425983 vcpu_max_gap_us=11043,8 gaps=32:2,64:217,11010048:1";

    @Test
    void everyFieldIsRead() {
        DirtierReport expected = new DirtierReport(
                2,
                2600000,
                "cmdline",
                57751,
                3780,
                3926,
                146,
                0,
                1,
                3,
                11043,
                56978,
                559,
                1247,
                188415,
                425983,
                List.of(11043L, 8L),
                List.of(new Bucket(32, 2), new Bucket(64, 217), new Bucket(11010048, 1)));
        assertEquals(expected, DirtierReport.parse(LINE + "\r\n"));
    }

    @Test
    void whatIsReadIsWrittenAlike() {
        assertEquals(LINE, DirtierReport.parse(LINE).line());
        DirtierReport empty = DirtierReport.parse(LINE.replaceAll("gaps=.*", "gaps=-"));
        assertEquals(List.of(), empty.gaps());
        assertEquals(empty, DirtierReport.parse(empty.line()));
    }

    @Test
    void unknownFieldsAreIgnored() {
        assertEquals(DirtierReport.parse(LINE), DirtierReport.parse(LINE + " later=1"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "REPORT", "READY vcpus=1", "REPORT vcpus=1"})
    void otherLinesAreRefused(String line) {
        assertThrows(IllegalArgumentException.class, () -> DirtierReport.parse(line));
    }

    @Test
    void errorsNameTheField() {
        String message = assertThrows(
                        IllegalArgumentException.class,
                        () -> DirtierReport.parse(LINE.replace("writes=3780", "writes=many")))
                .getMessage();
        assertEquals("REPORT field writes is no number: many", message);
        assertThrows(IllegalArgumentException.class, () -> DirtierReport.parse(LINE.replace("32:2", "32")));
    }

    @Test
    void reportsAreTold() {
        assertTrue(DirtierReport.isReport(LINE));
        assertFalse(DirtierReport.isReport("READY vcpus=1"));
    }
}
