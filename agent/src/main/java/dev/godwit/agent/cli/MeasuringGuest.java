package dev.godwit.agent.cli;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.api.LogChunk;
import dev.godwit.agent.config.Failure;
import dev.godwit.images.AccessCounts;
import dev.godwit.images.DirtierReport;
import dev.godwit.images.GuestPace;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * A conversation with a guest that checks its memory and measures its own gaps ({@code dirtier}, {@code zero}), wherever
 * it lives just now: its log moves with it, so one offset does for all agents. One thread at a time.
 */
public final class MeasuringGuest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final String name;
    private ApiClient agent;
    private long offset;
    private final StringBuilder pending = new StringBuilder();

    /** The guest of that name, on that agent. */
    public MeasuringGuest(String name, ApiClient agent) {
        this.name = name;
        this.agent = agent;
    }

    /** It lives there now. */
    public void movedTo(ApiClient other) {
        agent = other;
    }

    /** Waits until its memory is filled; returns the line that says so. */
    public String awaitReady() {
        return awaitLine(line -> line.startsWith("READY "));
    }

    /** Forgets the gaps so far. */
    public void zero() {
        agent.input(name, new byte[] {'z'});
        awaitLine("ZEROED"::equals);
    }

    /** What it saw since {@link #zero}. */
    public DirtierReport report() {
        agent.input(name, new byte[] {'r'});
        return DirtierReport.parse(awaitLine(DirtierReport::isReport));
    }

    /** Work it did over time since {@link #zero}. */
    public GuestPace pace() {
        agent.input(name, new byte[] {'p'});
        return GuestPace.parse(awaitLine(GuestPace::isPace));
    }

    /** How often it accessed each page of its working set since {@link #zero}; it stands still while it tells. */
    public AccessCounts accesses() {
        agent.input(name, new byte[] {'a'});
        AccessCounts.Reader reader = new AccessCounts.Reader();
        while (true) {
            Optional<AccessCounts> counts = reader.accept(awaitLine(line -> line.startsWith("ACCESSE")));
            if (counts.isPresent()) {
                return counts.get();
            }
        }
    }

    /** Checks all its memory; returns the pages checked. */
    public long verify() {
        agent.input(name, new byte[] {'v'});
        String line = awaitLine(l -> l.startsWith("VERIFIED "));
        return Long.parseLong(line.replaceAll(".*pages=([0-9]+).*", "$1"));
    }

    /** The next line that is wanted; others are passed over, but one that begins with ERROR ends all. */
    private String awaitLine(Predicate<String> wanted) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            int end = pending.indexOf("\n");
            if (end >= 0) {
                String line = pending.substring(0, end).strip();
                pending.delete(0, end + 1);
                if (line.startsWith("ERROR")) {
                    throw Failure.failed("guest " + name + " found its memory wrong: " + line);
                }
                if (wanted.test(line)) {
                    return line;
                }
            } else {
                read(deadline);
            }
        }
    }

    private void read(long deadline) {
        Duration left = Duration.ofNanos(deadline - System.nanoTime());
        if (left.isNegative()) {
            throw Failure.failed("guest " + name + " says nothing");
        }
        LogChunk chunk = agent.log(name, offset, left);
        offset = chunk.next();
        pending.append(new String(chunk.bytes(), StandardCharsets.ISO_8859_1));
        if (chunk.ended() && chunk.bytes().length == 0) {
            GuestView guest = agent.guest(name);
            throw Failure.failed("guest " + name + " is " + GuestText.state(guest));
        }
    }
}
