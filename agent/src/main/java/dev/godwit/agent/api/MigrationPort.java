package dev.godwit.agent.api;

import dev.godwit.agent.migration.TargetHost;
import dev.godwit.agent.transport.Secret;
import java.net.InetSocketAddress;

record MigrationPort(InetSocketAddress address) implements AutoCloseable {
    static MigrationPort open(InetSocketAddress listen, Secret secret, TargetHost host) {
        return new MigrationPort(listen);
    }

    @Override
    public void close() {}
}
