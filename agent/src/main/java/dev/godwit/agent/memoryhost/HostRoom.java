package dev.godwit.agent.memoryhost;

/** The memory that a host has to give to guests; any thread. */
@FunctionalInterface
public interface HostRoom {
    /**
     * Gives a guest more.
     *
     * @param bytes how much more
     * @param taken run when it gets them, before anybody else is told what is left; brief
     * @return false when the host does not have them
     */
    boolean lend(long bytes, Runnable taken);
}
