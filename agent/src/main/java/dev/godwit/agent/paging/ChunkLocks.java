package dev.godwit.agent.paging;

/** The locks of chunks of 2 MiB: who holds a chunk's is the only one who changes where its pages are. */
final class ChunkLocks {
    /** Chunks that can be worked on at a time. */
    static final int COUNT = 64;

    private final Object[] locks = new Object[COUNT];

    ChunkLocks() {
        for (int i = 0; i < COUNT; i++) {
            locks[i] = new Object();
        }
    }

    Object of(int chunk) {
        return locks[chunk % COUNT];
    }

    /** Waits for everybody who has a lock now; the caller has none. */
    void awaitAll() {
        for (Object lock : locks) {
            synchronized (lock) {
                // Whoever comes now sees that it is over.
            }
        }
    }
}
