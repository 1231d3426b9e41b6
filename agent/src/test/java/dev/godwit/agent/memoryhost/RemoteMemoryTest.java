package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.agent.process.JavaCommand;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Tag("kvm")
@Timeout(60)
class RemoteMemoryTest {
    /** What is tested runs as a process: it has no room on its heap for the checksums of such a guest, 32 MiB. */
    static final class SmallHeap {
        private static final long MEMORY = 32L << 30;

        public static void main(String[] args) throws Exception {
            try (Kvm kvm = Kvm.open();
                    Machine machine = Machine.empty(kvm, MachineConfig.of(MEMORY))) {
                attempt(machine); // what it loads stays
                int descriptors = descriptors();
                long mappedMib = mappedMib();
                System.out.println("no room in " + attempt(machine));
                System.out.println("left behind: descriptors " + (descriptors() - descriptors) + ", GiB "
                        + (mappedMib() - mappedMib) / 1024);
            }
        }

        /** Where the heap was too small. */
        private static String attempt(Machine machine) throws TransportException {
            RemoteConfig config = new RemoteConfig("127.0.0.1", 9, UUID.randomUUID(), 1L << 30);
            try (RemoteMemory _ = RemoteMemory.create(machine, config, TestHost.SECRET, (_, _) -> false)) {
                return "nothing";
            } catch (OutOfMemoryError e) {
                return e.getStackTrace()[0].getClassName();
            }
        }

        private static int descriptors() {
            return new File("/proc/self/fd").list().length;
        }

        private static long mappedMib() throws IOException {
            String pages = Files.readString(Path.of("/proc/self/statm")).split(" ", 2)[0];
            return Long.parseLong(pages) >> 8;
        }
    }

    /** What it brings is written to that memory. */
    @Test
    void whatBringsTheRestOfItsMemoryEndsBeforeThatIsGivenBack() throws Exception {
        AtomicInteger ended = new AtomicInteger();
        try (TestHost host = new TestHost(8192, null);
                Kvm kvm = Kvm.open();
                Machine machine = Machine.empty(kvm, MachineConfig.of(32 << 20))) {
            RemoteConfig config = new RemoteConfig(
                    "127.0.0.1", host.address().getPort(), UUID.randomUUID(), RemoteConfig.LEAST_LOCAL);
            RemoteMemory memory = RemoteMemory.create(machine, config, TestHost.SECRET, new Pot(Long.MAX_VALUE));
            memory.comesBy(() -> {
                memory.pager().staging().segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
                ended.incrementAndGet();
            });
            memory.close();
            memory.close();
        }
        assertEquals(1, ended.get());
    }

    @Test
    void whatCannotBeMadeAsAWholeLeavesNothingBehind() throws Exception {
        Process process = new ProcessBuilder(
                        JavaCommand.of(List.of("-Xmx24m", "-XX:MaxDirectMemorySize=256m"), SmallHeap.class))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
        assertEquals("no room in " + Evictor.class.getName() + "\nleft behind: descriptors 0, GiB 0\n", said);
    }
}
