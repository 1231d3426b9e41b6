package dev.godwit.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SharesTest {
    @ParameterizedTest
    @CsvSource({"0.02, 2 %", "0.5, 50 %", "0.001, 0.1 %", "0.0123456, 1.23 %", "0.07, 7 %"})
    void writes(double share, String text) {
        assertEquals(text, Shares.text(share));
    }

    @ParameterizedTest
    @CsvSource({"0.02, 0.02", "2%, 0.02", "0.5, 0.5", "50%, 0.5", "0.1%, 0.001"})
    void partsAndPerCent(String text, double share) {
        assertEquals(share, Shares.parse("--share", text), 1e-12);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0", "0%", "0.51", "51%", "2", "-0.1", "1e-2", "NaN", "2 %", "%", "0,02", "abc"})
    void othersAreRefused(String text) {
        String message =
                assertThrows(Failure.class, () -> Shares.parse("--share", text)).getMessage();
        assertEquals(
                "--share: " + Quoted.of(text) + " is not a share above 0 and at most 0.5, such as 0.02 or 2%", message);
    }
}
