package dev.godwit.agent.memoryhost;

import dev.godwit.host.memory.PageSize;

/**
 * How much of its memory a guest with a memory host may have on its own host, in pages. While pages leave it that is what
 * it was given ({@code --local}), and a little for what is on its way. While it moves none leave, and it may have as much
 * more as the host has to give.
 *
 * <p>Threading: any.
 */
final class Allowance {
    /** Pages that are on their way out at a time: an eighth of what the guest was given, 2 to 8 MiB. */
    private static final int MOST_BATCH = 2048;

    /** So many batches more than it was given a guest has before it waits: one is on its way out. */
    private static final int SLACK = 3;

    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;

    /** So much more at a time: a quarter of what the guest was given, 8 to 64 MiB. */
    private static final int LEAST_STEP = 2048;

    private static final int MOST_STEP = 16384;

    private final HostRoom room;
    private final long all;
    private final long given;
    private volatile long bound;

    /** Of a guest with so many pages. */
    Allowance(RemoteConfig config, long all, HostRoom room) {
        this.room = room;
        this.all = all;
        this.given = given(config, all);
        this.bound = bound(given);
    }

    /** Pages that it was given: what is left when it had more and some have been taken out. */
    static long given(RemoteConfig config, long all) {
        return Math.min(all, config.localBytes() >>> PageSize.SMALL_SHIFT);
    }

    /** Pages that a guest which was given so many takes of its host at most, while it does not move. */
    static long most(long given, long all) {
        return mostAt(bound(given), all);
    }

    private static long mostAt(long bound, long all) {
        // The rest of a chunk that goes in as one.
        return Math.min(all, bound + PER_CHUNK);
    }

    private static long batch(long given) {
        return Math.clamp(given / 8, PER_CHUNK, MOST_BATCH);
    }

    private static long bound(long given) {
        return given + SLACK * batch(given);
    }

    /** What it was given. */
    long given() {
        return given;
    }

    /** What is on its way out at a time. */
    long batch() {
        return batch(given);
    }

    /** Whoever touches more than so many waits; {@link Long#MAX_VALUE} if there are no more. */
    long bound() {
        return bound < all ? bound : Long.MAX_VALUE;
    }

    /** What it takes of its host at most. */
    long most() {
        return mostAt(bound, all);
    }

    /** A little more, if the host has it to give. */
    boolean grow() {
        return growBy(Math.clamp(given / 4, LEAST_STEP, MOST_STEP));
    }

    /** So many come, whatever there is for them: false when the host does not have room for them. */
    boolean growTo(long pages) {
        return pages <= most() || growBy(pages - bound);
    }

    private synchronized boolean growBy(long pages) {
        long next = Math.min(all, bound + pages);
        return next <= bound || room.lend((next - bound) << PageSize.SMALL_SHIFT, () -> bound = next);
    }

    /**
     * It has so many now, and does not move any more: little by little it is as before, and never so that whoever touches
     * one more waits for all that is too much to leave.
     *
     * @return whether the bound is lower now
     */
    synchronized boolean shrinkTo(long resident) {
        long before = bound;
        bound = Math.max(bound(given), Math.min(before, resident + SLACK * batch(given)));
        return bound < before;
    }
}
