package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.godwit.agent.stream.Bandwidth;
import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageReceiver;
import dev.godwit.agent.stream.PageRequest;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a source answers to requests, over real connections. */
@Timeout(60)
class PageServerTest {
    private static final long PAGES = 2048;
    private static final long HERE_ALREADY = 5;
    private static final long RATE = 1 << 20;

    private final Arena arena = Arena.ofShared();
    private final GuestMemory memory = GuestMemory.allocate(PAGES * PageSize.SMALL, LargePages.NONE);
    private final Bandwidth bandwidth = new Bandwidth(RATE);
    private Connection target;
    private PageServer server;
    private CompletableFuture<Void> serving;
    private PageReceiver receiver;
    private final List<Long> arrived = new ArrayList<>();

    @BeforeEach
    void serve() throws TransportException {
        for (long page = 0; page < PAGES; page++) {
            memory.segment().set(ValueLayout.JAVA_LONG, page * PageSize.SMALL, ~page);
        }
        PageSet following = new PageSet(arena, PAGES);
        following.addRange(0, PAGES);
        following.remove(HERE_ALREADY);
        RateLimit limit = new RateLimit(bandwidth);
        try (Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))) {
            target = Connection.connect(listener.address(), Duration.ofSeconds(5));
            server = new PageServer(
                    memory,
                    following,
                    listener.accept(),
                    new DataStreams(memory, limit.another()),
                    limit.anotherInAHurry(),
                    Backing.emptyChunks(arena, memory),
                    PageOrder.ADDRESS);
        }
        receiver = PageReceiver.landing(arena, target, memory, this::landed);
        serving = CompletableFuture.runAsync(
                () -> {
                    try {
                        server.serve();
                    } catch (TransportException e) {
                        throw new CompletionException(e);
                    }
                },
                task -> Thread.ofPlatform().daemon().start(task));
    }

    @AfterEach
    void close() {
        server.abort();
        serving.handle((_, _) -> null).join();
        server.close();
        target.close();
        memory.close();
        arena.close();
    }

    private void landed(long first, long count, MemorySegment content) {
        for (long i = 0; i < count; i++) {
            assertEquals(~(first + i), content.get(ValueLayout.JAVA_LONG, i * PageSize.SMALL));
            arrived.add(first + i);
        }
    }

    private void say(int type, long first, int count) throws TransportException {
        MemorySegment request = arena.allocate(PageRequest.BYTES, 8);
        request.set(PageFrame.U32, PageRequest.TYPE, type);
        request.set(PageFrame.U32, PageRequest.COUNT, count);
        request.set(PageFrame.U64, PageRequest.ARGUMENT, first);
        target.send(request);
    }

    /** Receives until the page is there. */
    private List<Long> receiveTo(long page) throws TransportException {
        arrived.clear();
        while (!arrived.contains(page)) {
            receiver.receiveArrival();
        }
        return List.copyOf(arrived);
    }

    @Test
    void whatIsNearComesOnceAndOnlyIfItFollows() throws Exception {
        say(PageRequest.WANT, 3, 1);
        say(PageRequest.NEAR, 0, 8);
        say(PageRequest.NEAR, 0, 8);
        say(PageRequest.WANT, 100, 1);
        assertEquals(List.of(3L, 0L, 1L, 2L, 4L, 6L, 7L, 100L), receiveTo(100));
        say(PageRequest.WANT, 2, 1);
        assertEquals(List.of(2L), receiveTo(2), "what is wanted comes as often as it is wanted");
        assertEquals(9, server.urgentPages());
    }

    @Test
    void whatIsNearDoesNotComeWhileOthersAreHeldBack() throws Exception {
        new RateLimit(bandwidth).count(2 * RATE);
        say(PageRequest.NEAR, 0, 16);
        say(PageRequest.WANT, 100, 1);
        assertEquals(List.of(100L), receiveTo(100));
        assertEquals(1, server.urgentPages());
    }

    @ParameterizedTest
    @CsvSource({"-1, 1", "0, 0", "0, -1", "2048, 1", "2047, 2", "511, 2", "0, 513", "9223372036854775807, 16"})
    void whatThereIsNotEndsTheConnection(long first, int count) throws Exception {
        say(PageRequest.NEAR, first, count);
        CompletionException e = assertThrows(CompletionException.class, serving::join);
        assertEquals(TransportException.Kind.MALFORMED, ((TransportException) e.getCause()).kind());
    }

    @Test
    void whatHasComeBeforeTheGuestIsNobodysToWant() throws Exception {
        say(PageRequest.WANT, HERE_ALREADY, 1);
        CompletionException e = assertThrows(CompletionException.class, serving::join);
        assertEquals(TransportException.Kind.MALFORMED, ((TransportException) e.getCause()).kind());
    }
}
