package dev.godwit.perf.scenario;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.StringReader;
import org.junit.jupiter.api.Test;

class ProcessMemoryTest {
    @Test
    void guestRamIsWhatIsBothLargeAndNotDumped() throws IOException {
        String smaps = """
            7f0000000000-7f0001000000 rw-p 00000000 00:00 0
            Size:              16384 kB
            Rss:                2048 kB
            Pss:                2048 kB
            VmFlags: rd wr mr mw me dd nr hg
            7f0002000000-7f0003000000 rw-p 00000000 00:00 0
            Rss:                 100 kB
            Pss:                  50 kB
            VmFlags: rd wr mr mw me ac hg
            7f0004000000-7f0005000000 rw-p 00000000 00:00 0
            Rss:                  10 kB
            Pss:                  10 kB
            VmFlags: rd wr mr mw me dd
            """;
        ProcessMemory memory = ProcessMemory.parse(new BufferedReader(new StringReader(smaps)));
        assertEquals(new ProcessMemory(2158 << 10, 2048 << 10, 2108 << 10), memory);
        assertEquals(110 << 10, memory.overhead());
    }
}
