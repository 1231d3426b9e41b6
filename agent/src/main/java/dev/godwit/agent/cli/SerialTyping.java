package dev.godwit.agent.cli;

import dev.godwit.host.device.Serial16550;
import dev.godwit.host.machine.Machine;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/**
 * Types a stream to a guest's serial port, as fast as the guest reads, until the stream ends. It begins after the guest's
 * first output, or a second: a guest that sets its port up throws away what was typed before.
 */
final class SerialTyping {
    private static final int CHUNK = 4096;
    private static final Duration FIRST_OUTPUT = Duration.ofSeconds(1);
    private static final Duration WAIT = Duration.ofSeconds(1);

    private SerialTyping() {}

    /** Starts a thread that does it and ends with the process: a read from a terminal cannot be interrupted. */
    static void start(InputStream in, Machine machine) {
        Serial16550 serial = machine.serial();
        Thread.ofPlatform().daemon().name("serial-typing").start(() -> {
            byte[] bytes = new byte[CHUNK];
            try {
                machine.serialLog().awaitMore(0, FIRST_OUTPUT);
                for (int count; (count = in.read(bytes)) >= 0; ) {
                    for (int typed = 0; typed < count; ) {
                        int accepted = serial.input(bytes, typed, count - typed);
                        typed += accepted;
                        if (accepted == 0) {
                            serial.awaitRoom(WAIT);
                        }
                    }
                }
            } catch (IOException e) {
                // No more input, then.
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }
}
