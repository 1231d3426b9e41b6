package dev.godwit.agent.migration;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.godwit.host.device.SerialLog;
import dev.godwit.host.machine.Machine;
import java.time.Duration;

/** Talks to a guest of the project's over its serial port. */
public final class GuestTalk {
    private static final Duration PATIENCE = Duration.ofSeconds(60L * Integer.getInteger("godwit.test.slow", 1));

    private GuestTalk() {}

    /** Sends a command byte and returns the line that begins with {@code answer}. */
    public static String ask(Machine machine, char command, String answer) throws InterruptedException {
        long from = machine.serialLog().endOffset();
        machine.serial().offer((byte) command);
        return await(machine, from, answer);
    }

    /** The first whole line from an offset of the log on that begins with {@code start}. */
    public static String await(Machine machine, long from, String start) throws InterruptedException {
        SerialLog log = machine.serialLog();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < deadline) {
            long end = log.endOffset();
            String text = new String(log.read(from, Integer.MAX_VALUE).bytes(), US_ASCII);
            int lastLine = text.lastIndexOf('\n');
            if (lastLine >= 0) {
                var line = text.substring(0, lastLine)
                        .lines()
                        .filter(l -> l.startsWith(start))
                        .findFirst();
                if (line.isPresent()) {
                    return line.get();
                }
            }
            if (machine.stopReason().isPresent()) {
                throw new AssertionError(
                        "the guest ended: " + machine.stopReason().get() + "; it said\n" + text);
            }
            log.awaitMore(end, Duration.ofSeconds(1));
        }
        throw new AssertionError("no line " + start + " within " + PATIENCE + " of a guest that is " + machine.state()
                + "; it said\n" + new String(log.read(from, Integer.MAX_VALUE).bytes(), US_ASCII));
    }
}
