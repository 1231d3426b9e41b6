package dev.godwit.perf.jmh;

import dev.godwit.agent.stream.ZeroScan;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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

/** Looks for zero pages in {@value #MIB} MiB of guest memory. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class ZeroPages {
    /** Much more than any cache. */
    static final int MIB = 256;

    /** The memory in bytes. */
    static final long BYTES = (long) MIB << 20;

    /** What is in the memory. */
    public enum Content {
        /** All pages are zero: each is read to its end. */
        ZERO,
        /** No page is, and the first word says so. */
        UNIQUE,
        /** Every other page is zero. */
        MIXED,
        /** No page is, and only a word in the middle says so. */
        LATE
    }

    /** What is in the memory. */
    @Param
    public Content content;

    private GuestMemory memory;

    /** Fills the memory. */
    @Setup
    public void fill() {
        memory = GuestMemory.allocate(BYTES, LargePages.THP);
        MemorySegment ram = memory.segment();
        ram.fill((byte) 0);
        SplittableRandom random = new SplittableRandom(1);
        for (long page = 0; page < memory.pages(); page++) {
            long at = page << PageSize.SMALL_SHIFT;
            if (content == Content.UNIQUE || (content == Content.MIXED && page % 2 == 1)) {
                for (int i = 0; i < PageSize.SMALL; i += Long.BYTES) {
                    ram.set(ValueLayout.JAVA_LONG, at + i, random.nextLong() | 1);
                }
            } else if (content == Content.LATE) {
                ram.set(ValueLayout.JAVA_LONG, at + 2040, 1);
            }
        }
    }

    /** Returns how many there are. */
    @Benchmark
    public long scan() {
        MemorySegment ram = memory.segment();
        long zeros = 0;
        for (long at = 0, end = ram.byteSize(); at < end; at += PageSize.SMALL) {
            if (ZeroScan.isZero(ram, at)) {
                zeros++;
            }
        }
        return zeros;
    }

    /** Frees the memory. */
    @TearDown
    public void free() {
        memory.close();
    }
}
