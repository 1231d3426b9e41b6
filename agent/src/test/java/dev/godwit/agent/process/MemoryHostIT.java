package dev.godwit.agent.process;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.config.SecretFile;
import dev.godwit.agent.memoryhost.MemoryClient;
import dev.godwit.agent.memoryhost.MemoryClient.Answer;
import dev.godwit.agent.memoryhost.RegionStatus;
import dev.godwit.agent.migration.Chance;
import dev.godwit.agent.transport.Secret;
import dev.godwit.agent.transport.TransportException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A memory host's process from its start to its end, which may be kill -9 at any moment. */
@Timeout(180)
class MemoryHostIT {
    private static final long PAGES = 8192;
    private static final int KILLS = 5;

    @TempDir
    Path directory;

    private final UUID id = UUID.randomUUID();
    private Secret secret;

    @BeforeEach
    void makeSecret() {
        secret = SecretFile.readOrCreate(directory.resolve("secret"));
    }

    private MemoryHostProcess start(String... options) throws IOException {
        List<String> all =
                new ArrayList<>(List.of("--secret", directory.resolve("secret").toString(), "--listen", "127.0.0.1:0"));
        all.addAll(List.of(options));
        return MemoryHostProcess.start(directory.resolve("log"), all);
    }

    private MemoryHostProcess startWithFiles() throws IOException {
        return start("--size", "32m", "--dir", directory.resolve("pages").toString());
    }

    @Test
    void whatWasStoredOutlivesAnyEnd() throws Exception {
        Random random = Chance.random("MemoryHostIT");
        long[] stored = new long[(int) PAGES];
        long epoch = 1;
        try (MemoryHostProcess host = startWithFiles();
                MemoryClient store = new MemoryClient(host.address(), secret, id, 1)) {
            assertEquals(RegionStatus.OK, store.create(PAGES, PAGES).status());
            fill(store, random, stored, epoch);
            assertTrue(host.firstLine().endsWith(", 32 MiB"), host.firstLine());
            assertEquals(0, host.end(Signal.TERM));
            assertTrue(host.log().contains("region " + id + " created by 127.0.0.1"), host.log());
        }
        for (int kill = 0; kill < KILLS; kill++) {
            try (MemoryHostProcess host = startWithFiles();
                    MemoryClient fetch = new MemoryClient(host.address(), secret, id, 0);
                    MemoryClient store = new MemoryClient(host.address(), secret, id, 1)) {
                Answer found = fetch.take(epoch, PAGES);
                epoch++;
                long held =
                        Arrays.stream(stored).filter(filling -> filling != 0).count();
                assertEquals(new Answer(RegionStatus.OK, epoch, held, PAGES), found);
                check(fetch, stored);
                store.attach(epoch, PAGES);
                fill(store, random, stored, epoch);
                host.end(Signal.KILL);
            }
        }
    }

    /** Stores at random until everything has been answered, and notes it. */
    private static void fill(MemoryClient store, Random random, long[] stored, long epoch) throws TransportException {
        for (int frame = 0; frame < 50; frame++) {
            int first = random.nextInt((int) PAGES / 512) * 512 + random.nextInt(400);
            long[] fillings = new long[1 + random.nextInt(100)];
            for (int i = 0; i < fillings.length; i++) {
                fillings[i] = random.nextInt(3) == 0 ? 0 : (epoch << 32) + frame + 1;
                stored[first + i] = fillings[i];
            }
            store.store(first, fillings);
        }
        assertEquals(RegionStatus.OK, store.end(epoch));
    }

    private static void check(MemoryClient fetch, long[] stored) throws TransportException {
        for (int first = 0; first < PAGES; first += 512) {
            assertArrayEquals(Arrays.copyOfRange(stored, first, first + 512), fetch.fetch(first, 512));
        }
    }

    @Test
    void theSameInMemoryEndsWithIt() throws Exception {
        try (MemoryHostProcess host = start("--size", "32m", "--forget-after", "0");
                MemoryClient store = new MemoryClient(host.address(), secret, id, 1)) {
            store.create(PAGES, PAGES);
            store.store(0, 1, 2, 3);
            assertEquals(RegionStatus.OK, store.end(1));
            assertEquals(0, host.end(Signal.TERM));
        }
        try (MemoryHostProcess host = start("--size", "32m");
                MemoryClient store = new MemoryClient(host.address(), secret, id, 1)) {
            assertEquals(RegionStatus.UNKNOWN, store.standby(PAGES).status());
        }
    }

    @Test
    void badInputIsOneLine() throws Exception {
        try (MemoryHostProcess host = start("--size", "32m")) {
            String taken = "127.0.0.1:" + host.address().getPort();
            assertRefused(
                    "godwit: --listen: cannot listen on " + taken + ": the port is in use",
                    "--size",
                    "1m",
                    "--listen",
                    taken);
        }
        assertRefused("godwit: --size: 1 PiB do not fit: this host has ", "--size", "1024t");
        assertRefused("godwit: --size: at least 4096 bytes, a page, not 0", "--size", "0");
        assertRefused("godwit: --dir: /dev/null is not a directory", "--size", "1m", "--dir", "/dev/null");
    }

    private void assertRefused(String line, String... options) throws Exception {
        Path log = directory.resolve("refused-" + UUID.randomUUID());
        List<String> all =
                new ArrayList<>(List.of("--secret", directory.resolve("secret").toString()));
        if (!List.of(options).contains("--listen")) {
            all.addAll(List.of("--listen", "127.0.0.1:0"));
        }
        all.addAll(List.of(options));
        try (MemoryHostProcess host = MemoryHostProcess.start(log, all)) {
            assertEquals("", host.firstLine());
            assertEquals(2, host.exit());
            assertTrue(host.log().startsWith(line), host.log());
            assertEquals(1, host.log().lines().count(), host.log());
        }
    }
}
