package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.ThisHost;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.migration.Chance;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Guests most of whose memory is behind a network, or on a disk, that is not as it should be: they never read what is wrong. */
@Tag("kvm")
@Timeout(240)
class RemoteGuestFaultTest {
    private static final long MIB = 1 << 20;
    private static final long MEMORY = 96 * MIB;
    private static final long LOCAL = 24 * MIB;
    private static final int GUESTS = 4;

    @TempDir
    Path directory;

    private Agent agent;
    private ApiClient client;
    private MemoryHost memoryHost;
    private BrokenNetwork network;

    @BeforeEach
    void open() {
        agent = TestAgent.start(directory.resolve("agent"));
        client = new ApiClient(agent.socket());
    }

    @AfterEach
    void close() throws IOException {
        agent.close();
        if (network != null) {
            network.close();
        }
        memoryHost.close();
    }

    private void startHost(Path files, Random random) throws IOException {
        memoryHost = MemoryHost.start(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                TestAgent.secret(),
                512 * MIB,
                files,
                Duration.ZERO);
        network = new BrokenNetwork(memoryHost.address(), random);
    }

    private void startGuest(String name) throws Exception {
        ask(name);
        guest(name).awaitReady();
    }

    private RemoteGuest guest(String name) {
        return new RemoteGuest(agent, name);
    }

    @Test
    void connectionsThatBreakOrStallMakeItWait() throws Exception {
        Random random = Chance.random("connectionsThatBreakOrStallMakeItWait");
        startHost(null, random);
        startGuest("web");
        guest("web").awaitElsewhere(40);
        network.breakEvery(BrokenNetwork.Fault.CUT, 3 * MIB);
        for (int i = Chance.times(4); i > 0; i--) {
            guest("web").verify();
        }
        int cuts = network.faults();
        assertTrue(cuts > 3, cuts + " cuts");
        // A memory host that moves no byte is away after five seconds.
        network.breakEvery(BrokenNetwork.Fault.STALL, 40 * MIB);
        guest("web").verify();
        guest("web").verify();
        System.out.println(cuts + " cuts, " + (network.faults() - cuts) + " stalls");
        assertEquals("running", client.guest("web").state());
    }

    @Test
    void aBitThatIsAnotherIsNeverRead() throws Exception {
        Random random = Chance.random("aBitThatIsAnotherIsNeverRead");
        startHost(null, random);
        int lost = 0;
        for (int i = Chance.times(GUESTS); i > 0; i--) {
            String name = "web" + i;
            startGuest(name);
            guest(name).awaitElsewhere(40);
            network.breakEvery(BrokenNetwork.Fault.CORRUPT, 2 * MIB);
            try {
                // Long enough for some of it to hit content, on its way there or back.
                for (int times = 0; times < 3; times++) {
                    guest(name).verify();
                }
            } catch (AssertionError e) {
                assertEquals("stopped", client.guest(name).state(), e.getMessage());
            }
            network.breakEvery(BrokenNetwork.Fault.CORRUPT, 0);
            if (client.guest(name).state().equals("stopped")) {
                assertEquals("pages-lost", client.guest(name).reason());
                assertTrue(
                        client.guest(name).detail().contains("another content"),
                        client.guest(name).detail());
                lost++;
            }
            client.remove(name);
        }
        System.out.println(network.faults() + " bits, " + lost + " guests lost");
        assertTrue(lost > 0, "no bit of content was another");
    }

    @Test
    void aFullMemoryHostHoldsTheGuestAtItsBoundUntilThereIsRoom() throws Exception {
        ThisHost.require(System.getProperty("user.name").equals("root"), "only root can mount a small file system");
        Path small = Files.createDirectory(directory.resolve("small"));
        run("mount", "-t", "tmpfs", "-o", "size=160m", "godwit-test", small.toString());
        try {
            startHost(Files.createDirectory(small.resolve("pages")), new Random(0));
            Path ballast = small.resolve("ballast");
            fill(ballast, 140 * MIB);
            ask("web");
            Eventually.await(() -> guest("web").status().noRoom(), "the memory host has no room");
            // It has what it may, three batches, of which one has come back, and the rests of chunks; no more while
            // that lasts.
            long most = LOCAL + 3 * (LOCAL / 8) + 6 * MIB;
            for (int i = 0; i < 60; i++) {
                LockSupport.parkNanos(50_000_000);
                long resident = guest("web").residentBytes();
                assertTrue(resident <= most, () -> resident + " bytes");
                assertEquals("running", client.guest("web").state());
            }
            Files.delete(ballast);
            guest("web").awaitReady();
            guest("web").verify();
            assertTrue(!guest("web").status().noRoom());
            client.remove("web");
        } finally {
            memoryHost.close();
            run("umount", small.toString());
        }
    }

    private void ask(String name) {
        StartRequest request = TestAgent.request(name, "dirtier", MEMORY, "ws=8m cold=64m rate=2000 pattern=random");
        client.start(request.with(new StartRequest.MemoryHost("127.0.0.1:" + network.port(), LOCAL)));
    }

    private static void fill(Path file, long bytes) throws IOException {
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            ByteBuffer piece = ByteBuffer.allocateDirect(1 << 20);
            for (long written = 0; written < bytes; written += 1 << 20) {
                piece.clear();
                out.write(piece);
            }
        }
    }

    private static void run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertEquals(0, process.waitFor(), () -> String.join(" ", command));
    }
}
