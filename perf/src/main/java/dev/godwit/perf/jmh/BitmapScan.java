package dev.godwit.perf.jmh;

import dev.godwit.agent.config.Sizes;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** One pass over the dirty bitmap of a guest. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class BitmapScan {
    /** How many of the pages are in the set. */
    public enum Pattern {
        /** One in 1024, evenly. */
        SPARSE,
        /** All but one in 1024. */
        DENSE,
        /** Each with probability one half. */
        RANDOM
    }

    /** RAM of the guest. */
    @Param({"1g", "64g"})
    public String memory;

    /** What is dirty. */
    @Param
    public Pattern pattern;

    private Arena arena;
    private PageSet set;

    /** Makes the bitmap. */
    @Setup
    public void fill() {
        arena = Arena.ofShared();
        set = new PageSet(arena, Sizes.parse("memory", memory) >>> PageSize.SMALL_SHIFT);
        SplittableRandom random = new SplittableRandom(1);
        for (long i = 0; i < set.wordCount(); i++) {
            long one = i % 16 == 7 ? 1L << 42 : 0;
            set.setWord(
                    i,
                    switch (pattern) {
                        case SPARSE -> one;
                        case DENSE -> ~one;
                        case RANDOM -> random.nextLong();
                    });
        }
    }

    /** Visits each page of the set. */
    @Benchmark
    public long next() {
        long sum = 0;
        long end = set.pages();
        for (long page = set.next(0, end); page < end; page = set.next(page + 1, end)) {
            sum += page;
        }
        return sum;
    }

    /** Visits each run of pages of the set, as a sender does. */
    @Benchmark
    public long runs() {
        long sum = 0;
        long end = set.pages();
        for (long page = set.next(0, end); page < end; ) {
            long stop = set.nextAbsent(page, end);
            sum += stop - page;
            page = set.next(stop, end);
        }
        return sum;
    }

    @Benchmark
    public long cardinality() {
        return set.cardinality();
    }

    /** Frees it. */
    @TearDown
    public void free() {
        arena.close();
    }
}
