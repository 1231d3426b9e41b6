package dev.godwit.agent.api;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;

/**
 * What an agent says of itself.
 *
 * @param version Godwit's
 * @param directory where it keeps its files
 * @param listen where migrations arrive
 * @param bandwidth the most bytes a second of its migrations to others together; 0 is no limit
 * @param rehearsed whether it has rehearsed a migration, so that the first will be as quick as any
 */
public record AgentInfo(
        String version, Path directory, InetSocketAddress listen, long bandwidth, BooleanSupplier rehearsed) {}
