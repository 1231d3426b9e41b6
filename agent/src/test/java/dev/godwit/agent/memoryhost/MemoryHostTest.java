package dev.godwit.agent.memoryhost;

import static dev.godwit.agent.memoryhost.RegionStatus.EXISTS;
import static dev.godwit.agent.memoryhost.RegionStatus.FENCED;
import static dev.godwit.agent.memoryhost.RegionStatus.MISMATCH;
import static dev.godwit.agent.memoryhost.RegionStatus.NO_ROOM;
import static dev.godwit.agent.memoryhost.RegionStatus.OK;
import static dev.godwit.agent.memoryhost.RegionStatus.UNKNOWN;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.memoryhost.MemoryClient.Answer;
import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageRequest;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Handshake;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.Secret;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import java.lang.foreign.Arena;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The protocol as a client sees it, in memory and in files. */
@Timeout(60)
class MemoryHostTest {
    private static final long PAGES = 1200; // the last chunk is a short one

    @TempDir
    Path directory;

    private final UUID id = UUID.randomUUID();

    private TestHost host(boolean files, long pages) {
        return new TestHost(pages, files ? directory : null);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void keepsWhatIsStored(boolean files) throws TransportException {
        try (TestHost host = host(files, 100)) {
            MemoryClient store = host.store(id);
            MemoryClient fetch = host.fetch(id);
            assertEquals(new Answer(OK, 1, 0, 100), store.create(PAGES, 100));
            assertEquals(new Answer(OK, 1, 0, 100), fetch.attach(1, PAGES));
            assertArrayEquals(new long[512], fetch.fetch(512, 512), "nothing is there yet");
            store.store(3, 30, 40, 50);
            store.store(1199, 7);
            assertEquals(OK, store.end(1));
            fetch.ping();
            assertArrayEquals(new long[] {0, 30, 40, 50, 0}, fetch.fetch(2, 5));
            assertArrayEquals(new long[] {7}, fetch.fetch(1199, 1));
            store.store(4, 0, 51, 60);
            assertEquals(OK, store.end(77));
            assertArrayEquals(new long[] {30, 0, 51, 60}, fetch.fetch(3, 4));
        }
    }

    @Test
    void aStatusEndsNoConnection() throws TransportException {
        try (TestHost host = host(false, 100)) {
            MemoryClient store = host.store(id);
            assertEquals(new Answer(UNKNOWN, 0, 0, 0), store.standby(PAGES));
            assertEquals(UNKNOWN, store.attach(1, PAGES).status());
            assertEquals(UNKNOWN, store.take(1, PAGES).status());
            assertEquals(new Answer(NO_ROOM, 0, 0, 100), store.create(PAGES, 101));
            assertEquals(OK, store.create(PAGES, 60).status());
            MemoryClient other = host.store(id);
            assertEquals(new Answer(EXISTS, 1, 0, 60), other.create(PAGES, 10));
            assertEquals(MISMATCH, other.attach(1, PAGES - 1).status());
            assertEquals(MISMATCH, other.standby(PAGES + 1).status());
            assertEquals(new Answer(FENCED, 1, 0, 60), other.attach(2, PAGES));
            assertEquals(FENCED, other.take(0, PAGES).status());
            assertEquals(
                    new Answer(NO_ROOM, 0, 0, 40), host.store(UUID.randomUUID()).create(PAGES, 41));
            assertEquals(OK, host.store(UUID.randomUUID()).create(PAGES, 40).status());
            assertEquals(OK, other.standby(PAGES).status());
            assertEquals(OK, store.end(1), "its owner has noticed nothing");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void takingFencesTheOwner(boolean files) throws TransportException {
        try (TestHost host = host(files, 100)) {
            MemoryClient store = host.store(id);
            MemoryClient fetch = host.fetch(id);
            store.create(PAGES, 100);
            fetch.attach(1, PAGES);
            store.store(0, 1, 2, 3);
            assertEquals(OK, store.end(1));
            MemoryClient target = host.fetch(id);
            assertEquals(new Answer(OK, 1, 3, 100), target.standby(PAGES));
            assertEquals(new Answer(OK, 2, 3, 100), target.take(1, PAGES));
            store.awaitBroken();
            fetch.awaitBroken();
            assertEquals(FENCED, host.store(id).attach(1, PAGES).status());
            assertEquals(FENCED, host.store(id).take(1, PAGES).status());
            assertArrayEquals(new long[] {1, 2, 3}, target.fetch(0, 3));
            MemoryClient targetStore = host.store(id);
            assertEquals(OK, targetStore.attach(2, PAGES).status());
            targetStore.store(0, 9);
            assertEquals(OK, targetStore.end(1));
            MemoryClient third = host.store(id);
            assertEquals(new Answer(OK, 3, 3, 100), third.take(2, PAGES));
            target.awaitBroken();
        }
    }

    @Test
    void aConnectionMadeAgainReplacesTheOneBefore() throws TransportException {
        try (TestHost host = host(false, 100)) {
            MemoryClient store = host.store(id);
            MemoryClient fetch = host.fetch(id);
            store.create(PAGES, 100);
            fetch.attach(1, PAGES);
            MemoryClient again = host.store(id);
            assertEquals(OK, again.attach(1, PAGES).status());
            store.awaitBroken();
            again.store(5, 5);
            assertEquals(OK, again.end(2));
            assertArrayEquals(new long[] {5}, fetch.fetch(5, 1));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRegionGivenUpIsGone(boolean files) throws TransportException {
        try (TestHost host = host(files, 100)) {
            MemoryClient store = host.store(id);
            MemoryClient fetch = host.fetch(id);
            store.create(PAGES, 100);
            fetch.attach(1, PAGES);
            store.store(0, 1, 2, 3);
            assertEquals(OK, store.gone());
            fetch.awaitBroken();
            store.awaitBroken();
            assertEquals(UNKNOWN, host.fetch(id).standby(PAGES).status());
            MemoryClient again = host.store(id);
            assertEquals(new Answer(OK, 1, 0, 100), again.create(PAGES, 100), "its room is free again");
            MemoryClient reader = host.fetch(id);
            reader.attach(1, PAGES);
            assertArrayEquals(new long[3], reader.fetch(0, 3));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void noMoreThanWasReserved(boolean files) throws TransportException {
        try (TestHost host = host(files, 100)) {
            MemoryClient store = host.store(id);
            MemoryClient fetch = host.fetch(id);
            store.create(PAGES, 4);
            fetch.attach(1, PAGES);
            store.store(0, 1, 2, 3);
            assertEquals(OK, store.end(1));
            store.store(2, 33, 44, 55);
            assertEquals(NO_ROOM, store.end(2));
            assertArrayEquals(new long[] {1, 2, 3, 0, 0}, fetch.fetch(0, 5), "nothing of the frame");
            assertEquals(OK, store.end(3), "the status is reset");
            store.store(0, 11, 22, 33, 44);
            assertEquals(OK, store.end(4), "as many as were reserved");
            store.store(0, 0, 0, 333, 444, 555, 666);
            assertEquals(OK, store.end(5), "pages given up in a frame make room in it");
            assertArrayEquals(new long[] {0, 0, 333, 444, 555, 666}, fetch.fetch(0, 6));
            store.store(512, 1);
            store.store(0, 0, 0, 0);
            store.store(513, 2);
            assertEquals(NO_ROOM, store.end(6), "each frame counts for itself");
            assertArrayEquals(new long[] {0, 2}, fetch.fetch(512, 2));
            assertEquals(new Answer(OK, 1, 4, 4), host.fetch(id).standby(PAGES));
        }
    }

    /** Ways to break the rules after a correct beginning. */
    enum Wrong {
        REQUEST_TYPE,
        NO_PAGES,
        TOO_MANY_PAGES,
        RESERVED_NOTHING,
        RESERVED_MORE_THAN_RAM,
        STREAM,
        FRAME_TYPE,
        NO_RUNS,
        TOO_MANY_RUNS,
        CHUNK_BEYOND,
        CHUNK_NEGATIVE,
        CHUNK_UNALIGNED,
        ROUND,
        WANT_NOTHING,
        WANT_BEYOND,
        WANT_NEGATIVE,
        WANT_TWO_CHUNKS,
        WANT_OTHER_TYPE,
        CUT_IN_A_FRAME
    }

    @ParameterizedTest
    @EnumSource(Wrong.class)
    void aBadPeerLosesItsConnectionAlone(Wrong wrong) throws TransportException {
        try (TestHost host = host(true, 100)) {
            UUID good = UUID.randomUUID();
            MemoryClient bystander = host.store(good);
            bystander.create(PAGES, 50);
            bystander.store(0, 1, 2, 3);
            MemoryClient bad = bad(host, wrong);
            if (wrong != Wrong.CUT_IN_A_FRAME) {
                bad.awaitBroken();
            }
            bad.close();
            assertEquals(OK, bystander.end(1));
            MemoryClient reader = host.fetch(good);
            assertEquals(new Answer(OK, 1, 3, 50), reader.attach(1, PAGES));
            assertArrayEquals(new long[] {1, 2, 3, 0}, reader.fetch(0, 4));
            if (wrong == Wrong.CUT_IN_A_FRAME) {
                MemoryClient again = host.fetch(id);
                again.take(1, PAGES);
                assertEquals(0, host.store(id).standby(PAGES).held(), "half a frame is none");
                assertArrayEquals(new long[2], again.fetch(0, 2));
            }
        }
    }

    private MemoryClient bad(TestHost host, Wrong wrong) throws TransportException {
        int stream = switch (wrong) {
            case STREAM -> 2;
            case WANT_NOTHING, WANT_BEYOND, WANT_NEGATIVE, WANT_TWO_CHUNKS, WANT_OTHER_TYPE -> 0;
            default -> 1;
        };
        MemoryClient bad = host.connect(id, stream);
        switch (wrong) {
            case REQUEST_TYPE -> bad.send(new byte[RegionRequest.BYTES]);
            case NO_PAGES -> assertThrows(TransportException.class, () -> bad.create(0, 1));
            case TOO_MANY_PAGES -> assertThrows(TransportException.class, () -> bad.create((1L << 28) + 1, 1));
            case RESERVED_NOTHING -> assertThrows(TransportException.class, () -> bad.create(PAGES, 0));
            case RESERVED_MORE_THAN_RAM -> assertThrows(TransportException.class, () -> bad.create(PAGES, PAGES + 1));
            case STREAM -> {
                // What it asks for is wrong already.
            }
            default -> {
                assertEquals(OK, bad.create(PAGES, 50).status());
                misbehave(bad, wrong);
            }
        }
        return bad;
    }

    private static void misbehave(MemoryClient bad, Wrong wrong) throws TransportException {
        int pages = PageFrame.PAGES;
        int after = PageFrame.AFTERWARDS;
        switch (wrong) {
            case FRAME_TYPE -> bad.send(MemoryClient.header(0x1234, 1, 0, after, 0));
            case NO_RUNS -> bad.send(MemoryClient.header(pages, 0, 0, after, 0));
            case TOO_MANY_RUNS -> bad.send(MemoryClient.header(pages, 513, 0, after, 0));
            case CHUNK_BEYOND -> bad.send(MemoryClient.header(pages, 1, 1536, after, 0));
            case CHUNK_NEGATIVE -> bad.send(MemoryClient.header(pages, 1, -512, after, 0));
            case CHUNK_UNALIGNED -> bad.send(MemoryClient.header(pages, 1, 1, after, 0));
            case ROUND -> bad.send(MemoryClient.header(pages, 1, 0, 1, 0));
            case WANT_NOTHING -> bad.want(PageRequest.WANT, 0, 0);
            case WANT_BEYOND -> bad.want(PageRequest.WANT, 1199, 2);
            case WANT_NEGATIVE -> bad.want(PageRequest.WANT, -1, 1);
            case WANT_TWO_CHUNKS -> bad.want(PageRequest.WANT, 511, 2);
            case WANT_OTHER_TYPE -> bad.want(PageRequest.MISSING, 152, 0);
            case CUT_IN_A_FRAME -> {
                bad.send(MemoryClient.header(pages, 1, 0, after, 8192));
                bad.send((byte) 0, (byte) 0, (byte) 2, (byte) 0, (byte) 1, (byte) 0, (byte) 0, (byte) 0);
                bad.send(new byte[5000]);
            }
            default -> throw new IllegalArgumentException(wrong.toString());
        }
    }

    @ParameterizedTest
    @EnumSource(value = Role.class, names = "MEMORY", mode = EnumSource.Mode.EXCLUDE)
    void otherRolesAreTurnedAway(Role role) throws TransportException {
        try (TestHost host = host(false, 100);
                Connection stranger = Connection.connect(host.address(), Duration.ofSeconds(5));
                Arena arena = Arena.ofConfined()) {
            stranger.setStall(Duration.ofSeconds(20));
            TransportException why = assertThrows(
                    TransportException.class, () -> Handshake.connect(stranger, TestHost.SECRET, role, id, 0));
            assertEquals(Kind.NOT_SERVED, why.kind());
            assertEquals(
                    HostPort.text(host.address())
                            + " takes no guests: is it a memory host? 'godwit agent --listen' takes them",
                    why.getMessage());
            Kind kind = assertThrows(TransportException.class, () -> stranger.receive(arena.allocate(1)))
                    .kind();
            assertEquals(Kind.CLOSED, kind);
        }
    }

    @Test
    void whoDoesNotKnowTheSecretGetsNothing() {
        try (TestHost host = host(false, 100)) {
            Secret other = new Secret("the secret of a stranger".getBytes(US_ASCII));
            Kind kind = assertThrows(TransportException.class, () -> new MemoryClient(host.address(), other, id, 0))
                    .kind();
            assertEquals(Kind.UNAUTHENTICATED, kind);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatNobodyComesForIsForgotten(boolean files) throws TransportException {
        try (TestHost host = new TestHost(100, files ? directory : null, Duration.ofMillis(200))) {
            MemoryClient store = host.store(id);
            store.create(PAGES, 100);
            UUID kept = UUID.randomUUID();
            MemoryClient there = host.store(kept);
            assertEquals(NO_ROOM, there.create(PAGES, 1).status());
            store.store(0, 1);
            store.end(1);
            store.close();
            while (there.create(PAGES, 1).status() == NO_ROOM) {
                LockSupport.parkNanos(10_000_000);
            }
            assertEquals(UNKNOWN, host.fetch(id).standby(PAGES).status());
            LockSupport.parkNanos(Duration.ofMillis(600).toNanos());
            assertEquals(OK, host.fetch(kept).standby(PAGES).status(), "its owner is connected");
        }
    }

    @Test
    void aPortInUseIsOneLine() {
        try (TestHost host = host(false, 100)) {
            InetSocketAddress taken = host.address();
            Failure failure = assertThrows(
                    Failure.class, () -> MemoryHost.start(taken, TestHost.SECRET, 1 << 20, null, Duration.ZERO));
            assertTrue(failure.getMessage().contains("the port is in use"), failure.getMessage());
        }
    }

    @Test
    void aPageIsTheLeast() {
        Failure failure = assertThrows(
                Failure.class, () -> MemoryHost.start(TestHost.ANY, TestHost.SECRET, 0, null, Duration.ZERO));
        assertEquals("--size: at least 4096 bytes, a page, not 0", failure.getMessage());
    }
}
