package dev.godwit.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class QuotedTest {
    @Test
    void isOneShortLineThatATerminalSurvives() {
        assertEquals("'abc'", Quoted.of("abc"));
        assertEquals("'a?b?[2J?c'", Quoted.of("a\nb\u001b[2J\u202ec"));
        assertEquals("'" + "x".repeat(60) + "…'", Quoted.of("x".repeat(61)));
        assertEquals("'" + "😀".repeat(60) + "…'", Quoted.of("😀".repeat(100)));
    }
}
