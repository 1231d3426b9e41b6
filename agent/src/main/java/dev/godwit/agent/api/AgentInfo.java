package dev.godwit.agent.api;

import java.net.InetSocketAddress;
import java.nio.file.Path;

/**
 * What an agent says of itself.
 *
 * @param version Godwit's
 * @param directory where it keeps its files
 * @param listen where migrations arrive
 */
public record AgentInfo(String version, Path directory, InetSocketAddress listen) {}
