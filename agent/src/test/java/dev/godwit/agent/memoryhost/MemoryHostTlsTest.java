package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.godwit.agent.certs.ClusterDirectory;
import dev.godwit.agent.certs.HostNames;
import dev.godwit.agent.config.TlsDirectory;
import dev.godwit.agent.transport.ClusterCredentials;
import dev.godwit.agent.transport.OwnAddress;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A memory host and its client on an address off the loopback: this host's own. */
@Timeout(60)
class MemoryHostTlsTest {
    private static final long PAGES = 1024;

    @TempDir
    Path directory;

    private ClusterCredentials credentials(String ca, InetAddress own) {
        HostNames names = HostNames.parse("host", "host," + own.getHostAddress());
        Path files = new ClusterDirectory(directory.resolve(ca), Clock.systemUTC())
                .issue(List.of(names), 1)
                .hosts()
                .getFirst()
                .directory();
        return new ClusterCredentials(TestHost.SECRET, TlsDirectory.read(files));
    }

    @Test
    void pagesGoThroughTls() throws Exception {
        InetAddress own = OwnAddress.find();
        ClusterCredentials mine = credentials("mine", own);
        UUID id = UUID.randomUUID();
        InetSocketAddress any = new InetSocketAddress(own, 0);
        try (MemoryHost host = MemoryHost.start(any, mine, 8 << 20, directory.resolve("pages"), Duration.ZERO);
                MemoryClient store = new MemoryClient(host.address(), mine, id, RegionRequest.STREAM_STORE);
                MemoryClient fetch = new MemoryClient(host.address(), mine, id, RegionRequest.STREAM_FETCH)) {
            assertEquals(RegionStatus.OK, store.create(PAGES, PAGES).status());
            long[] fillings = new long[512];
            Arrays.setAll(fillings, i -> i % 7);
            store.store(512, fillings);
            store.store(3, 9);
            assertEquals(RegionStatus.OK, store.end(1));
            assertEquals(RegionStatus.OK, fetch.take(1, PAGES).status());
            store.awaitBroken();
            assertArrayEquals(fillings, fetch.fetch(512, 512));
            assertArrayEquals(new long[] {0, 9, 0}, fetch.fetch(2, 3));
            ClusterCredentials others = credentials("others", own);
            Kind kind = assertThrows(TransportException.class, () -> new MemoryClient(host.address(), others, id, 0))
                    .kind();
            assertEquals(Kind.UNAUTHENTICATED, kind);
        }
    }
}
