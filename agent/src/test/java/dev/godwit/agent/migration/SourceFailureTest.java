package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.ProcessIdentity;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.PageSize;
import dev.godwit.images.GuestImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Sources that die, lie or send garbage: the target gives everything back and takes the next guest. */
@Tag("kvm")
@Timeout(120)
class SourceFailureTest {
    private static final MachineConfig CONFIG = MachineConfig.of(16 << 20).withCommandLine("ws=1m cold=2m rate=20000");
    /** A source of these tests tells nobody that it is still there: on a busy host it is silent for many seconds. */
    private static final MigrationOptions OPTIONS = MigrationOptions.DEFAULT
            .withMode(MigrationMode.PRECOPY)
            .withStreams(2)
            .withVerify(true)
            .withDowntime(Duration.ofSeconds(5))
            .withStall(Duration.ofSeconds(60));

    private Kvm kvm;
    private LoopbackHost host;
    private Wanderer guest;
    /** The machine that the hand-made source pretends to send. */
    private Machine sample;

    private GuestDescription description;

    @BeforeEach
    void open() throws Exception {
        kvm = Kvm.open();
        host = new LoopbackHost(kvm);
        guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, CONFIG);
        sample = Machine.empty(kvm, CONFIG);
        description = new GuestDescription("sample", "", CONFIG);
    }

    @AfterEach
    void close() {
        sample.close();
        guest.close();
        host.close();
        kvm.close();
    }

    private Offer offer() {
        return Offer.of(description, OPTIONS, sample.guestCpu(), List.of());
    }

    /** Nothing of the sample is left, and a good source is served. */
    private void assertUnharmed(int abandoned) throws Exception {
        guest.move(OPTIONS);
        guest.verify();
        host.closeServer();
        assertTrue(host.arrived.isEmpty());
        assertEquals(abandoned, host.abandoned.size(), host.abandoned.toString());
    }

    /** How far a source comes before it is gone. */
    enum Death {
        AFTER_HANDSHAKE,
        WITHIN_OFFER,
        AFTER_ACCEPT,
        ONE_STREAM,
        WITHIN_FRAME_HEAD,
        WITHIN_CONTENT,
        ONE_STREAM_ENDED_ITS_ROUND,
        AFTER_FIRST_ROUND,
        WITHIN_STATE,
        STATE_OF_A_ROUND_THAT_NEVER_COMES,
        AFTER_READY
    }

    @ParameterizedTest
    @EnumSource(Death.class)
    void theSourceDies(Death death) throws Exception {
        try (FakeSource source = new FakeSource(host.address())) {
            liveUntil(death, source);
        }
        assertUnharmed(death.compareTo(Death.AFTER_ACCEPT) < 0 ? 0 : 1);
    }

    /** Sources connect their streams while a machine is being built; one that sends by then is not heard yet. */
    @Test
    void nothingIsReceivedBeforeTheGuestIsAccepted() throws Exception {
        CompletableFuture<Void> backing = new CompletableFuture<>();
        CompletableFuture<Void> sent = new CompletableFuture<>();
        CompletableFuture<Long> seen = new CompletableFuture<>();
        try (LoopbackHost own = new LoopbackHost(kvm) {
                    @Override
                    void backing(Machine machine) {
                        backing.complete(null);
                        sent.join();
                        LockSupport.parkNanos(100_000_000);
                        seen.complete(machine.memory().segment().get(ValueLayout.JAVA_LONG, 0));
                    }
                };
                FakeSource source = new FakeSource(own.address())) {
            source.control.send(MessageType.OFFER, 0, offer().encode());
            backing.get(10, TimeUnit.SECONDS);
            Connection first = source.openStream(0);
            source.openStream(1);
            FakeSource.send(first, FakeSource.header(PageFrame.PAGES, 1, 0, 0, 1, PageSize.SMALL));
            FakeSource.send(first, new byte[] {0, 0, 1, 0, 1, 0, 0, 0});
            FakeSource.send(first, new byte[] {7, 7, 7, 7, 7, 7, 7, 7});
            FakeSource.send(first, new byte[PageSize.SMALL - Long.BYTES]);
            sent.complete(null);
            assertEquals(0, seen.get(10, TimeUnit.SECONDS));
            source.control.expect(MessageType.ACCEPT);
            source.emptyRound(1);
        }
        assertUnharmed(0);
    }

    private void liveUntil(Death death, FakeSource source) throws Exception {
        if (death == Death.AFTER_HANDSHAKE) {
            return;
        }
        if (death == Death.WITHIN_OFFER) {
            FakeSource.send(
                    source.control.connection(), new byte[] {1, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{'});
            return;
        }
        source.offer(offer());
        if (death == Death.AFTER_ACCEPT) {
            return;
        }
        Connection first = source.openStream(0);
        if (death == Death.ONE_STREAM) {
            return;
        }
        Connection second = source.openStream(1);
        switch (death) {
            case WITHIN_FRAME_HEAD -> FakeSource.send(first, new byte[] {0x50, 0x41});
            case WITHIN_CONTENT -> {
                FakeSource.send(first, FakeSource.header(PageFrame.PAGES, 1, 0, 1, 1, 512 << 12));
                FakeSource.send(first, new byte[] {0, 0, 0, 2, 1, 0, 0, 0});
                FakeSource.send(first, new byte[100_000]);
            }
            case ONE_STREAM_ENDED_ITS_ROUND ->
                FakeSource.send(second, FakeSource.header(PageFrame.ROUND_END, 0, 1, 0, 0, 0));
            default -> {
                source.emptyRound(1);
                liveOnAfterFirstRound(death, source);
            }
        }
    }

    private void liveOnAfterFirstRound(Death death, FakeSource source) throws Exception {
        switch (death) {
            case WITHIN_STATE ->
                FakeSource.send(
                        source.control.connection(), new byte[] {6, 0, 0, 0, 100, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1});
            case STATE_OF_A_ROUND_THAT_NEVER_COMES ->
                source.control.send(
                        MessageType.STATE, 77 << 1, sample.save().state().encode());
            case AFTER_READY -> source.state(sample, 1);
            default -> {}
        }
    }

    @Test
    void whatASourceSendsAfterTheLastRoundReachesNobody() throws Exception {
        try (FakeSource source = new FakeSource(host.address())) {
            source.offer(offer());
            Connection stream = source.openStream(0);
            source.openStream(1);
            source.emptyRound(1);
            source.state(sample, 1);
            assertThrows(TransportException.class, () -> {
                byte[] page = new byte[4096];
                java.util.Arrays.fill(page, (byte) 1);
                for (int i = 0; i < 1000; i++) {
                    FakeSource.send(stream, FakeSource.header(PageFrame.PAGES, 1, 0, 0, 2, 4096));
                    FakeSource.send(stream, new byte[] {0, 0, 1, 0, 1, 0, 0, 0});
                    FakeSource.send(stream, page);
                }
            });
            source.control.send(MessageType.COMMIT, 0);
            source.control.expect(MessageType.RUNNING);
            Machine there = host.arrived.get("sample");
            assertEquals(0, there.memory().segment().get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0));
            assertTrue(source.ask(source.session).ran());
        }
        host.arrived.remove("sample").close();
        assertUnharmed(0);
    }

    @Test
    void aSourceThatAsksTakesTheGuestBack() throws Exception {
        try (FakeSource source = new FakeSource(host.address())) {
            assertEquals(Outcome.STRANGER, source.ask(UUID.randomUUID()));
            // This process has never run a session that it does not know.
            assertEquals(Outcome.NOT_RUNNING, source.ask(UUID.randomUUID(), ProcessIdentity.own()));
            source.offer(offer());
            source.openStream(0);
            source.openStream(1);
            source.emptyRound(1);
            source.state(sample, 1);
            assertEquals(Outcome.NOT_RUNNING, source.ask(source.session));
            assertEquals(Outcome.NOT_RUNNING, source.ask(source.session));
            // Whatever it says now, the guest does not run here any more.
            assertThrows(Exception.class, () -> {
                source.control.send(MessageType.COMMIT, 1);
                source.control.expect(MessageType.RUNNING);
            });
        }
        assertUnharmed(1);
    }

    /** COMMIT and the question race: the answer is what happened. */
    @Test
    void theAnswerIsTheTruthWhenCommitAndQuestionRace() throws Exception {
        Random random = Chance.random("theAnswerIsTheTruthWhenCommitAndQuestionRace");
        int ran = 0;
        int times = Chance.times(30);
        for (int i = 0; i < times; i++) {
            try (FakeSource source = new FakeSource(host.address())) {
                source.offer(offer());
                source.openStream(0);
                source.openStream(1);
                source.emptyRound(1);
                source.state(sample, 1);
                long nanos = random.nextLong(1_500_000);
                Thread committing = Thread.ofPlatform().start(() -> {
                    long until = System.nanoTime() + nanos;
                    while (System.nanoTime() < until) {
                        Thread.onSpinWait();
                    }
                    try {
                        source.control.send(MessageType.COMMIT, 0);
                    } catch (TransportException e) {
                        // The question came first.
                    }
                });
                Outcome answer = source.ask(source.session);
                committing.join();
                assertEquals(answer.ran(), source.ask(source.session).ran());
                Machine there = host.arrived.remove("sample");
                assertEquals(answer.ran(), there != null, "answered " + answer);
                if (there != null) {
                    there.close();
                    ran++;
                }
            }
        }
        System.out.println("the guest ran in " + ran + " of " + times);
    }

    @Test
    void aSessionThatRanIsNotTakenForOneThatDidNot() throws Exception {
        UUID id;
        try (FakeSource source = new FakeSource(host.address())) {
            source.offer(offer());
            source.openStream(0);
            source.openStream(1);
            source.emptyRound(1);
            source.state(sample, 1);
            source.control.send(MessageType.COMMIT, 0);
            source.control.expect(MessageType.RUNNING);
            id = source.session;
        }
        for (int i = 0; i < SessionBook.MAX_ENDED + 10; i++) {
            new FakeSource(host.address()).close();
        }
        try (FakeSource source = new FakeSource(host.address())) {
            assertEquals(Outcome.COMPLETE, source.ask(id));
        }
        host.arrived.remove("sample").close();
    }

    @Test
    void aCpuWithMoreThanThisHostHasIsRefused() throws Exception {
        CpuId cpu = sample.guestCpu();
        CpuId more = new CpuId(cpu.entries().stream()
                .map(e -> e.function() == 7 ? new CpuId.Entry(7, e.index(), e.flags(), e.eax(), -1, -1, -1) : e)
                .toList());
        try (FakeSource source = new FakeSource(host.address())) {
            MigrationException refused = assertThrows(
                    MigrationException.class, () -> source.offer(Offer.of(description, OPTIONS, more, List.of())));
            assertTrue(refused.getMessage().contains("CPU lacks"), refused.getMessage());
            System.out.println(refused.getMessage());
        }
        assertUnharmed(1);
    }

    /** Before anything is built for it. */
    @Test
    void largePagesThatTheGuestCannotHaveEndTheSessionWithTheReason() throws Exception {
        Offer bad = Offer.of(description, OPTIONS, sample.guestCpu(), List.of(new ChunkRun(0, 2), new ChunkRun(1, 1)));
        try (FakeSource source = new FakeSource(host.address())) {
            MigrationException ended = assertThrows(MigrationException.class, () -> source.offer(bad));
            assertEquals(MigrationException.Kind.REFUSED, ended.kind());
            assertTrue(ended.getMessage().endsWith("an offer of large pages that its guest cannot have"));
        }
        assertUnharmed(0);
    }

    @Test
    void aStateThatIsGarbageIsRefusedWithItsReason() throws Exception {
        Random random = Chance.random("aStateThatIsGarbageIsRefusedWithItsReason");
        byte[] good = sample.save().state().encode();
        int refused = 0;
        int times = Chance.times(30);
        for (int i = 0; i < times; i++) {
            byte[] bad = good.clone();
            for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
                bad[random.nextInt(random.nextBoolean() ? 64 : bad.length)] ^= (byte) (1 << random.nextInt(8));
            }
            try (FakeSource source = new FakeSource(host.address())) {
                source.offer(offer());
                source.openStream(0);
                source.openStream(1);
                source.emptyRound(1);
                source.control.send(MessageType.STATE, 2, bad);
                source.control.expect(MessageType.READY);
            } catch (MigrationException e) {
                assertEquals(MigrationException.Kind.REFUSED, e.kind());
                refused++;
            }
        }
        System.out.println("refused " + refused + " of " + times);
        assertUnharmed(times);
    }

    @Test
    void wrongFramesEndTheSessionWithTheReason() throws Exception {
        byte[] run = {0, 0, 1, 0, 1, 0, 0, 0};
        List<byte[]> wrong = List.of(
                FakeSource.header(0x12345678, 1, 0, 0, 1, 4096),
                FakeSource.header(PageFrame.PAGES, 0, 0, 0, 1, 0),
                FakeSource.header(PageFrame.PAGES, 513, 0, 0, 1, 0),
                FakeSource.header(PageFrame.PAGES, 1_000_000, 0, 0, 1, 0),
                FakeSource.header(PageFrame.PAGES, -1, 0, 0, 1, 0),
                FakeSource.header(PageFrame.PAGES, 1, 1, 0, 1, 4096),
                FakeSource.header(PageFrame.PAGES, 1, 0, 4, 1, 4096),
                FakeSource.header(PageFrame.PAGES, 1, 4096, 0, 1, 4096),
                FakeSource.header(PageFrame.PAGES, 1, -512, 0, 1, 4096),
                FakeSource.header(PageFrame.PAGES, 1, Long.MIN_VALUE, 0, 1, 4096),
                FakeSource.header(PageFrame.PAGES, 1, 0, 0, 2, 4096),
                FakeSource.header(PageFrame.PAGES, 1, 0, 0, 1, 4097),
                FakeSource.header(PageFrame.PAGES, 1, 0, 0, 1, Long.MAX_VALUE),
                FakeSource.header(PageFrame.ROUND_END, 0, 2, 0, 0, 0),
                FakeSource.header(PageFrame.ROUND_END, 0, -1, 0, 0, 0));
        for (byte[] head : wrong) {
            try (FakeSource source = new FakeSource(host.address())) {
                source.offer(offer());
                Connection stream = source.openStream(0);
                FakeSource.send(stream, head);
                try {
                    FakeSource.send(stream, run);
                } catch (TransportException e) {
                    // It had seen enough.
                }
                MigrationException e =
                        assertThrows(MigrationException.class, () -> source.control.expect(MessageType.ROUND_DONE));
                assertTrue(e.getMessage().contains(" sent "), e.getMessage());
            }
        }
        assertUnharmed(wrong.size());
    }

    @Test
    void streamsBeyondTheOfferAndSessionsTwiceAreTurnedAway() throws Exception {
        try (FakeSource source = new FakeSource(host.address())) {
            source.offer(offer());
            source.openStream(0);
            for (int number : new int[] {0, 2, 65535}) {
                Connection stream = source.openStream(number);
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment more = arena.allocate(1);
                    assertThrows(TransportException.class, () -> stream.receive(more));
                }
            }
            source.openStream(1);
            source.emptyRoundOn(List.of(source.streams.getFirst(), source.streams.getLast()), 1);
        }
        assertUnharmed(1);
    }

    @Test
    void strangersGetNothingAndHoldNothingUp() throws Exception {
        Random random = Chance.random("strangersGetNothingAndHoldNothingUp");
        InetSocketAddress address = host.address();
        for (int i = 0; i < Chance.times(40); i++) {
            try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
                byte[] garbage = new byte[random.nextInt(300)];
                random.nextBytes(garbage);
                socket.getOutputStream().write(garbage);
                socket.shutdownOutput();
                assertEquals(0, read(socket));
            }
        }
        // A right greeting gets the server's part of the handshake, and nothing after a wrong proof.
        byte[] hello = java.nio.ByteBuffer.allocate(64)
                .order(java.nio.ByteOrder.LITTLE_ENDIAN)
                .putLong(0x314e495744474f47L)
                .putShort((short) 1)
                .putShort((short) 1)
                .putShort((short) 1)
                .array();
        try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
            socket.getOutputStream().write(hello);
            assertEquals(80, socket.getInputStream().readNBytes(80).length);
            socket.getOutputStream().write(new byte[32]);
            assertEquals(0, read(socket));
        }
        // Replaying another connection's proof is as wrong as any.
        hello[8] = 9;
        hello[10] = 9;
        try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
            socket.getOutputStream().write(hello);
            byte[] refusal = socket.getInputStream().readAllBytes();
            assertEquals(80, refusal.length);
            assertEquals(0, refusal[8]);
        }
        assertUnharmed(0);
    }

    private static int read(Socket socket) {
        try {
            return socket.getInputStream().readAllBytes().length;
        } catch (IOException e) {
            // Reset, for what it had not read.
            return 0;
        }
    }

    @Test
    void anEndlessGreetingIsCutOff() throws Exception {
        InetSocketAddress address = host.address();
        long started = System.nanoTime();
        try (Socket slow = new Socket(address.getAddress(), address.getPort())) {
            byte[] hello = {'G', 'O', 'G', 'D', 'W', 'I', 'N', '1'};
            for (int i = 0; i < 64; i++) {
                slow.getOutputStream().write(i < 8 ? hello[i] : 1);
                slow.setSoTimeout(400);
                try {
                    if (slow.getInputStream().read() < 0) {
                        break;
                    }
                } catch (java.net.SocketTimeoutException e) {
                    // Nothing yet: spell on.
                }
            }
        } catch (IOException e) {
            // Cut off in the middle of a letter.
        }
        long seconds = (System.nanoTime() - started) / 1_000_000_000;
        assertTrue(seconds < 20, seconds + " s");
        assertUnharmed(0);
    }
}
