package dev.godwit.perf.scenario;

import dev.godwit.images.DirtierOptions;
import dev.godwit.images.DirtierOptions.Pattern;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Guests to migrate. Each fills all its RAM, except {@link #ZERO}. */
public enum GuestKind {
    /** Unique content everywhere, nothing is written. */
    IDLE(filled().withWorkingSet(0).withIdle(true)),
    /** 64 MiB of its RAM are rewritten all the time, one page after the other. */
    STEADY(filled()),
    /** The same at random. */
    RANDOM(filled().withPattern(Pattern.RANDOM)),
    /** The same, nine writes of ten to a tenth of it. */
    HOTCOLD(filled().withPattern(Pattern.HOTCOLD)),
    /** 256 MiB are rewritten as fast as the guest can. */
    DIRTY(filled().withWorkingSet(256L << 20)),
    /** Reads all its RAM by Zipf's law; one access of twenty also writes. */
    ZIPF(filled().withWorkingSet(DirtierOptions.ALL).withPattern(Pattern.ZIPF).withReads(95)),
    /** The same at {@link #PACE} accesses a second: it waits for what it needs next, not for as much as it can. */
    PACED(ZIPF.options.withRate(GuestKind.PACE)),
    /** {@link #STEADY} on at least two vCPUs. */
    SMP(filled().withCpus(2)),
    /** Nearly all zero, but all of it has been touched: untouched memory would not even be looked at. */
    ZERO(null);

    /** Of {@link #PACED}, accesses a second. */
    public static final int PACE = 2000;

    private static final long OWN = 8L << 20;

    @SuppressWarnings("ImmutableEnumChecker") // a record of values
    private final DirtierOptions options;

    GuestKind(DirtierOptions options) {
        this.options = options;
    }

    private static DirtierOptions filled() {
        return DirtierOptions.DEFAULT.withCold(DirtierOptions.ALL);
    }

    /** The name users write. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** All names, for messages. */
    public static String names() {
        return Arrays.stream(values()).map(GuestKind::text).collect(Collectors.joining(", "));
    }

    /** Bytes of RAM that it needs: its working set, and some for itself. */
    public long leastMemory() {
        return OWN + (options == null ? 0 : Math.max(0, options.workingSet()));
    }

    /** Name of its image. */
    public String image() {
        return options == null ? "zero" : "dirtier";
    }

    /** The vCPUs it has where so many are asked for. */
    int cpus(int wanted) {
        return options == null ? wanted : Math.max(wanted, options.cpus());
    }

    /** What to tell it; with 0 kHz it finds out the frequency of its time stamp counter itself. */
    public String commandLine(int cpus, long tscKhz) {
        return options == null
                ? "touch=all cpus=" + cpus + (tscKhz == 0 ? "" : " tsc_khz=" + tscKhz)
                : options.withCpus(cpus).withTscKhz(tscKhz).commandLine();
    }
}
