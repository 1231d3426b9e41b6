package dev.godwit.agent.memoryhost;

import static dev.godwit.agent.memoryhost.RegionStatus.EXISTS;
import static dev.godwit.agent.memoryhost.RegionStatus.FENCED;
import static dev.godwit.agent.memoryhost.RegionStatus.NO_ROOM;
import static dev.godwit.agent.memoryhost.RegionStatus.OK;
import static dev.godwit.agent.memoryhost.RegionStatus.UNKNOWN;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.ThisHost;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.memoryhost.MemoryClient.Answer;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.PageSize;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Regions in a directory: across restarts, damaged, and on a full disk. */
@Timeout(60)
class RegionFilesTest {
    private static final long PAGES = 4096;

    @TempDir
    Path directory;

    private final UUID id = UUID.randomUUID();

    private TestHost host() {
        return new TestHost(1000, directory);
    }

    /** A region with some pages, at epoch 2. */
    private void leaveRegion() throws TransportException {
        try (TestHost host = host()) {
            MemoryClient store = host.store(id);
            store.create(PAGES, 500);
            store.store(0, 1, 2, 3, 4);
            store.store(600, 6);
            store.store(1, 0, 0);
            store.end(1);
            assertEquals(new Answer(OK, 2, 3, 500), host.fetch(id).take(1, PAGES));
        }
    }

    private Path header() {
        return directory.resolve(id + ".region");
    }

    private Path pages() {
        return directory.resolve(id + ".pages");
    }

    @Test
    void regionsAreThereAfterARestart() throws TransportException {
        leaveRegion();
        try (TestHost host = host()) {
            MemoryClient fetch = host.fetch(id);
            assertEquals(new Answer(OK, 2, 3, 500), fetch.standby(PAGES));
            assertEquals(FENCED, fetch.attach(1, PAGES).status());
            assertEquals(OK, fetch.attach(2, PAGES).status());
            assertArrayEquals(new long[] {1, 0, 0, 4, 0}, fetch.fetch(0, 5));
            assertArrayEquals(new long[] {0, 6, 0}, fetch.fetch(599, 3));
            assertEquals(
                    NO_ROOM, host.store(UUID.randomUUID()).create(PAGES, 501).status());
        }
    }

    @Test
    void aRegionGivenUpLeavesNoFiles() throws IOException, TransportException {
        leaveRegion();
        try (TestHost host = host()) {
            MemoryClient store = host.store(id);
            store.attach(2, PAGES);
            assertEquals(OK, store.gone());
            try (var files = Files.list(directory)) {
                assertEquals(List.of(directory.resolve("memory-host.lock")), files.toList());
            }
        }
    }

    /** The one before was killed while it deleted a region. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatWasBeingDeletedIsDeleted(boolean pagesAreGone) throws IOException, TransportException {
        leaveRegion();
        Files.move(header(), directory.resolve(id + ".gone"));
        if (pagesAreGone) {
            Files.delete(pages());
        }
        try (TestHost host = host();
                var files = Files.list(directory)) {
            assertEquals(List.of(directory.resolve("memory-host.lock")), files.toList());
            assertEquals(UNKNOWN, host.fetch(id).standby(PAGES).status());
            assertEquals(OK, host.store(id).create(PAGES, 500).status());
        }
    }

    @Test
    void pagesDroppedTakeNoSpace() throws Exception {
        try (TestHost host = host()) {
            MemoryClient store = host.store(id);
            store.create(PAGES, 500);
            long[] all = new long[400];
            Arrays.fill(all, 9);
            store.store(0, all);
            store.end(1);
            long full = space();
            assertTrue(full >= 400L * PageSize.SMALL, () -> full + " bytes");
            store.store(0, new long[400]);
            store.end(2);
            assertTrue(space() <= 16L * PageSize.SMALL, () -> space() + " bytes left");
        }
    }

    /** What the kernel reads ahead of a write does not become data by it. */
    @Test
    void whatIsBesideStoredPagesStaysAHole() throws TransportException {
        long[] chunk = new long[PageSize.SMALL_PER_LARGE];
        Arrays.fill(chunk, 1);
        long held = PAGES / 2;
        try (TestHost host = new TestHost(PAGES, directory)) {
            MemoryClient store = host.store(id);
            store.create(PAGES, PAGES);
            for (long page = 0; page < PAGES / 2; page += chunk.length) {
                store.store(page, chunk);
            }
            for (long page = PAGES / 2; page < PAGES; page += 4) {
                store.store(page, 2);
                held++;
            }
            assertEquals(OK, store.end(1));
        }
        try (TestHost host = new TestHost(PAGES, directory)) {
            assertEquals(new Answer(OK, 1, held, PAGES), host.fetch(id).standby(PAGES));
        }
    }

    private long space() {
        try {
            Process du = new ProcessBuilder("du", "-B1", pages().toString()).start();
            String text = new String(du.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            return Long.parseLong(text.split("\t", -1)[0]);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Ways to damage a region's files. */
    enum Damage {
        BIT,
        OLDER_BIT,
        ONE_SLOT,
        ZEROS,
        CUT,
        LONGER,
        EMPTY,
        OTHER_NAME,
        PAGES_CUT,
        PAGES_MISSING
    }

    @ParameterizedTest
    @EnumSource(Damage.class)
    void whatIsDamagedIsLeftAlone(Damage damage) throws IOException, TransportException {
        leaveRegion();
        byte[] bytes = Files.readAllBytes(header());
        switch (damage) {
            case BIT -> {
                bytes[48] ^= 4; // the epoch
                Files.write(header(), bytes);
            }
            case CUT -> Files.write(header(), Arrays.copyOf(bytes, bytes.length - 1));
            case LONGER -> Files.write(header(), Arrays.copyOf(bytes, bytes.length + 1));
            case OLDER_BIT -> {
                bytes[4096 + 16] ^= 1;
                Files.write(header(), bytes);
            }
            case ONE_SLOT -> {
                Arrays.fill(bytes, 4096, 8192, (byte) 0);
                Files.write(header(), bytes);
            }
            case ZEROS -> Files.write(header(), new byte[bytes.length]);
            case EMPTY -> Files.write(header(), new byte[0]);
            case OTHER_NAME -> Files.move(header(), directory.resolve(UUID.randomUUID() + ".region"));
            case PAGES_CUT -> {
                try (var file = Files.newByteChannel(pages(), StandardOpenOption.WRITE)) {
                    file.truncate(PAGES * PageSize.SMALL - 1);
                }
            }
            case PAGES_MISSING -> Files.delete(pages());
        }
        List<String> before = content();
        try (TestHost host = host()) {
            MemoryClient client = host.store(id);
            assertEquals(UNKNOWN, client.attach(2, PAGES).status());
            assertEquals(EXISTS, client.create(PAGES, 1).status(), "what is there is not written over");
            assertEquals(OK, host.store(UUID.randomUUID()).create(PAGES, 1000).status(), "it has no room reserved");
        }
        List<String> after = content();
        after.removeIf(line -> !before.contains(line));
        assertEquals(before, after);
    }

    /** Names and sizes of all files. */
    private List<String> content() throws IOException {
        List<String> lines = new ArrayList<>();
        try (var files = Files.list(directory)) {
            for (Path file : files.sorted().toList()) {
                lines.add(file.getFileName() + " " + Files.size(file));
            }
        }
        return lines;
    }

    @Test
    void foreignFilesAreLeftAlone() throws IOException, TransportException {
        leaveRegion();
        Path notes = Files.writeString(directory.resolve("notes.new"), "mine");
        Path odd = Files.writeString(directory.resolve(UUID.randomUUID() + ".region"), "not a region at all");
        Path unfinished = Files.writeString(directory.resolve(UUID.randomUUID() + ".new"), "half");
        try (TestHost host = host()) {
            assertEquals(OK, host.store(id).attach(2, PAGES).status());
        }
        assertEquals("mine", Files.readString(notes));
        assertEquals("not a region at all", Files.readString(odd));
        assertTrue(Files.notExists(unfinished), "what a killed process left");
    }

    @Test
    void oneMemoryHostADirectory() {
        try (TestHost host = host()) {
            Failure failure = assertThrows(Failure.class, this::host);
            assertEquals("--dir: another memory host has " + directory, failure.getMessage());
            assertEquals(Failure.Kind.CONFLICT, failure.kind());
            assertTrue(host.address().getPort() > 0);
        }
    }

    @Test
    void aSizeThatHasBeenReservedAlready() throws TransportException {
        leaveRegion();
        Failure failure = assertThrows(Failure.class, () -> new TestHost(499, directory));
        assertEquals("--size: the regions in --dir have reserved 1.95 MiB, more than 1.95 MiB", failure.getMessage());
        new TestHost(500, directory).close();
    }

    /** The disk is full before the reservation is: an answer, and everything else goes on. */
    @Test
    void aFullDiskIsAnAnswer() throws Exception {
        boolean root = System.getProperty("user.name").equals("root");
        ThisHost.require(root, "only root can mount a small file system");
        Path small = Files.createDirectory(directory.resolve("small"));
        run("mount", "-t", "tmpfs", "-o", "size=1m", "godwit-test", small.toString());
        try (TestHost host = new TestHost(PAGES, small)) {
            MemoryClient store = host.store(id);
            MemoryClient fetch = host.fetch(id);
            store.create(PAGES, PAGES);
            fetch.attach(1, PAGES);
            long[] some = new long[100];
            Arrays.fill(some, 5);
            store.store(0, some);
            store.store(600, 77);
            assertEquals(OK, store.end(1));
            store.store(100, some);
            store.store(300, some);
            assertEquals(NO_ROOM, store.end(2));
            assertArrayEquals(new long[100], fetch.fetch(300, 100));
            assertEquals(OK, store.end(3));
            // What a frame that did not fit had taken has been given back: so many fit that did before.
            store.store(0, new long[100]);
            store.store(0, some);
            assertEquals(OK, store.end(4));
            assertArrayEquals(some, fetch.fetch(0, 100));
            assertArrayEquals(new long[] {0, 77, 0}, fetch.fetch(599, 3));
            assertEquals(512, fetch.fetch(1024, 512).length, "reading what is not there takes nothing");
            store.store(300, 8, 8, 8, 8);
            assertEquals(OK, store.end(5));
            int page = 1024;
            do {
                store.store(page++, 1);
            } while (store.end(page) == OK);
            assertEquals(NO_ROOM, host.store(UUID.randomUUID()).create(PAGES, 1).status(), "not a block is left");
            for (long epoch = 1; epoch < 4; epoch++) {
                MemoryClient taker = host.fetch(id);
                assertEquals(epoch + 1, taker.take(epoch, PAGES).epoch(), "a new owner needs no block");
                assertArrayEquals(new long[] {8, 8, 8, 8, 0}, taker.fetch(300, 5));
            }
        } finally {
            run("umount", small.toString());
        }
    }

    private static void run(String... command) throws IOException, InterruptedException {
        assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor(), String.join(" ", command));
    }

    @ParameterizedTest
    @ValueSource(strings = {"file", "/proc/nope"})
    void aDirectoryThatDoesNotDoIsOneLine(String name) throws IOException {
        Path bad = directory.resolve(name);
        if (name.equals("file")) {
            Files.createFile(bad);
        }
        Failure failure = assertThrows(Failure.class, () -> new TestHost(10, bad));
        assertEquals(Failure.Kind.BAD_INPUT, failure.kind());
        assertEquals(1, failure.getMessage().lines().count());
        assertTrue(failure.getMessage().startsWith("--dir: " + bad), failure.getMessage());
    }
}
