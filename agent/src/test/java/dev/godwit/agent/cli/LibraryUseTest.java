package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.agent.inventory.Images;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.agent.migration.Migration;
import dev.godwit.agent.migration.MigrationOptions;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.agent.migration.MigrationServer;
import dev.godwit.agent.migration.TargetHost;
import dev.godwit.agent.transport.Secret;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The library without the agent, as the README shows it. */
@Tag("kvm")
class LibraryUseTest {
    @Test
    void startAGuest() throws Exception {
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofConfined();
                Machine machine = Machine.boot(kvm, MachineConfig.of(64 << 20), Images.open("hello", arena))) {
            machine.resume();
            assertEquals(
                    0, machine.awaitStop(Duration.ofSeconds(30)).orElseThrow().code());
            System.out.write(machine.serialLog().read(0, 1000).bytes());
        }
    }

    @Test
    void migrateAGuest() throws Exception {
        Secret secret = new Secret(SecureRandom.getSeed(32)); // both sides know it
        MachineConfig config = MachineConfig.of(64 << 20).withCommandLine("ws=8m");
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofConfined();
                Target target = new Target(kvm);
                MigrationServer server = new MigrationServer(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), secret, target);
                Machine machine = Machine.boot(kvm, config, Images.open("dirtier", arena))) {
            server.start();
            machine.resume();
            GuestDescription guest = new GuestDescription("web", "dirtier", config);
            Migration migration = new Migration(machine, guest, server.address(), secret, MigrationOptions.DEFAULT);
            MigrationReport report = migration.run();
            assertEquals("completed", report.outcome());
            assertEquals(Machine.State.RUNNING, target.arrived.get().state());
        }
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
                public void adopt() {
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
