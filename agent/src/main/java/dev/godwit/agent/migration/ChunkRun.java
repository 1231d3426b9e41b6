package dev.godwit.agent.migration;

import dev.godwit.host.memory.PageSet;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Chunks of 2 MiB that lie side by side in a guest's RAM.
 *
 * @param first the first one's number
 * @param count how many, at least 1
 */
public record ChunkRun(long first, long count) {
    /** The most runs that are worth telling: each is a mapping of its own at the target. */
    static final int MOST = 8;

    public ChunkRun {
        if (first < 0 || count < 1) {
            throw new IllegalArgumentException("run of " + count + " chunks from " + first);
        }
    }

    /** The longest runs of a set of chunk numbers, longest first. */
    static List<ChunkRun> longest(PageSet chunks) {
        List<ChunkRun> runs = new ArrayList<>();
        long end;
        for (long at = chunks.next(0, chunks.pages()); at < chunks.pages(); at = chunks.next(end, chunks.pages())) {
            end = chunks.nextAbsent(at, chunks.pages());
            runs.add(new ChunkRun(at, end - at));
        }
        runs.sort(Comparator.comparingLong(ChunkRun::count).reversed());
        return List.copyOf(runs.subList(0, Math.min(MOST, runs.size())));
    }
}
