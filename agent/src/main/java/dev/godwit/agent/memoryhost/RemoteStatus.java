package dev.godwit.agent.memoryhost;

/**
 * How it stands with a guest's pages at its memory host.
 *
 * @param host where they are, {@code host:port}
 * @param awayMillis for how long the memory host could not be reached; 0 while it can
 * @param localPages 4 KiB pages that the guest has on its own host, about
 * @param remotePages pages at the memory host
 * @param storedPages pages that went there so far, each time counted
 * @param fetchedPages pages that came from there so far, each time counted
 * @param noRoom whether the memory host has no room for more
 * @param waitsForRoom whether the guest, which moves, waits for what it touches: its own host has no more to give
 */
public record RemoteStatus(
        String host,
        long awayMillis,
        long localPages,
        long remotePages,
        long storedPages,
        long fetchedPages,
        boolean noRoom,
        boolean waitsForRoom) {}
