package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.memoryhost.RemoteMap;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a source says, or does not say, of the pages that its guest has at a memory host. */
@Tag("kvm")
@Timeout(120)
class RemoteMapTest {
    private static final MigrationOptions OPTIONS = MigrationOptions.DEFAULT.withMode(MigrationMode.PRECOPY);
    private static final long SOON_SECONDS = 20;

    private final MachineConfig config = MachineConfig.of(Sweeper.MEMORY);
    private Kvm kvm;
    private MemoryHost memoryHost;
    private RemoteSource guest;

    @BeforeEach
    void boot() throws Exception {
        kvm = Kvm.open();
        memoryHost = RemoteSource.memoryHost();
        guest = RemoteSource.start(Sweeper.boot(kvm, config), config, memoryHost.address(), "F");
    }

    @AfterEach
    void close() {
        guest.close();
        memoryHost.close();
        kvm.close();
    }

    /** What comes where REMOTE_MAP is due, or after it. */
    enum Wrong {
        NOTHING,
        AN_END,
        THE_STATE,
        THE_PAGE_MAP,
        ANOTHER_REMOTE_MAP,
        A_SHORT_REMOTE_MAP,
        A_PAGE_MORE_IN_THE_PAGE_MAP,
        AN_END_AFTERWARDS
    }

    @ParameterizedTest
    @EnumSource(Wrong.class)
    void aSourceThatSaysItWronglyDoesNotGetItsGuestThere(Wrong wrong) throws Exception {
        try (RemoteHost target = new RemoteHost(kvm)) {
            try (FakeSource source = new FakeSource(target.address());
                    Arena arena = Arena.ofConfined()) {
                source.offer(
                        Offer.of(guest.description(), OPTIONS, guest.machine().guestCpu(), List.of()));
                for (int i = 0; i < OPTIONS.streams(); i++) {
                    source.openStream(i);
                }
                say(wrong, source, arena);
                if (wrong != Wrong.NOTHING) {
                    assertNotNull(target.end.get(SOON_SECONDS, TimeUnit.SECONDS));
                }
            }
            assertNotNull(target.end.get(SOON_SECONDS, TimeUnit.SECONDS));
            Eventually.await(() -> !isThere("restore"), "nobody waits for the state of a guest that does not come");
        }
        goesOn();
    }

    private static boolean isThere(String thread) {
        return Thread.getAllStackTraces().keySet().stream()
                .anyMatch(each -> each.getName().equals(thread));
    }

    private void say(Wrong wrong, FakeSource source, Arena arena) throws TransportException, MigrationException {
        RemoteMap map = guest.memory().map(arena);
        byte[] remote = RemoteMapMessage.encode(map);
        switch (wrong) {
            case NOTHING -> {}
            case AN_END -> source.control.sendLast(MessageType.ABORT, "not this time");
            case THE_STATE -> source.control.send(MessageType.STATE, 0, new byte[100]);
            case THE_PAGE_MAP -> source.control.send(MessageType.PAGE_MAP, 0, pageMap(arena, map.pages()));
            case ANOTHER_REMOTE_MAP -> {
                source.control.send(MessageType.REMOTE_MAP, 0, remote);
                source.control.send(MessageType.REMOTE_MAP, 0, remote);
            }
            case A_SHORT_REMOTE_MAP ->
                source.control.send(MessageType.REMOTE_MAP, 0, Arrays.copyOf(remote, remote.length - 4));
            case A_PAGE_MORE_IN_THE_PAGE_MAP -> {
                source.control.send(MessageType.REMOTE_MAP, 0, remote);
                source.emptyRound(1);
                PageSet more = new PageSet(arena, map.pages().pages());
                more.addAll(map.pages());
                more.add(more.nextAbsent(0, more.pages()));
                source.control.send(MessageType.PAGE_MAP, 0, pageMap(arena, more));
                source.control.send(MessageType.STATE, 2, new byte[100]);
            }
            default -> {
                source.control.send(MessageType.REMOTE_MAP, 0, remote);
                source.emptyRound(1);
                source.control.sendLast(MessageType.ABORT, "not this time");
            }
        }
    }

    private byte[] pageMap(Arena arena, PageSet there) {
        PageSet none = new PageSet(arena, there.pages());
        PageSet small = Backing.emptyChunks(arena, guest.machine().memory());
        return PageMapMessage.of(none, small, there, guest.memory().epoch(), 0).encode();
    }

    /** Nothing of that has changed anything for it or its pages. */
    private void goesOn() throws Exception {
        Sweeper.verify(guest.machine());
        try (RemoteHost target = new RemoteHost(kvm)) {
            var _ = guest.to(target, OPTIONS.withDowntime(Duration.ofSeconds(5)))
                    .run();
            assertNull(target.end.join());
            Sweeper.verify(target.machine());
        }
    }

    /** Of a guest without a memory host nobody asks for it. */
    @Test
    void aRemoteMapOfAGuestThatHasNoneIsRefused() throws Exception {
        try (LoopbackHost target = new LoopbackHost(kvm);
                FakeSource source = new FakeSource(target.address());
                Arena arena = Arena.ofConfined()) {
            GuestDescription local = new GuestDescription("local", "dirtier", config);
            source.offer(Offer.of(local, OPTIONS, guest.machine().guestCpu(), List.of()));
            for (int i = 0; i < OPTIONS.streams(); i++) {
                source.openStream(i);
            }
            source.control.send(
                    MessageType.REMOTE_MAP,
                    0,
                    RemoteMapMessage.encode(guest.memory().map(arena)));
            Eventually.await(() -> !target.abandoned.isEmpty(), "it is given up");
            assertEquals(1, target.abandoned.size());
            assertTrue(target.abandoned.getFirst().contains("REMOTE_MAP"), target.abandoned.toString());
        }
    }
}
