package dev.godwit.perf.scenario;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.StringReader;
import org.junit.jupiter.api.Test;

class LargePageShareTest {
    @Test
    void onlyMappingsThatAreMeantToBeLargeCount() throws IOException {
        String smaps = """
            7f0000000000-7f0001000000 rw-p 00000000 00:00 0
            Rss:               16384 kB
            AnonHugePages:      2048 kB
            Private_Hugetlb:       0 kB
            VmFlags: rd wr mr mw me dd hg
            7f0002000000-7f0003000000 rw-p 00000000 00:00 0
            AnonHugePages:      4096 kB
            VmFlags: rd wr mr mw me ac
            7f0004000000-7f0005000000 rw-p 00000000 00:00 0
            AnonHugePages:         0 kB
            Private_Hugetlb:    8192 kB
            VmFlags: rd wr de ht
            """;
        assertEquals(10L << 20, LargePageShare.largeBytes(new BufferedReader(new StringReader(smaps))));
    }
}
