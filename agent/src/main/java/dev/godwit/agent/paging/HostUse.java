package dev.godwit.agent.paging;

import dev.godwit.host.memory.MissingPages;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * What of the guest's memory is used by the host's own code in Java, which must not wait for a page: it does not leave.
 *
 * <p>Threading: {@link #mayLeave} under the chunk's lock; the rest from any thread, without it.
 */
final class HostUse implements MissingPages {
    private final ChunkLocks locks;
    private final PageAccount account;
    private final Runnable giveUp;
    /** By chunk: when code in Java last said that it uses it. */
    private final long[] usedAt;
    /** By chunk: how many parts of it code in Java uses again and again. */
    private final int[] kept;

    /**
     * Of memory that nobody has used yet.
     *
     * @param giveUp lets all who wait go on
     */
    HostUse(ChunkLocks locks, PageAccount account, Runnable giveUp) {
        this.locks = locks;
        this.account = account;
        this.giveUp = giveUp;
        this.usedAt = new long[account.chunks()];
        Arrays.fill(usedAt, System.nanoTime() - USE_NANOS);
        this.kept = new int[account.chunks()];
    }

    /** Whether no code in Java uses the chunk. */
    boolean mayLeave(int chunk) {
        return kept[chunk] == 0 && System.nanoTime() - usedAt[chunk] >= USE_NANOS;
    }

    @Override
    public void giveUp() {
        giveUp.run();
    }

    @Override
    public void use(long first, long end) {
        // The time under the lock: to get it may have taken a while.
        forEachChunk(first, end, chunk -> usedAt[chunk] = System.nanoTime());
    }

    @Override
    public void keep(long first, long end) {
        forEachChunk(first, end, chunk -> kept[chunk]++);
    }

    @Override
    public void release(long first, long end) {
        // What was kept before this looked after the memory is not counted.
        forEachChunk(first, end, chunk -> kept[chunk] = Math.max(0, kept[chunk] - 1));
    }

    private void forEachChunk(long first, long end, IntConsumer action) {
        for (int chunk = Chunks.of(first); chunk <= Chunks.of(end - 1); chunk++) {
            synchronized (locks.of(chunk)) {
                action.accept(chunk);
            }
        }
    }

    @Override
    public long count() {
        return account.elsewhere();
    }
}
