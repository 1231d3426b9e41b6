package dev.godwit.agent.stream;

import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * Sends the same few pages over the loopback, again and again, one of sixteen as zeros, until Java has compiled what the
 * sender does with each: otherwise it does so while the first guests are migrated, on the processors that they need.
 */
public final class StreamRehearsal {
    private static final long BYTES = 8L << 20;
    /** Java compiles a loop with all its might after some 40000 turns. */
    private static final int ROUNDS = 40;

    private static final int ZERO_OF = 16;

    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private StreamRehearsal() {}

    /**
     * Does so, in a quarter of a second or so.
     *
     * @throws TransportException when this host has no loopback
     */
    public static void run() throws TransportException {
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (Listener listener = Listener.open(anyPort);
                Connection out = Connection.connect(listener.address(), PATIENCE);
                Connection in = listener.accept()) {
            out.setStall(PATIENCE);
            in.setStall(PATIENCE);
            run(out, in);
        }
    }

    private static void run(Connection out, Connection in) throws TransportException {
        try (GuestMemory from = GuestMemory.allocate(BYTES, LargePages.NONE);
                GuestMemory to = GuestMemory.allocate(BYTES, LargePages.NONE);
                Arena arena = Arena.ofShared()) {
            CompletableFuture<Void> sending = CompletableFuture.runAsync(
                    () -> send(arena, out, from),
                    task -> Thread.ofPlatform().daemon().name("rehearsal-send").start(task));
            try {
                PageReceiver receiver =
                        new PageReceiver(arena, in, to, new PageSet(arena, to.pages()), Backing.emptyChunks(arena, to));
                for (int i = 0; i < ROUNDS; i++) {
                    receiver.receiveRound();
                }
            } finally {
                // It sends from memory that is about to go. Its peer may be somebody else.
                in.abort();
                out.abort();
                sending.join();
            }
        }
    }

    private static void send(Arena arena, Connection out, GuestMemory from) {
        PageSender sender = new PageSender(arena, out, from, RateLimit.none());
        PageSet all = new PageSet(arena, from.pages());
        all.addRange(0, from.pages());
        try {
            for (int round = 1; round <= ROUNDS; round++) {
                fill(from, round);
                for (long chunk = 0; chunk < PageFrame.chunksIn(from.pages()); chunk++) {
                    sender.sendChunk(all, chunk, false, round);
                }
                sender.endRound(round);
            }
        } catch (TransportException e) {
            // Who receives says what is wrong.
        }
    }

    private static void fill(GuestMemory memory, int round) {
        memory.segment().fill((byte) 1);
        for (long page = round % ZERO_OF; page < memory.pages(); page += ZERO_OF) {
            memory.segment()
                    .asSlice(page << PageSize.SMALL_SHIFT, PageSize.SMALL)
                    .fill((byte) 0);
        }
    }
}
