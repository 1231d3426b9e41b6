package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.images.GuestImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the module's README shows is what is compiled and run here. */
@Timeout(120)
class ReadmeTest {
    private static final String SOURCE = "src/test/java/dev/godwit/host/machine/ReadmeTest.java";

    @TempDir
    private Path folder;

    @Test
    @Tag("kvm")
    void theExampleRuns() throws IOException, InterruptedException {
        Path file = Files.write(folder.resolve("hello.elf"), GuestImage.HELLO.bytes());
        // README
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofShared()) {
            PvhImage image = PvhImage.open(file, arena);
            MachineConfig config = MachineConfig.of(64 << 20).withCommandLine("exit=5");
            try (Machine machine = Machine.boot(kvm, config, image)) {
                machine.resume();
                StopReason reason = machine.awaitStop(Duration.ofSeconds(30)).orElseThrow();
                byte[] output = machine.serialLog().read(0, 4096).bytes();
                System.out.println(new String(output, StandardCharsets.UTF_8) + reason);
            }
        }
        // README
        assertTrue(Files.exists(file));
    }

    @Test
    void theExampleIsTheReadmes() throws IOException {
        Path module = Files.exists(Path.of(SOURCE)) ? Path.of("") : Path.of("kvm-host");
        List<String> source = Files.readAllLines(module.resolve(SOURCE));
        int first = source.indexOf("        // README");
        String here = String.join(
                "\n",
                source.subList(first + 1, source.lastIndexOf("        // README")).stream()
                        .map(line -> line.substring(8))
                        .toList());
        String readme = Files.readString(module.resolve("README.md"));
        int start = readme.indexOf("```java\n") + 8;
        assertEquals(
                here.strip(),
                readme.substring(start, readme.indexOf("```", start)).strip());
    }
}
