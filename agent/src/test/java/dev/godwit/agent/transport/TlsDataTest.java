package dev.godwit.agent.transport;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.GatherMessage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What goes over TLS, and how it ends. */
@Timeout(60)
class TlsDataTest {
    private static final int PAGE = 4096;
    private static final int MEMORY = 8 << 20;

    @TempDir
    Path directory;

    private ConnectedPair pair;
    private Connection client;
    private Connection server;

    @BeforeEach
    void open() throws Exception {
        Cluster cluster = new Cluster(directory);
        pair = new ConnectedPair().secured(cluster.identity("a"), cluster.identity("b,127.0.0.1"));
        client = pair.client;
        server = pair.server;
    }

    @AfterEach
    void close() {
        pair.close();
    }

    /** Both ways at once: guests' pages in gatherings of every shape, and small messages between them. */
    @Test
    void randomGatheringsArriveAsTheyLeft() throws Exception {
        long seed = Long.getLong("godwit.seed", System.nanoTime());
        System.out.println("randomGatheringsArriveAsTheyLeft: -Dgodwit.seed=" + seed);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment up = random(arena, seed);
            MemorySegment down = random(arena, seed + 1);
            MemorySegment upThere = arena.allocate(MEMORY);
            MemorySegment downThere = arena.allocate(MEMORY);
            Future<?> a = pair.threads.submit(() -> move(up, seed, true, client));
            Future<?> b = pair.threads.submit(() -> move(upThere, seed + 2, false, server));
            Future<?> c = pair.threads.submit(() -> move(down, seed + 3, true, server));
            move(downThere, seed + 4, false, client);
            a.get();
            b.get();
            c.get();
            assertEquals(-1, up.mismatch(upThere));
            assertEquals(-1, down.mismatch(downThere));
        }
    }

    private static MemorySegment random(Arena arena, long seed) {
        byte[] bytes = new byte[MEMORY];
        new Random(seed).nextBytes(bytes);
        return arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
    }

    /** Sends or receives all of a memory in portions of its own choice: the two ends' portions need not agree. */
    private static Void move(MemorySegment memory, long seed, boolean sending, Connection over)
            throws TransportException {
        Random random = new Random(seed);
        try (Arena arena = Arena.ofConfined()) {
            GatherMessage message = new GatherMessage(arena, 513);
            long at = 0;
            while (at < MEMORY) {
                if (random.nextInt(4) == 0) {
                    long length = Math.min(MEMORY - at, 1 + random.nextInt(100_000));
                    if (sending) {
                        over.send(memory.asSlice(at, length));
                    } else {
                        over.receive(memory.asSlice(at, length));
                    }
                    at += length;
                } else {
                    message.clear();
                    int most = random.nextBoolean() ? 64 : random.nextBoolean() ? PAGE : 40 * PAGE;
                    for (int ranges = 1 + random.nextInt(513); ranges > 0 && at < MEMORY; ranges--) {
                        long length = Math.min(MEMORY - at, random.nextInt(4) == 0 ? PAGE : random.nextInt(most + 1));
                        message.add(memory.address() + at, length);
                        at += length;
                    }
                    if (sending) {
                        over.send(message);
                    } else {
                        over.receive(message);
                    }
                }
            }
        }
        return null;
    }

    @Test
    void aPeerThatSendsOrTakesNothingIsGivenUp() {
        client.setStall(Duration.ofMillis(150));
        assertEquals(
                Kind.STALLED,
                ConnectedPair.failure(() -> ConnectedPair.receive(client, 1)).kind());
        assertEquals(
                Kind.STALLED,
                ConnectedPair.failure(() -> {
                            while (true) {
                                ConnectedPair.send(client, new byte[1 << 20]);
                            }
                        })
                        .kind());
    }

    @Test
    void aPatientConnectionWaitsAndCounts() throws Exception {
        server.setPatient(Duration.ofMillis(20));
        Future<byte[]> all = pair.threads.submit(() -> ConnectedPair.receive(server, 3));
        long before = server.received();
        ConnectedPair.send(client, (byte) 1);
        while (server.received() == before) {
            Thread.onSpinWait();
        }
        ConnectedPair.send(client, (byte) 2, (byte) 3);
        assertArrayEquals(new byte[] {1, 2, 3}, all.get());
    }

    @Test
    void abortWakesEverybody() throws Exception {
        Future<byte[]> here = pair.threads.submit(() -> ConnectedPair.receive(client, 1));
        Future<byte[]> there = pair.threads.submit(() -> ConnectedPair.receive(server, 1));
        client.abort();
        assertEquals(Kind.CLOSED, ConnectedPair.failure(here).kind());
        assertEquals(Kind.CLOSED, ConnectedPair.failure(there).kind());
    }

    @Test
    void anEndInTheMiddleOfARecordIsAnEnd() throws Exception {
        ConnectedPair.send(client, (byte) 1);
        assertEquals(1, ConnectedPair.receive(server, 1)[0]);
        ConnectedPair.sendWire(client, (byte) 23, (byte) 3, (byte) 3, (byte) 0x40, (byte) 0, (byte) 9);
        client.abort();
        assertEquals(
                Kind.CLOSED,
                ConnectedPair.failure(() -> ConnectedPair.receive(server, 1)).kind());
    }

    /** Who sits in between can end a connection, and nothing else. */
    @Test
    void aRecordOfSomebodyElseReachesNoMemory() throws Exception {
        byte[] record = new byte[5 + 100];
        System.arraycopy(new byte[] {23, 3, 3, 0, 100}, 0, record, 0, 5);
        ConnectedPair.sendWire(client, record);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(64).fill((byte) 7);
            assertEquals(
                    Kind.MALFORMED,
                    ConnectedPair.failure(() -> {
                                server.receive(memory);
                                return null;
                            })
                            .kind());
            assertEquals(-1, memory.mismatch(arena.allocate(64).fill((byte) 7)));
        }
    }
}
