package dev.godwit.agent.transport;

import dev.godwit.bindings.linux.GatherMessage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Measures what TLS leaves of the loopback's throughput: gatherings of 2 MiB, plain and encrypted in alternation. Not a
 * test: run it with the class path of the tests; arguments are connections, GiB and seconds of rehearsal,
 * default 1, 1 and 3.
 */
final class TlsThroughput {
    private static final int ROUNDS = 7;
    private static final int CHUNK = 2 << 20;
    private static final int MEMORY = 64 << 20;

    private TlsThroughput() {}

    /** Prints bytes a second of each round, and the ratio. */
    public static void main(String[] args) throws Exception {
        int connections = args.length > 0 ? Integer.parseInt(args[0]) : 1;
        long bytes = (args.length > 1 ? Long.parseLong(args[1]) : 1) << 30;
        Cluster cluster = new Cluster(Files.createTempDirectory("godwit-tls").resolve(Path.of("certs")));
        TlsIdentity client = cluster.identity("client");
        TlsIdentity server = cluster.identity("server,127.0.0.1");
        long start = System.nanoTime();
        long rehearsed = TlsRehearsal.run(server, Duration.ofSeconds(args.length > 2 ? Long.parseLong(args[2]) : 3));
        System.out.printf(
                Locale.ROOT, "rehearsed %d MB in %.1f s%n", rehearsed / 1_000_000, (System.nanoTime() - start) / 1e9);
        for (int i = 0; i < ROUNDS; i++) {
            double plain = measure(connections, bytes, null, null);
            double tls = measure(connections, bytes, client, server);
            System.out.printf(
                    Locale.ROOT,
                    "%d connections: plain %.2f GB/s, TLS %.2f GB/s, ratio %.2f%n",
                    connections,
                    plain / 1e9,
                    tls / 1e9,
                    tls / plain);
        }
    }

    private static double measure(int connections, long bytes, TlsIdentity client, TlsIdentity server)
            throws Exception {
        List<ConnectedPair> pairs = new ArrayList<>();
        try (Arena arena = Arena.ofShared();
                ExecutorService threads = Executors.newCachedThreadPool()) {
            for (int i = 0; i < connections; i++) {
                ConnectedPair pair = new ConnectedPair();
                pairs.add(client == null ? pair : pair.secured(client, server));
            }
            List<Future<?>> parts = new ArrayList<>();
            long chunks = bytes / connections / CHUNK;
            MemorySegment from = arena.allocate(MEMORY, CHUNK).fill((byte) 1);
            MemorySegment to = arena.allocate(MEMORY, CHUNK);
            long start = System.nanoTime();
            for (ConnectedPair pair : pairs) {
                parts.add(threads.submit(() -> pump(chunks, from, pair.client::send)));
                parts.add(threads.submit(() -> pump(chunks, to, pair.server::receive)));
            }
            for (Future<?> part : parts) {
                part.get();
            }
            return (double) chunks * CHUNK * connections * 1e9 / (System.nanoTime() - start);
        } finally {
            pairs.forEach(ConnectedPair::close);
        }
    }

    private interface Call {
        void move(GatherMessage message) throws TransportException;
    }

    private static Void pump(long chunks, MemorySegment memory, Call call) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            GatherMessage message = new GatherMessage(arena, 1);
            for (long i = 0; i < chunks; i++) {
                message.clear();
                message.add(memory.address() + i * CHUNK % MEMORY, CHUNK);
                call.move(message);
            }
            return null;
        }
    }
}
