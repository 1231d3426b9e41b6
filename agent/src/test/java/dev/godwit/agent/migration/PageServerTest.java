package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
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
import dev.godwit.host.tracking.HeatMap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.locks.LockSupport;
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
    private final PageSet following = new PageSet(arena, PAGES);
    private Connection target;
    /** On which comes what nobody waits for. */
    private final List<Connection> pushed = new ArrayList<>();

    private DataStreams push;
    private PageServer server;
    private CompletableFuture<Void> serving;
    private PageReceiver receiver;
    private final List<Long> arrived = new ArrayList<>();

    @BeforeEach
    void open() throws TransportException {
        for (long page = 0; page < PAGES; page++) {
            memory.segment().set(ValueLayout.JAVA_LONG, page * PageSize.SMALL, ~page);
        }
        following.addRange(0, PAGES);
        following.remove(HERE_ALREADY);
        open(new RateLimit(bandwidth), 1);
    }

    private void open(RateLimit limit, int streams) throws TransportException {
        push = new DataStreams(memory, limit.another());
        try (Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))) {
            target = Connection.connect(listener.address(), Duration.ofSeconds(5));
            // What does not come fails a test, which a timeout could not interrupt.
            target.setStall(Duration.ofSeconds(20));
            server = new PageServer(
                    memory,
                    following,
                    listener.accept(),
                    push,
                    limit.anotherInAHurry(),
                    Backing.emptyChunks(arena, memory),
                    PageOrder.hottestFirst(arena, heat(), false));
            for (int i = 0; i < streams; i++) {
                pushed.add(Connection.connect(listener.address(), Duration.ofSeconds(5)));
                push.add(listener.accept());
            }
        }
        receiver = PageReceiver.landing(arena, target, memory, this::landed);
    }

    private void openAgain(RateLimit limit, int streams) throws TransportException {
        closeConnections();
        pushed.clear();
        open(limit, streams);
    }

    private void closeConnections() {
        if (server == null) {
            return;
        }
        server.abort();
        if (serving != null) {
            serving.handle((_, _) -> null).join();
        }
        server.close();
        target.close();
        pushed.forEach(Connection::close);
        server = null;
    }

    /** A page in eight is hot, the higher ones more. */
    private HeatMap heat() {
        byte[] levels = new byte[(int) PAGES];
        for (int page = 0; page < PAGES; page += 8) {
            levels[page] = (byte) (page / 8);
        }
        return new HeatMap(levels);
    }

    private void serve() {
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
        closeConnections();
        memory.close();
        arena.close();
    }

    private void landed(long first, long count, MemorySegment content, boolean ahead) {
        for (long i = 0; i < count; i++) {
            assertEquals(~(first + i), content.get(ValueLayout.JAVA_LONG, i * PageSize.SMALL));
            arrived.add(first + i);
        }
    }

    private void say(int type, long first, int count) throws TransportException {
        MemorySegment request = arena.allocate(PageRequest.BYTES, 8);
        put(request, type, first, count);
        target.send(request);
    }

    private static void put(MemorySegment request, int type, long first, int count) {
        request.set(PageFrame.U32, PageRequest.TYPE, type);
        request.set(PageFrame.U32, PageRequest.COUNT, count);
        request.set(PageFrame.U64, PageRequest.ARGUMENT, first);
    }

    /** Receives until the page is there. */
    private List<Long> receiveTo(long page) throws TransportException {
        return receiveTo(page, receiver);
    }

    private List<Long> receiveTo(long page, PageReceiver from) throws TransportException {
        arrived.clear();
        while (!arrived.contains(page)) {
            from.receiveArrival();
        }
        return List.copyOf(arrived);
    }

    /** The guest runs, and lacks all that follows it. */
    private void goAhead() throws TransportException {
        goAhead(following);
    }

    private void goAhead(PageSet missing) throws TransportException {
        long bytes = missing.wordCount() * Long.BYTES;
        say(PageRequest.MISSING, bytes, 0);
        target.send(missing.segment().asSlice(0, bytes));
        server.goneAhead();
    }

    @Test
    void whatIsNearComesOnceAndOnlyIfItFollows() throws Exception {
        // Under a limit what is near does not come while a page that has just gone is still being paid for.
        openAgain(RateLimit.none(), 1);
        serve();
        say(PageRequest.WANT, 3, 1);
        assertEquals(List.of(3L), receiveTo(3));
        say(PageRequest.NEAR, 0, 8);
        assertEquals(List.of(0L, 1L, 2L, 4L, 6L, 7L), receiveTo(7));
        say(PageRequest.NEAR, 0, 8);
        say(PageRequest.WANT, 100, 1);
        assertEquals(List.of(100L), receiveTo(100));
        say(PageRequest.WANT, 2, 1);
        assertEquals(List.of(2L), receiveTo(2), "what is wanted comes as often as it is wanted");
        assertEquals(9, server.urgentPages());
    }

    /** They come in one segment, before the first of them is looked at. */
    @Test
    void theHottestOfThoseThatAreWaitedForGoesFirst() throws Exception {
        Random random = Chance.random("theHottestOfThoseThatAreWaitedForGoesFirst");
        serve();
        for (int turn = 0; turn < 16; turn++) {
            long page = 8L * (1 + random.nextInt(60));
            List<Long> pages = new ArrayList<>();
            for (long first = 0; first < PAGES; first += PageSize.SMALL_PER_LARGE) {
                pages.add(first + page);
            }
            Collections.shuffle(pages, random);
            sayAtOnce(pages);
            // The higher the hotter.
            pages.sort(Comparator.reverseOrder());
            assertEquals(pages, receiveTo(page));
        }
    }

    @Test
    void pagesOfOneChunkThatAreWaitedForComeTogether() throws Exception {
        serve();
        sayAtOnce(List.of(100L, 98L, 102L, 96L, 1000L));
        assertEquals(List.of(1000L, 96L, 98L, 100L, 102L), receiveTo(102));
        assertEquals(5, server.urgentPages());
    }

    private void sayAtOnce(List<Long> pages) throws TransportException {
        MemorySegment requests = arena.allocate((long) PageRequest.BYTES * pages.size(), 8);
        for (int i = 0; i < pages.size(); i++) {
            put(requests.asSlice((long) i * PageRequest.BYTES), PageRequest.WANT, pages.get(i), 1);
        }
        target.send(requests);
    }

    @Test
    void whatIsNearDoesNotComeWhileOthersAreHeldBack() throws Exception {
        serve();
        new RateLimit(bandwidth).count(2 * RATE);
        say(PageRequest.NEAR, 0, 16);
        while (!server.hasHeard()) {
            Thread.onSpinWait();
        }
        // It has been looked at, or will be soon, and what is owed lasts for two seconds.
        LockSupport.parkNanos(500_000_000);
        say(PageRequest.WANT, 100, 1);
        assertEquals(List.of(100L), receiveTo(100));
        assertEquals(1, server.urgentPages());
    }

    /** By the time it asks for what it has been pushed, that is there. */
    @Test
    void whoWalksUnderALimitIsPushedWhatIsAheadAndSentItOnce() throws Exception {
        openAgain(new RateLimit(RATE / 4), 1);
        serve();
        goAhead();
        PageReceiver ahead = PageReceiver.landing(arena, pushed.getFirst(), memory, this::landed);
        for (long page = 1000; page <= 1002; page++) {
            say(PageRequest.WANT, page, 1);
            assertEquals(List.of(page), receiveTo(page));
        }
        int before = receiveTo(1003, ahead).size();
        assertTrue(before < 600, "it came as the " + before + "th, as if nobody walked");
        for (long page = 1004; page < 1008; page++) {
            assertEquals(List.of(page), receiveTo(page, ahead));
        }
        say(PageRequest.WANT, 1004, 1);
        say(PageRequest.WANT, 300, 1);
        assertEquals(List.of(300L), receiveTo(300));
    }

    /** There may be much before it on its way. */
    @Test
    void withoutALimitWhatIsWaitedForIsSentThoughItHasBeenPushed() throws Exception {
        openAgain(RateLimit.none(), 1);
        serve();
        goAhead();
        receiveTo(8, PageReceiver.landing(arena, pushed.getFirst(), memory, this::landed));
        say(PageRequest.WANT, 8, 1);
        assertEquals(List.of(8L), receiveTo(8));
    }

    /** Nobody reads what is pushed, of which there is more than a socket takes. */
    @Test
    void whatHasBeenPushedAndDoesNotComeIsSentWhenItIsWaitedFor() throws Exception {
        openAgain(new RateLimit(1L << 30), 1);
        serve();
        goAhead();
        for (long page = 8; page < PAGES; page += 8) {
            say(PageRequest.WANT, page, 1);
            receiveTo(page);
        }
    }

    /** Nobody reads what is pushed: of that a socket takes some, and a little more is on its way for ever. */
    @Test
    void whatWasLeftOutAndDoesNotComeIsSentAfterAll() throws Exception {
        PageSet few = new PageSet(arena, PAGES);
        do {
            few.addRange(few.cardinality() + PAGES / 2, 32);
            openAgain(new RateLimit(1L << 30), 1);
            serve();
            goAhead(few);
            Eventually.await(() -> push.contentPages() == few.cardinality(), "all is on its way");
            // What is there may be acknowledged late.
            LockSupport.parkNanos(300_000_000);
        } while (push.bytesUnderWay() == 0);
        long asked = System.nanoTime();
        say(PageRequest.WANT, PAGES / 2, 1);
        receiveTo(PAGES / 2);
        assertTrue(System.nanoTime() - asked >= 4_000_000, "it was not left out");
    }

    /** It cannot be said what of the first has come; the second goes on for seconds. */
    @Test
    void oneConnectionThatBreaksIsNotWaitedForUntilTheOtherHasSentAll() throws Exception {
        openAgain(new RateLimit(RATE), 2);
        serve();
        goAhead();
        pushed.getFirst().abort();
        assertThrows(CompletionException.class, serving::join);
        assertTrue(server.contentPages() < PAGES / 2, server.contentPages() + " pages were sent");
    }

    @ParameterizedTest
    @CsvSource({"-1, 1", "0, 0", "0, -1", "2048, 1", "2047, 2", "511, 2", "0, 513", "9223372036854775807, 16"})
    void whatThereIsNotEndsTheConnection(long first, int count) throws Exception {
        serve();
        say(PageRequest.NEAR, first, count);
        CompletionException e = assertThrows(CompletionException.class, serving::join);
        assertEquals(TransportException.Kind.MALFORMED, ((TransportException) e.getCause()).kind());
    }

    @Test
    void whatHasComeBeforeTheGuestIsNobodysToWant() throws Exception {
        serve();
        say(PageRequest.WANT, HERE_ALREADY, 1);
        CompletionException e = assertThrows(CompletionException.class, serving::join);
        assertEquals(TransportException.Kind.MALFORMED, ((TransportException) e.getCause()).kind());
    }
}
