package dev.godwit.perf.scenario;

import dev.godwit.images.DirtierOptions;
import dev.godwit.images.DirtierOptions.Pattern;
import java.util.Locale;

/** Guests to migrate. Each fills all its RAM, except {@link #ZERO}. */
public enum GuestKind {
    /** Unique content everywhere, nothing is written. */
    IDLE("dirtier", true, Pattern.SEQ),
    /** 64 MiB of its RAM are rewritten all the time, one page after the other. */
    STEADY("dirtier", false, Pattern.SEQ),
    /** The same at random. */
    RANDOM("dirtier", false, Pattern.RANDOM),
    /** The same, nine writes of ten to a tenth of it. */
    HOTCOLD("dirtier", false, Pattern.HOTCOLD),
    /** Nearly all zero, nothing is written. */
    ZERO("zero", true, Pattern.SEQ);

    private final String image;
    private final boolean idle;
    private final Pattern pattern;

    GuestKind(String image, boolean idle, Pattern pattern) {
        this.image = image;
        this.idle = idle;
        this.pattern = pattern;
    }

    /** The name users write. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    String image() {
        return image;
    }

    String commandLine(int cpus) {
        return this == ZERO
                ? "cpus=" + cpus
                : DirtierOptions.DEFAULT
                        .withCold(DirtierOptions.ALL)
                        .withIdle(idle)
                        .withPattern(pattern)
                        .withCpus(cpus)
                        .commandLine();
    }
}
