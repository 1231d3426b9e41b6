package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class MemoryHostRehearsalTest {
    @Test
    void eachCallIsAnswered() throws Exception {
        assertEquals(MemoryHostRehearsal.CALLS, MemoryHostRehearsal.call());
    }
}
