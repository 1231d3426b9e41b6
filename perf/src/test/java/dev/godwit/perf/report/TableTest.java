package dev.godwit.perf.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class TableTest {
    @Test
    void figuresAreAlignedToTheRight() {
        StringWriter text = new StringWriter();
        new Table("what", "ns", "note")
                .row("short", "7", "x")
                .row("much longer", "1234", "")
                .print(new PrintWriter(text));
        assertEquals("""
            what           ns  note
            short           7  x
            much longer  1234
            """, text.toString().replace(System.lineSeparator(), "\n"));
    }

    @Test
    void aRowWithoutACellIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Table("a", "b").row("only one"));
    }

    @Test
    void figuresHaveThreeDigits() {
        assertEquals("0", Figures.of(0));
        assertEquals("0.123", Figures.of(0.1234));
        assertEquals("1.23", Figures.of(1.234));
        assertEquals("12.3", Figures.of(12.34));
        assertEquals("1234", Figures.of(1234.4));
        assertEquals("1.10", Figures.ratio(1.1));
        assertEquals("0.012", Figures.ratio(0.0123));
        assertEquals("42%", Figures.percent(0.421));
    }
}
