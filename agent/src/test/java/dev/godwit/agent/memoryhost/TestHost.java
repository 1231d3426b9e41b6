package dev.godwit.agent.memoryhost;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.godwit.agent.transport.Secret;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.PageSize;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** A memory host on the loopback, and clients of it that are closed with it. */
final class TestHost implements AutoCloseable {
    static final Secret SECRET = new Secret("the secret of all hosts".getBytes(US_ASCII));
    static final InetSocketAddress ANY = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

    private final MemoryHost host;
    private final List<MemoryClient> clients = new ArrayList<>();

    /** A host of so many pages. */
    TestHost(long pages, Path directory, Duration forgetAfter) {
        host = MemoryHost.start(ANY, SECRET, pages * PageSize.SMALL, directory, forgetAfter);
    }

    TestHost(long pages, Path directory) {
        this(pages, directory, Duration.ZERO);
    }

    InetSocketAddress address() {
        return host.address();
    }

    MemoryClient connect(UUID id, int stream) throws TransportException {
        MemoryClient client = new MemoryClient(host.address(), SECRET, id, stream);
        synchronized (clients) {
            clients.add(client);
        }
        return client;
    }

    MemoryClient fetch(UUID id) throws TransportException {
        return connect(id, RegionRequest.STREAM_FETCH);
    }

    MemoryClient store(UUID id) throws TransportException {
        return connect(id, RegionRequest.STREAM_STORE);
    }

    @Override
    public void close() {
        host.close();
        clients.forEach(MemoryClient::close);
    }
}
