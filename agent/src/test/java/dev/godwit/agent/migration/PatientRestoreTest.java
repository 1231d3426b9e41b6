package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.stream.PageFrame;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest whose state cannot be restored without a page that its source has, which does not bring it. */
@Tag("kvm")
@Timeout(120)
class PatientRestoreTest {
    private final MachineConfig config = MachineConfig.of(Sweeper.MEMORY);
    private Kvm kvm;
    private LoopbackHost host;
    private Machine guest;
    /** The guest's machine at the target. */
    private volatile Machine coming;

    @BeforeEach
    void boot() throws Exception {
        kvm = Kvm.open();
        host = new LoopbackHost(kvm) {
            @Override
            void backing(Machine machine) {
                coming = machine;
            }
        };
        guest = Sweeper.bootWithClock(kvm, config);
        guest.resume();
        GuestTalk.await(guest, 0, "F");
        guest.pause();
    }

    @AfterEach
    void close() {
        guest.close();
        host.close();
        kvm.close();
    }

    /** Until the target restores it, into memory that is all still at the source: its clock page, too. */
    private void sendAllButPages(FakeSource source, Duration stall) throws Exception {
        MigrationOptions options = MigrationOptions.DEFAULT
                .withMode(MigrationMode.POSTCOPY)
                .withStreams(1)
                .withStall(stall);
        source.offer(Offer.of(new GuestDescription("clocked", "", config), options, guest.guestCpu(), List.of()));
        source.openStream(0);
        source.openPages(0);
        source.openPages(1);
        try (Arena arena = Arena.ofConfined()) {
            PageSet all = new PageSet(arena, guest.memory().pages());
            all.addAll();
            byte[] map = PageMapMessage.of(all, Backing.emptyChunks(arena, guest.memory()), null, 0, 0)
                    .encode();
            source.control.send(MessageType.PAGE_MAP, PageMapMessage.FOLLOW, map);
        }
        FakeSource.send(source.streams.getFirst(), FakeSource.header(PageFrame.ROUND_END, 0, 1, 0, 0, 0));
        source.control.send(MessageType.STATE, 1 << 1, guest.save().state().encode());
        source.control.expect(MessageType.ROUND_DONE);
    }

    /** Nobody else is waiting for its word: the control thread waits for the page. */
    @Test
    void theSourceIsGone() throws Exception {
        try (FakeSource source = new FakeSource(host.address())) {
            sendAllButPages(source, Duration.ofSeconds(12));
            Eventually.await(() -> coming.memory().elsewhereBytes() > 0, "its memory is taken aside");
            // It is restored next.
            LockSupport.parkNanos(300_000_000);
        }
        Eventually.await(() -> !host.abandoned.isEmpty(), "what came of it is given back");
        assertEquals(List.of("the source cannot be reached any more"), host.abandoned);
        host.closeServer();
        assertTrue(host.arrived.isEmpty());
    }

    /** The guest stands still there meanwhile. */
    @Test
    void theSourceIsThereAndDoesNotBringIt() throws Exception {
        try (FakeSource source = new FakeSource(host.address())) {
            sendAllButPages(source, Duration.ofSeconds(3));
            MigrationException refused =
                    assertThrows(MigrationException.class, () -> source.control.expect(MessageType.READY));
            assertEquals(MigrationException.Kind.REFUSED, refused.kind());
            assertTrue(
                    refused.getMessage()
                            .endsWith("the guest's state cannot be restored without a page that its source has and does"
                                    + " not bring"),
                    refused.getMessage());
            Eventually.await(() -> !host.abandoned.isEmpty(), "what came of it is given back");
        }
        assertTrue(host.arrived.isEmpty());
    }
}
