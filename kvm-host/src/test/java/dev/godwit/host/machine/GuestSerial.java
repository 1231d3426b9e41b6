package dev.godwit.host.machine;

import dev.godwit.host.device.SerialLog;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** Talks with a guest over its serial port, line by line. */
final class GuestSerial {
    /** Far more than any guest here needs on a busy machine. */
    static final Duration PATIENCE = Duration.ofSeconds(90);

    private final Machine machine;
    private final StringBuilder unread = new StringBuilder();
    private long offset;

    GuestSerial(Machine machine) {
        this.machine = machine;
    }

    /** As if this had read what {@code other} has: for a machine that goes on where the other's guest was. */
    GuestSerial continuedBy(Machine next) {
        GuestSerial serial = new GuestSerial(next);
        serial.unread.append(unread);
        serial.offset = offset;
        return serial;
    }

    /** The next line that starts so; what comes before it is skipped. */
    String await(String prefix) throws InterruptedException {
        StringBuilder skipped = new StringBuilder();
        while (true) {
            int end = unread.indexOf("\n");
            if (end >= 0) {
                String line = unread.substring(0, end);
                unread.delete(0, end + 1);
                if (line.startsWith(prefix)) {
                    return line;
                }
                skipped.append(line).append('\n');
            } else if (!machine.serialLog().awaitMore(offset, PATIENCE)) {
                throw new AssertionError("no line " + prefix + " from a guest that is " + machine.state() + " "
                        + machine.stopReason() + "; it said: " + skipped + unread);
            } else {
                SerialLog.Chunk chunk = machine.serialLog().read(offset, 1 << 16);
                unread.append(new String(chunk.bytes(), StandardCharsets.UTF_8));
                offset = chunk.next();
            }
        }
    }

    /** Types one byte. */
    void send(char command) {
        if (machine.serial().input(new byte[] {(byte) command}, 0, 1) != 1) {
            throw new AssertionError("the serial port took nothing");
        }
    }
}
