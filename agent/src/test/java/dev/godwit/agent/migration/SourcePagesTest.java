package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.paging.PageStore;
import dev.godwit.agent.paging.Pager;
import dev.godwit.agent.paging.Place;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SourcePagesTest {
    /** The pager may serve faults of pages at a memory host already. */
    @Test
    void aConnectionThatBreaksBeforeItsPagerIsThereIsNotRead() throws Exception {
        try (ExecutorService threads = Executors.newCachedThreadPool();
                Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                Connection client = Connection.connect(listener.address(), Duration.ofSeconds(5));
                Connection server = listener.accept();
                SourcePages pages = new SourcePages()) {
            Future<?> serving = threads.submit(() -> serve(pages, 0, server));
            Eventually.await(pages::isConnected, "it is connected");
            client.abort();
            assertEquals(PageStore.NO_DESCRIPTOR, pages.descriptor());
            pages.receive();
            pages.startAgain();
            serving.get();
            assertFalse(pages.isConnected());
            pages.ping();
        }
    }

    /** Its source takes for sent what was on its way there, and is to be asked again what is missing. */
    @Test
    void oneConnectionThatBreaksTakesAllWithIt() throws Exception {
        try (ExecutorService threads = Executors.newCachedThreadPool();
                Arena arena = Arena.ofShared();
                Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                Connection push = Connection.connect(listener.address(), Duration.ofSeconds(5));
                Connection pushed = listener.accept();
                Connection requests = Connection.connect(listener.address(), Duration.ofSeconds(5));
                Connection requested = listener.accept();
                GuestMemory memory = GuestMemory.allocate(8 << 20, LargePages.THP);
                Pager pager = new Pager(memory);
                SourcePages pages = new SourcePages()) {
            PageSet all = new PageSet(arena, memory.pages());
            all.addAll();
            pager.locate(all, Place.AT_SOURCE);
            pager.arm();
            pages.begin(pager, new PageSet(arena, memory.pages()));
            // They may come in any order.
            Future<?> pushing = threads.submit(() -> serve(pages, 1, pushed));
            Eventually.await(pages::isPushed, "one is connected");
            Future<?> serving = threads.submit(() -> serve(pages, 0, requested));
            Eventually.await(pages::isConnected, "both are connected");
            push.abort();
            assertThrows(ExecutionException.class, pushing::get);
            serving.get();
            assertFalse(pages.isConnected());
            assertTrue(pages.goneNanos() > 0, "its source has closed it");
            // It has been told what is missing before.
            MemorySegment told = arena.allocate(1);
            assertThrows(TransportException.class, () -> {
                while (true) {
                    requests.receive(told);
                }
            });
        }
    }

    /** It hangs, or its network does: whoever tells it what is missing goes on without it. */
    @Test
    void aSourceThatTakesNothingIsGivenUp() throws Exception {
        try (ExecutorService threads = Executors.newCachedThreadPool();
                Arena arena = Arena.ofShared();
                Listener listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                Socket source = new Socket()) {
            source.setReceiveBufferSize(1 << 12);
            source.connect(listener.address());
            try (Connection requested = listener.accept();
                    GuestMemory memory = GuestMemory.allocate(8L << 30, LargePages.THP);
                    Pager pager = new Pager(memory);
                    SourcePages pages = new SourcePages()) {
                requested.setPatient(Duration.ofSeconds(1));
                requested.setSendStall(Duration.ofSeconds(1));
                Future<?> serving = threads.submit(() -> serve(pages, 0, requested));
                Eventually.await(pages::isConnected, "it is connected");
                PageSet all = new PageSet(arena, memory.pages());
                all.addAll();
                pager.locate(all, Place.AT_SOURCE);
                pager.arm();
                pages.begin(pager, new PageSet(arena, memory.pages()));
                while (pages.isConnected()) {
                    // 256 KiB each time, until no more fits between the two.
                    pages.ask(all);
                }
                assertEquals(0, pages.goneNanos(), "it has not closed it");
                serving.get();
            }
        }
    }

    private static Void serve(SourcePages pages, int stream, Connection connection) throws TransportException {
        pages.serve(stream, connection);
        return null;
    }
}
