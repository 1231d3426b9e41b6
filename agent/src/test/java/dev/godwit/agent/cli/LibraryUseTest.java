package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.agent.migration.Migration;
import dev.godwit.agent.migration.MigrationOptions;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.agent.migration.MigrationServer;
import dev.godwit.agent.migration.TargetHost;
import dev.godwit.agent.transport.Secret;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.images.GuestImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The library without the agent, as the README shows it. */
class LibraryUseTest {
    private static final String SOURCE = "src/test/java/dev/godwit/agent/cli/LibraryUseTest.java";

    @Test
    @Tag("kvm")
    void theLinesOfTheReadme() throws Exception {
        Secret secret = new Secret(SecureRandom.getSeed(32)); // both sides know it
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofConfined();
                Target there = new Target(kvm);
                MigrationServer server = new MigrationServer(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), secret, there)) {
            server.start();
            InetSocketAddress target = server.address();
            // README
            PvhImage image = PvhImage.open(GuestImage.DIRTIER.path(), arena);
            MachineConfig config = MachineConfig.of(64 << 20).withCommandLine("ws=8m");
            Machine machine = Machine.boot(kvm, config, image);
            machine.resume();

            GuestDescription guest = new GuestDescription("web", "dirtier", config);
            Migration migration = new Migration(machine, guest, target, secret, MigrationOptions.DEFAULT);
            MigrationReport report = migration.run(); // the guest runs at the target now
            machine.close();
            // README
            assertEquals("completed", report.outcome());
            assertEquals(Machine.State.RUNNING, there.arrived.get().state());
        }
    }

    @Test
    void areTheReadmes() throws IOException {
        Path module = Files.exists(Path.of(SOURCE))
                ? Path.of("").toAbsolutePath()
                : Path.of("agent").toAbsolutePath();
        List<String> source = Files.readAllLines(module.resolve(SOURCE)).stream()
                .map(String::strip)
                .toList();
        List<String> here = source.subList(source.indexOf("// README") + 1, source.lastIndexOf("// README"));
        String readme = Files.readString(module.resolveSibling("README.md"));
        int start = readme.indexOf("```java\n") + 8;
        List<String> shown = readme.substring(start, readme.indexOf("```", start))
                .lines()
                .map(String::strip)
                .toList();
        assertEquals(here, shown);
    }

    /** Takes one guest in. */
    private static final class Target implements TargetHost, AutoCloseable {
        final CompletableFuture<Machine> arrived = new CompletableFuture<>();
        private final Kvm kvm;

        Target(Kvm kvm) {
            this.kvm = kvm;
        }

        @Override
        public Admission admit(GuestDescription guest) {
            Machine machine = Machine.empty(kvm, guest.config());
            return new Admission() {
                @Override
                public Machine machine() {
                    return machine;
                }

                @Override
                public void adopt(boolean whole) {
                    arrived.complete(machine);
                }

                @Override
                public void abandon(String reason) {
                    machine.close();
                }
            };
        }

        @Override
        public void close() {
            if (arrived.isDone()) {
                arrived.resultNow().close();
            }
        }
    }
}
