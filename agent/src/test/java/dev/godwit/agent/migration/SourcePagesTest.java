package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.paging.PageStore;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.TransportException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
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
            Future<?> serving = threads.submit(() -> serve(pages, server));
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

    private static Void serve(SourcePages pages, Connection connection) throws TransportException {
        pages.serve(0, connection);
        return null;
    }
}
