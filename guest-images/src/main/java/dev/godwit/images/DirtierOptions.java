package dev.godwit.images;

import java.util.Locale;

/**
 * Parameters of the {@link GuestImage#DIRTIER} guest; {@link #commandLine()} is what it reads. Immutable: each
 * {@code with…} method returns a copy.
 *
 * @param workingSet bytes rewritten all the time, or {@link #ALL} of the memory
 * @param cold bytes of unique content written once and swept from then on, or {@link #ALL} the rest
 * @param rate pages accessed per second by all vCPUs together, 0 for as many as possible
 * @param pattern which pages are accessed
 * @param reads per cent of the accesses that only read
 * @param cluster pages that lie side by side in {@link Pattern#ZIPF}'s order of heat, at least 1
 * @param move accesses of a vCPU after which {@link Pattern#MOVING}'s hot pages move on, 0 for never
 * @param seconds ends after so many, 0 for never
 * @param writes ends after so many pages were written, 0 for never
 * @param idle writes nothing after the first fill
 * @param cpus vCPUs to start, 1 to 64; the machine must have as many
 * @param tscKhz frequency of the time stamp counter, 0 to let the guest find out
 * @param seed of contents and random order
 * @param sweep cold pages checked per second, 0 for none
 */
public record DirtierOptions(
        long workingSet,
        long cold,
        long rate,
        Pattern pattern,
        int reads,
        long cluster,
        long move,
        long seconds,
        long writes,
        boolean idle,
        int cpus,
        long tscKhz,
        long seed,
        long sweep) {

    /** As a size: all memory there is. */
    public static final long ALL = -1;

    /** The guest's limit. */
    public static final int MAX_CPUS = 64;

    /** Which pages of its part of the working set a vCPU accesses. */
    public enum Pattern {
        /** One after the other. */
        SEQ,
        /** Uniformly at random. */
        RANDOM,
        /** 90 % of the accesses go to the first 10 % of the pages. */
        HOTCOLD,
        /** The same, but the hot pages are only read: whoever looks at writes finds the others. */
        READHOT,
        /** The same as {@link #HOTCOLD}, but the hot pages move on by their number after a number of accesses. */
        MOVING,
        /** Zipf's law with the exponent 1, the ranks scattered over the pages. */
        ZIPF
    }

    /** What the guest does without parameters: 64 MiB as fast as it can, one vCPU, for ever. */
    public static final DirtierOptions DEFAULT =
            new DirtierOptions(64L << 20, 0, 0, Pattern.SEQ, 0, 1, 100_000, 0, 0, false, 1, 0, 1, 4096);

    /** @throws IllegalArgumentException if a value is out of range */
    public DirtierOptions {
        atLeast(ALL, "workingSet", workingSet);
        atLeast(ALL, "cold", cold);
        atLeast(0, "rate", rate);
        atLeast(1, "cluster", cluster);
        atLeast(0, "move", move);
        atLeast(0, "seconds", seconds);
        atLeast(0, "writes", writes);
        atLeast(0, "tscKhz", tscKhz);
        atLeast(0, "seed", seed);
        atLeast(0, "sweep", sweep);
        if (cpus < 1 || cpus > MAX_CPUS) {
            throw new IllegalArgumentException("cpus=" + cpus + " is not in 1.." + MAX_CPUS);
        }
        if (reads < 0 || reads > 100) {
            throw new IllegalArgumentException("reads=" + reads + " is not in 0..100");
        }
        if (pattern == null) {
            throw new IllegalArgumentException("pattern is null");
        }
    }

    private static void atLeast(long least, String name, long value) {
        if (value < least) {
            throw new IllegalArgumentException(name + "=" + value + " is less than " + least);
        }
    }

    /** The text to pass to the guest. */
    public String commandLine() {
        StringBuilder text = new StringBuilder()
                .append("ws=")
                .append(size(workingSet))
                .append(" cold=")
                .append(size(cold))
                .append(" rate=")
                .append(rate == 0 ? "max" : Long.toString(rate))
                .append(" pattern=")
                .append(pattern.name().toLowerCase(Locale.ROOT))
                .append(" cpus=")
                .append(cpus)
                .append(" seed=")
                .append(seed)
                .append(" sweep=")
                .append(sweep);
        appendUnlessZero(text, "reads", reads);
        if (pattern == Pattern.ZIPF) {
            text.append(" cluster=").append(cluster);
        } else if (pattern == Pattern.MOVING) {
            text.append(" move=").append(move);
        }
        appendUnlessZero(text, "seconds", seconds);
        appendUnlessZero(text, "writes", writes);
        appendUnlessZero(text, "tsc_khz", tscKhz);
        appendUnlessZero(text, "idle", idle ? 1 : 0);
        return text.toString();
    }

    private static String size(long bytes) {
        return bytes == ALL ? "all" : Long.toString(bytes);
    }

    private static void appendUnlessZero(StringBuilder text, String key, long value) {
        if (value != 0) {
            text.append(' ').append(key).append('=').append(value);
        }
    }

    /** A copy with another {@link #workingSet}. */
    public DirtierOptions withWorkingSet(long bytes) {
        return new DirtierOptions(
                bytes, cold, rate, pattern, reads, cluster, move, seconds, writes, idle, cpus, tscKhz, seed, sweep);
    }

    /** A copy with another {@link #cold}. */
    public DirtierOptions withCold(long bytes) {
        return new DirtierOptions(
                workingSet,
                bytes,
                rate,
                pattern,
                reads,
                cluster,
                move,
                seconds,
                writes,
                idle,
                cpus,
                tscKhz,
                seed,
                sweep);
    }

    /** A copy with another {@link #rate}. */
    public DirtierOptions withRate(long pagesPerSecond) {
        return new DirtierOptions(
                workingSet,
                cold,
                pagesPerSecond,
                pattern,
                reads,
                cluster,
                move,
                seconds,
                writes,
                idle,
                cpus,
                tscKhz,
                seed,
                sweep);
    }

    /** A copy with another {@link #pattern}. */
    public DirtierOptions withPattern(Pattern which) {
        return new DirtierOptions(
                workingSet, cold, rate, which, reads, cluster, move, seconds, writes, idle, cpus, tscKhz, seed, sweep);
    }

    /** A copy with another {@link #reads}. */
    public DirtierOptions withReads(int perCent) {
        return new DirtierOptions(
                workingSet,
                cold,
                rate,
                pattern,
                perCent,
                cluster,
                move,
                seconds,
                writes,
                idle,
                cpus,
                tscKhz,
                seed,
                sweep);
    }

    /** A copy with another {@link #cluster}. */
    public DirtierOptions withCluster(long pages) {
        return new DirtierOptions(
                workingSet, cold, rate, pattern, reads, pages, move, seconds, writes, idle, cpus, tscKhz, seed, sweep);
    }

    /** A copy with another {@link #move}. */
    public DirtierOptions withMove(long accesses) {
        return new DirtierOptions(
                workingSet,
                cold,
                rate,
                pattern,
                reads,
                cluster,
                accesses,
                seconds,
                writes,
                idle,
                cpus,
                tscKhz,
                seed,
                sweep);
    }

    /** A copy with another {@link #seconds}. */
    public DirtierOptions withSeconds(long limit) {
        return new DirtierOptions(
                workingSet, cold, rate, pattern, reads, cluster, move, limit, writes, idle, cpus, tscKhz, seed, sweep);
    }

    /** A copy with another {@link #writes}. */
    public DirtierOptions withWrites(long limit) {
        return new DirtierOptions(
                workingSet, cold, rate, pattern, reads, cluster, move, seconds, limit, idle, cpus, tscKhz, seed, sweep);
    }

    /** A copy with another {@link #idle}. */
    public DirtierOptions withIdle(boolean value) {
        return new DirtierOptions(
                workingSet,
                cold,
                rate,
                pattern,
                reads,
                cluster,
                move,
                seconds,
                writes,
                value,
                cpus,
                tscKhz,
                seed,
                sweep);
    }

    /** A copy with another {@link #cpus}. */
    public DirtierOptions withCpus(int count) {
        return new DirtierOptions(
                workingSet,
                cold,
                rate,
                pattern,
                reads,
                cluster,
                move,
                seconds,
                writes,
                idle,
                count,
                tscKhz,
                seed,
                sweep);
    }

    /** A copy with another {@link #tscKhz}. */
    public DirtierOptions withTscKhz(long kilohertz) {
        return new DirtierOptions(
                workingSet,
                cold,
                rate,
                pattern,
                reads,
                cluster,
                move,
                seconds,
                writes,
                idle,
                cpus,
                kilohertz,
                seed,
                sweep);
    }

    /** A copy with another {@link #seed}. */
    public DirtierOptions withSeed(long value) {
        return new DirtierOptions(
                workingSet,
                cold,
                rate,
                pattern,
                reads,
                cluster,
                move,
                seconds,
                writes,
                idle,
                cpus,
                tscKhz,
                value,
                sweep);
    }

    /** A copy with another {@link #sweep}. */
    public DirtierOptions withSweep(long pagesPerSecond) {
        return new DirtierOptions(
                workingSet,
                cold,
                rate,
                pattern,
                reads,
                cluster,
                move,
                seconds,
                writes,
                idle,
                cpus,
                tscKhz,
                seed,
                pagesPerSecond);
    }
}
