package dev.godwit.perf.jmh;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class MicroRunTest {
    @Test
    void listsWhatMatches() {
        assertEquals(
                List.of("IoctlCall.ownErrno", "IoctlCall.threadErrno"),
                MicroRun.list(Pattern.compile("ioctl", Pattern.CASE_INSENSITIVE)));
        assertEquals(List.of(), MicroRun.list(Pattern.compile("no such thing")));
    }
}
