package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.images.GuestImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("kvm")
class RunCommandTest {
    @TempDir
    Path directory;

    @Test
    void serialGoesOutAndTheExitValueIsTheStatusAsWithQemu() {
        Run run = Run.of("run", "hello", "--memory", "16m", "--cmdline", "exit=3");
        assertEquals(
                "hello from godwit guest, 16 MiB, cmdline: exit=3\n", run.out().replace("\r", ""));
        assertEquals("", run.err());
        assertEquals((3 << 1) | 1, run.status());
    }

    @Test
    void inputGoesIn() {
        Run run =
                Run.with(Map.of(), "q", "run", "dirtier", "--memory", "16m", "--cmdline", "ws=1m", "--timeout", "60s");
        assertTrue(run.out().contains("VERIFIED pages=256 errors=0"), run.out() + run.err());
        assertEquals(1, run.status());
    }

    @Test
    void theTimeoutIs124() {
        Run run = Run.of(
                "run", "hostile", "--cmdline", "mode=spin", "--memory", "16m", "--timeout", "200ms", "--no-input");
        assertEquals("godwit: the guest did not end within 200ms\n", run.err());
        assertEquals(124, run.status());
    }

    @ParameterizedTest
    @CsvSource({"triple, 1, godwit: the guest ended: triple-fault", "reset, 0, "})
    void otherEnds(String mode, int status, String line) {
        Run run = Run.of("run", "hostile", "--cmdline", "mode=" + mode, "--memory", "16m", "--timeout", "60s");
        assertEquals(line == null ? "" : line + "\n", run.err());
        assertEquals(status, run.status());
    }

    @Test
    void aFileWinsOverABuiltInName() throws Exception {
        Path file = directory.resolve("mine.elf");
        Files.write(file, GuestImage.HELLO.bytes());
        assertEquals(1, Run.of("run", file.toString(), "--memory", "16m").status());
        Files.write(file, new byte[] {1, 2, 3});
        Run bad = Run.of("run", file.toString());
        assertTrue(bad.err().startsWith("godwit: image " + file + " is not an ELF file"), bad.err());
        assertEquals(2, bad.status());
    }

    @Test
    void moreMemoryThanTheHostHas() {
        Run run = Run.of("run", "hello", "--memory", "1t");
        assertTrue(run.err().startsWith("godwit: a guest of 1 TiB does not fit: this host has "), run.err());
        assertEquals(2, run.status());
    }
}
