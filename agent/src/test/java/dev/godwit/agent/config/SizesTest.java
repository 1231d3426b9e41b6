package dev.godwit.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SizesTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "4096, 4096",
        "1k, 1024",
        "256m, 268435456",
        "1G, 1073741824",
        "2t, 2199023255552",
        "9223372036854775807, 9223372036854775807"
    })
    void reads(String text, long bytes) {
        assertEquals(bytes, Sizes.parse("--memory", text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "m", "1.5g", "-1", "1gb", "1 g", "0x10", "256 m", "99999999999999999999", "1m\n"})
    void refusesInOneLine(String text) {
        Failure e = assertThrows(Failure.class, () -> Sizes.parse("--memory", text));
        assertEquals(
                "--memory: '" + text.replace('\n', '?')
                        + "' is not a size; write a whole number of bytes, or one with k, m," + " g or t, such as 256m",
                e.getMessage());
        assertEquals(Failure.Kind.BAD_INPUT, e.kind());
    }

    @ParameterizedTest
    @ValueSource(strings = {"8388608t", "9223372036854775808", "9999999999g"})
    void refusesWhatDoesNotFitALong(String text) {
        Failure e = assertThrows(Failure.class, () -> Sizes.parse("--memory", text));
        assertEquals("--memory: '" + text + "' is more than the largest size, 8388607t", e.getMessage());
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 bytes",
        "1023, 1023 bytes",
        "1024, 1 KiB",
        "1536, 1.50 KiB",
        "268435456, 256 MiB",
        "24137569280, 22.5 GiB",
        "1099511627776, 1 TiB",
        "9223372036854775807, 8 EiB"
    })
    void showsPeople(long bytes, String text) {
        assertEquals(text, Sizes.human(bytes));
    }
}
