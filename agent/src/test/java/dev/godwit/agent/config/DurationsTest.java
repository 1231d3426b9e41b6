package dev.godwit.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DurationsTest {
    @ParameterizedTest
    @CsvSource({"0s, 0", "50us, 50000", "300ms, 300000000", "30S, 30000000000", "5m, 300000000000", "1h, 3600000000000"
    })
    void reads(String text, long nanos) {
        assertEquals(nanos, Durations.parse("--timeout", text).toNanos());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "5", "s", "1.5s", "-1s", "1 s", "1d", "9999999999999s"})
    void refusesInOneLine(String text) {
        Failure e = assertThrows(Failure.class, () -> Durations.parse("--timeout", text));
        assertEquals(
                "--timeout: '" + text
                        + "' is not a duration; write a whole number with us, ms, s, m or h, such as 300ms",
                e.getMessage());
        assertEquals(Failure.Kind.BAD_INPUT, e.kind());
    }

    @ParameterizedTest
    @CsvSource({"0, 0 µs", "999, 999 µs", "1000, 1.00 ms", "12345, 12.3 ms", "123456, 123 ms", "4560000, 4.56 s"})
    void showsPeople(long micros, String text) {
        assertEquals(text, Durations.human(micros));
    }
}
