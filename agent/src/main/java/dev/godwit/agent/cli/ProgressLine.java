package dev.godwit.agent.cli;

import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.migration.MigrationPhase;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;

/**
 * A migration as it goes on: on a terminal one line that is drawn again, elsewhere a line when its phase or its round
 * changes, or else every five seconds.
 */
final class ProgressLine implements AutoCloseable {
    private static final Duration REDRAW = Duration.ofMillis(100);
    private static final Duration PLAIN = Duration.ofSeconds(5);
    private static final String POSTCOPY = MigrationPhase.POSTCOPY.text();
    private static final int BAR = 20;
    private static final double MIB = 1 << 20;

    private final PrintStream out;
    private final boolean terminal;
    private final boolean shown;
    private boolean drawn;
    private String lastPhase = "";
    private long lastRound;
    private long lastMicros;

    ProgressLine(Console console, boolean shown) {
        this.out = console.out();
        this.terminal = console.terminal();
        this.shown = shown;
    }

    /** How long to wait before the next look. */
    Duration interval() {
        return REDRAW;
    }

    void show(MigrationView migration) {
        MigrationView.Progress p = migration.progress();
        if (!shown
                || migration.done()
                || p.phase().equals("completed")
                || p.phase().equals("failed")) {
            return;
        }
        if (terminal) {
            out.print("\r\u001b[K" + bar(p) + " " + text(p));
            out.flush();
            drawn = true;
        } else if (!p.phase().equals(lastPhase)
                || p.round() != lastRound
                || p.elapsedMicros() - lastMicros >= PLAIN.toNanos() / 1000) {
            lastPhase = p.phase();
            lastRound = p.round();
            lastMicros = p.elapsedMicros();
            out.println(text(p));
        }
    }

    static String bar(MigrationView.Progress p) {
        double share = p.totalBytes() == 0 ? 0 : 1 - Math.clamp((double) p.remainingBytes() / p.totalBytes(), 0, 1);
        int full = p.round() == 0 ? 0 : (int) Math.round(share * BAR);
        return "[" + "█".repeat(full) + "·".repeat(BAR - full) + "]";
    }

    static String text(MigrationView.Progress p) {
        boolean follows = p.phase().equals(POSTCOPY);
        StringBuilder line = new StringBuilder(p.phase());
        if (p.round() > 0) {
            line.append(String.format(
                    Locale.ROOT,
                    "%s: %.0f MiB sent, %.1f MiB left",
                    follows ? "" : " round " + p.round(),
                    p.sentBytes() / MIB,
                    p.remainingBytes() / MIB));
        }
        if (follows) {
            // The rates are those of the rounds before, and the pause is over.
            return line.toString();
        }
        if (p.bytesPerSecond() > 0) {
            line.append(String.format(Locale.ROOT, ", %.0f MiB/s", p.bytesPerSecond() / MIB));
        }
        if (p.dirtyBytesPerSecond() > 0) {
            line.append(String.format(Locale.ROOT, ", dirtied %.0f MiB/s", p.dirtyBytesPerSecond() / MIB));
        }
        if (p.expectedDowntimeMicros() != null) {
            line.append(", expected downtime ").append(Durations.human(p.expectedDowntimeMicros()));
        }
        return line.toString();
    }

    @Override
    public void close() {
        if (drawn) {
            out.print("\r\u001b[K");
            out.flush();
        }
    }
}
