package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Migrations of a guest with pages at a memory host that fail when these pages change hands, or just before or after. */
@Tag("kvm")
@Timeout(120)
class TakeBackTest {
    private static final long MIB = 1 << 20;

    /** When it fails. */
    private enum When {
        /** The memory host hears TAKE, and the target gives up before it has the answer. */
        DURING_TAKE,
        /** The pages are the target's, which does not come to run the guest. */
        AFTER_TAKE
    }

    private final MachineConfig config = MachineConfig.of(96 * MIB).withCommandLine("ws=8m cold=64m rate=2000");
    private Kvm kvm;
    private MemoryHost memoryHost;
    private RemoteSource guest;

    @BeforeEach
    void boot() throws Exception {
        kvm = Kvm.open();
        memoryHost = RemoteSource.memoryHost();
        try (Arena arena = Arena.ofConfined()) {
            Machine machine = Machine.boot(kvm, config, PvhImage.open(GuestImage.DIRTIER.path(), arena));
            guest = RemoteSource.start(machine, config, memoryHost.address(), "READY");
        }
    }

    @AfterEach
    void close() {
        guest.close();
        memoryHost.close();
        kvm.close();
    }

    private void verify() throws Exception {
        String answer = GuestTalk.ask(guest.machine(), 'v', "VERIFIED");
        assertTrue(answer.endsWith(" errors=0"), answer);
    }

    private static MigrationOptions options(MigrationMode mode) {
        return MigrationOptions.DEFAULT
                .withMode(mode)
                .withDowntime(Duration.ofSeconds(5))
                .withStall(Duration.ofSeconds(2));
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"PRECOPY", "POSTCOPY"})
    void theGuestGoesOnWithItsPagesWhenTheTargetFailsAfterItTookThem(MigrationMode mode) throws Exception {
        failAndGoOn(mode, When.AFTER_TAKE);
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"PRECOPY", "POSTCOPY"})
    void theGuestGoesOnWithItsPagesWhenTheTargetGivesUpAsItTakesThem(MigrationMode mode) throws Exception {
        failAndGoOn(mode, When.DURING_TAKE);
    }

    private void failAndGoOn(MigrationMode mode, When when) throws Exception {
        for (int i = 0; i < 3; i++) {
            try (FailingHost target = new FailingHost(when)) {
                Migration migration = guest.to(target, options(mode));
                MigrationException failure = assertThrows(MigrationException.class, migration::run);
                System.out.println(mode + ", " + when + ": " + failure.getMessage());
                assertEquals(Machine.State.RUNNING, guest.machine().state());
                assertEquals(when == When.AFTER_TAKE, target.took, "whether the pages were the target's");
                verify();
                // What it touched came back, and something else leaves: its connections are an owner's again.
                long stored = guest.memory().status().storedPages();
                Eventually.await(() -> guest.memory().status().storedPages() > stored, "more of it is stored");
                verify();
            }
        }
    }

    /** An agent's part in it, which fails when it is about to run the guest. */
    private final class FailingHost extends RemoteHost {
        private final When when;
        private boolean took;

        FailingHost(When when) throws TransportException {
            super(kvm);
            this.when = when;
        }

        @Override
        void taking() {
            if (when == When.DURING_TAKE) {
                // Of all times just now.
                memory().handOver();
            }
        }

        @Override
        void adopting() {
            took = true;
            throw new IllegalStateException("it fails as it is about to run the guest");
        }
    }
}
