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
 * it lives just now. One thread at a time.
 */
public final class MeasuringGuest {
    /** Of a request of the API. */
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);

    private final String name;
    private Duration patience = Duration.ofSeconds(60);
    private SerialPort port;
    private final StringBuilder pending = new StringBuilder();

    /** Where to type to a guest and to read what it writes. */
    public interface SerialPort {
        /** Types one byte. */
        void type(byte key);

        /**
         * What the guest wrote since the last call; waits for some, and is empty when none comes in time.
         *
         * @throws Failure when nothing can come any more
         */
        String read(Duration atMost);
    }

    /** The guest of that name, on that agent. */
    public MeasuringGuest(String name, ApiClient agent) {
        this(name, new AgentPort(name, agent, 0));
    }

    /** A guest behind any other serial port. */
    public MeasuringGuest(String name, SerialPort port) {
        this.name = name;
        this.port = port;
    }

    /** Waits at most so long for each answer, not a minute. */
    public MeasuringGuest withPatience(Duration atMost) {
        patience = atMost;
        return this;
    }

    /** It lives on that agent now. Its log moved with it, so that reading goes on where it was. */
    public void movedTo(ApiClient other) {
        port = new AgentPort(name, other, port instanceof AgentPort before ? before.offset : 0);
    }

    /** Its serial port is another now. */
    public void movedTo(SerialPort other) {
        port = other;
    }

    /** Waits until its memory is filled; returns the line that says so. */
    public String awaitReady() {
        return awaitLine(line -> line.startsWith("READY "));
    }

    /** Forgets the gaps so far. */
    public void zero() {
        port.type((byte) 'z');
        awaitLine("ZEROED"::equals);
    }

    /** What it saw since {@link #zero}. */
    public DirtierReport report() {
        port.type((byte) 'r');
        return DirtierReport.parse(awaitLine(DirtierReport::isReport));
    }

    /** Work it did over time since {@link #zero}. */
    public GuestPace pace() {
        port.type((byte) 'p');
        return GuestPace.parse(awaitLine(GuestPace::isPace));
    }

    /** How often it accessed each page of its working set since {@link #zero}; it stands still while it tells. */
    public AccessCounts accesses() {
        port.type((byte) 'a');
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
        port.type((byte) 'v');
        String line = awaitLine(l -> l.startsWith("VERIFIED "));
        return Long.parseLong(line.replaceAll(".*pages=([0-9]+).*", "$1"));
    }

    /** The next line that is wanted; others are passed over, but one that begins with ERROR ends all. */
    private String awaitLine(Predicate<String> wanted) {
        long deadline = System.nanoTime() + patience.toNanos();
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
        pending.append(port.read(left));
    }

    private static final class AgentPort implements SerialPort {
        private final String name;
        private final ApiClient agent;
        private long offset;

        AgentPort(String name, ApiClient agent, long offset) {
            this.name = name;
            this.agent = agent;
            this.offset = offset;
        }

        @Override
        public void type(byte key) {
            agent.input(name, new byte[] {key});
        }

        @Override
        public String read(Duration atMost) {
            LogChunk chunk = agent.log(name, offset, atMost.compareTo(LONGEST_WAIT) < 0 ? atMost : LONGEST_WAIT);
            offset = chunk.next();
            if (chunk.ended() && chunk.bytes().length == 0) {
                GuestView guest = agent.guest(name);
                throw Failure.failed("guest " + name + " is " + GuestText.state(guest));
            }
            return new String(chunk.bytes(), StandardCharsets.ISO_8859_1);
        }
    }
}
