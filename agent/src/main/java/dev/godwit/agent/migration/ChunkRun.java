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
    /** The most runs that are told, of some 25 bytes each. */
    static final int MOST = 4096;

    public ChunkRun {
        if (first < 0 || count < 1) {
            throw new IllegalArgumentException("run of " + count + " chunks from " + first);
        }
    }

    /** Whether these are runs of a guest's RAM of so many chunks, no chunk in two of them. */
    static boolean areOf(List<ChunkRun> runs, long chunks) {
        long end = 0;
        for (ChunkRun run :
                runs.stream().sorted(Comparator.comparingLong(ChunkRun::first)).toList()) {
            if (run.first < end || run.first > chunks || run.count > chunks - run.first) {
                return false;
            }
            end = run.first + run.count;
        }
        return true;
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
