package dev.godwit.agent.memoryhost;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageRequest;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.Handshake;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.UUID;

/** One connection to a memory host that speaks the protocol by hand, so that it can do it wrong. */
public final class MemoryClient implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** What {@link #fetch} says of a page that is not filled with one number. */
    static final long TORN = Long.MIN_VALUE;

    private final Connection connection;

    /** What the host said of a region. */
    public record Answer(RegionStatus status, long epoch, long held, long reserved) {}

    /** Connected and known, nothing more. */
    public MemoryClient(InetSocketAddress host, Credentials credentials, UUID id, int stream)
            throws TransportException {
        connection = Connection.connect(host, Duration.ofSeconds(5));
        connection.setStall(PATIENCE);
        Handshake.connect(connection, credentials, Role.MEMORY, id, stream);
    }

    public Answer create(long pages, long reserved) throws TransportException {
        return ask(RegionRequest.CREATE, 0, pages, reserved);
    }

    public Answer attach(long epoch, long pages) throws TransportException {
        return ask(RegionRequest.ATTACH, epoch, pages, 0);
    }

    public Answer take(long epoch, long pages) throws TransportException {
        return ask(RegionRequest.TAKE, epoch, pages, 0);
    }

    public Answer standby(long pages) throws TransportException {
        return ask(RegionRequest.STANDBY, 0, pages, 0);
    }

    private Answer ask(int type, long epoch, long pages, long reserved) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(RegionRequest.BYTES);
            request.set(PageFrame.U32, RegionRequest.TYPE, type);
            request.set(PageFrame.U64, RegionRequest.EPOCH, epoch);
            request.set(PageFrame.U64, RegionRequest.PAGES, pages);
            request.set(PageFrame.U64, RegionRequest.RESERVED, reserved);
            connection.send(request);
            MemorySegment answer = arena.allocate(RegionRequest.BYTES);
            connection.receive(answer);
            return new Answer(
                    RegionStatus.of(answer.get(PageFrame.U32, RegionRequest.STATUS)),
                    answer.get(PageFrame.U64, RegionRequest.EPOCH),
                    answer.get(PageFrame.U64, RegionRequest.HELD),
                    answer.get(PageFrame.U64, RegionRequest.RESERVED));
        }
    }

    /** Stores one run of pages, each filled with a number; 0 sends it as a run of zeros. */
    public void store(long first, long... fillings) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            int runs = fillings.length;
            long content = 0;
            for (long filling : fillings) {
                content += filling == 0 ? 0 : PageSize.SMALL;
            }
            long chunk = first - first % PageSize.SMALL_PER_LARGE;
            MemorySegment frame =
                    arena.allocate(PageFrame.HEADER_BYTES + (long) runs * PageFrame.RUN_BYTES + content, 8);
            MemorySegment.copy(
                    MemorySegment.ofArray(header(PageFrame.PAGES, runs, chunk, PageFrame.AFTERWARDS, content)),
                    0,
                    frame,
                    0,
                    PageFrame.HEADER_BYTES);
            long at = PageFrame.HEADER_BYTES + (long) runs * PageFrame.RUN_BYTES;
            for (int i = 0; i < runs; i++) {
                long run = PageFrame.HEADER_BYTES + (long) i * PageFrame.RUN_BYTES;
                frame.set(PageFrame.U16, run, (short) (first - chunk + i));
                frame.set(PageFrame.U16, run + 2, (short) 1);
                boolean zero = fillings[i] == 0;
                frame.set(PageFrame.U16, run + 4, (short) (zero ? PageFrame.KIND_ZERO : PageFrame.KIND_CONTENT));
                for (int j = 0; !zero && j < PageSize.SMALL; j += Long.BYTES) {
                    frame.set(PageFrame.U64, at + j, fillings[i]);
                }
                at += zero ? 0 : PageSize.SMALL;
            }
            connection.send(frame);
        }
    }

    /** Ends what was stored; returns the answer's status. */
    public RegionStatus end(long number) throws TransportException {
        send(header(PageFrame.ROUND_END, 0, number, 0, 0));
        return answered(number);
    }

    /** Gives the region up. */
    public RegionStatus gone() throws TransportException {
        send(header(StoreFrame.GONE, 0, 0, 0, 0));
        return answered(0);
    }

    private RegionStatus answered(long number) throws TransportException {
        MemorySegment answer = MemorySegment.ofArray(receive(StoreFrame.ANSWER_BYTES));
        long got = answer.get(PageFrame.U64, StoreFrame.NUMBER);
        if (got != number) {
            throw new AssertionError("answer " + got + " to " + number);
        }
        return RegionStatus.of(answer.get(PageFrame.U32, StoreFrame.STATUS));
    }

    /** Fetches pages and returns what each is filled with. */
    public long[] fetch(long first, int count) throws TransportException {
        want(PageRequest.WANT, first, count);
        MemorySegment head = MemorySegment.ofArray(receive(PageFrame.HEADER_BYTES));
        long chunk = first - first % PageSize.SMALL_PER_LARGE;
        check(head.get(PageFrame.U32, PageFrame.TYPE) == PageFrame.PAGES, "type");
        check(head.get(PageFrame.U64, PageFrame.FIRST_PAGE) == chunk, "chunk");
        check(head.get(PageFrame.U32, PageFrame.ROUND) == PageFrame.AFTERWARDS, "round");
        int runs = head.get(PageFrame.U32, PageFrame.RUNS);
        MemorySegment table = MemorySegment.ofArray(receive(runs * PageFrame.RUN_BYTES));
        long[] fillings = new long[count];
        int seen = 0;
        for (int i = 0; i < runs; i++) {
            long run = (long) i * PageFrame.RUN_BYTES;
            check(chunk + table.get(PageFrame.U16, run) == first + seen, "run");
            int pages = table.get(PageFrame.U16, run + 2);
            if (table.get(PageFrame.U16, run + 4) == PageFrame.KIND_CONTENT) {
                for (int page = 0; page < pages; page++) {
                    fillings[seen + page] = filling(receive(PageSize.SMALL));
                }
            }
            seen += pages;
        }
        check(seen == count, "pages");
        return fillings;
    }

    /** Asks whether somebody is there, and hears it. */
    void ping() throws TransportException {
        want(PageRequest.PING, 0, 0);
        MemorySegment answer = MemorySegment.ofArray(receive(PageFrame.HEADER_BYTES));
        check(answer.get(PageFrame.U32, PageFrame.TYPE) == PageFrame.ROUND_END, "type");
        check(answer.get(PageFrame.U64, PageFrame.FIRST_PAGE) == 0, "round");
    }

    private static long filling(byte[] page) {
        MemorySegment words = MemorySegment.ofArray(page);
        long filling = words.get(PageFrame.U64, 0);
        for (int i = 0; i < page.length; i += Long.BYTES) {
            if (words.get(PageFrame.U64, i) != filling) {
                return TORN;
            }
        }
        return filling;
    }

    private static void check(boolean right, String what) {
        if (!right) {
            throw new AssertionError("the frame's " + what + " is wrong");
        }
    }

    /** Sends a request for pages. */
    void want(int type, long first, int count) throws TransportException {
        MemorySegment request = MemorySegment.ofArray(new byte[PageRequest.BYTES]);
        request.set(PageFrame.U32, PageRequest.TYPE, type);
        request.set(PageFrame.U32, PageRequest.COUNT, count);
        request.set(PageFrame.U64, PageRequest.ARGUMENT, first);
        send(request.toArray(ValueLayout.JAVA_BYTE));
    }

    /** A frame's header. */
    static byte[] header(int type, int runs, long first, int round, long content) {
        MemorySegment head = MemorySegment.ofArray(new byte[PageFrame.HEADER_BYTES]);
        head.set(PageFrame.U32, PageFrame.TYPE, type);
        head.set(PageFrame.U32, PageFrame.RUNS, runs);
        head.set(PageFrame.U64, PageFrame.FIRST_PAGE, first);
        head.set(PageFrame.U32, PageFrame.ROUND, round);
        head.set(PageFrame.U64, PageFrame.CONTENT_BYTES, content);
        return head.toArray(ValueLayout.JAVA_BYTE);
    }

    void send(byte... bytes) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            connection.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
        }
    }

    private byte[] receive(int bytes) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = arena.allocate(bytes);
            connection.receive(segment);
            return segment.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** Returns when the host has broken the connection. */
    void awaitBroken() throws TransportException {
        try {
            receive(1);
        } catch (TransportException e) {
            if (e.kind() == TransportException.Kind.STALLED) {
                throw e;
            }
            return;
        }
        throw new AssertionError("the host said something");
    }

    /** Breaks it, as from another thread. */
    void abort() {
        connection.abort();
    }

    @Override
    public void close() {
        connection.close();
    }
}
