package dev.godwit.agent.api;

/**
 * The agent and its host.
 *
 * @param version Godwit's
 * @param pid the agent's process
 * @param directory where it keeps its files
 * @param listen where migrations arrive, {@code host:port}
 * @param bandwidth the most bytes a second of all migrations out of here together; 0 is no limit
 * @param memoryBytes the host's RAM
 * @param freeBytes what guests may still take of it
 * @param readyBytes what of it lies ready for guests that arrive
 * @param cpus the host's
 * @param guests how many are here
 * @param rehearsed whether the agent has rehearsed a migration; until then it works in the background, and takes memory
 */
public record HostView(
        String version,
        long pid,
        String directory,
        String listen,
        long bandwidth,
        long memoryBytes,
        long freeBytes,
        long readyBytes,
        int cpus,
        int guests,
        boolean rehearsed) {}
