package dev.godwit.host.device;

import java.util.Objects;

/**
 * As much of the i8042 keyboard controller as resetting the machine takes: command 0xfe, or command 0xd1 with an output
 * port byte whose reset bit is low. Both buffers always read as empty, so that kernels which poll them go on.
 *
 * <p>Port 0x61 in its range (speaker and refresh toggle) changes bits 4 and 5 at each read, so that delay loops end; with
 * the in-kernel PIT the kernel answers that port itself.
 *
 * <p>State, version 1: u8 last command, u8 port 0x61.
 */
public final class ResetDevice implements PortDevice, Stateful {
    /** First port. */
    public static final int PORT = 0x60;

    /** Ports it claims: 0x60 to 0x64. */
    public static final int LENGTH = 5;

    private static final int DATA = 0;
    private static final int SPEAKER = 1;
    private static final int COMMAND = 4;
    private static final int COMMAND_PULSE_RESET = 0xfe;
    private static final int COMMAND_WRITE_OUTPUT = 0xd1;
    private static final int OUTPUT_NOT_RESET = 0x01;
    private static final int SPEAKER_WRITABLE = 0x0f;
    private static final int SPEAKER_TOGGLES = 0x30;

    private final GuestStop stop;
    private int command;
    private int speaker;

    /** A reset device that reports to the given machine. */
    public ResetDevice(GuestStop stop) {
        this.stop = Objects.requireNonNull(stop);
    }

    @Override
    public synchronized int read(int offset, int size) {
        if (offset == SPEAKER) {
            speaker ^= SPEAKER_TOGGLES;
            return speaker;
        }
        return 0;
    }

    @Override
    public synchronized void write(int offset, int size, int value) {
        int low = value & 0xff;
        switch (offset) {
            case DATA -> {
                boolean reset = command == COMMAND_WRITE_OUTPUT && (low & OUTPUT_NOT_RESET) == 0;
                command = 0;
                if (reset) {
                    stop.stop(GuestStop.Reason.RESET, 0);
                }
            }
            case SPEAKER -> speaker = (speaker & SPEAKER_TOGGLES) | (low & SPEAKER_WRITABLE);
            case COMMAND -> {
                command = low;
                if (low == COMMAND_PULSE_RESET) {
                    stop.stop(GuestStop.Reason.RESET, 0);
                }
            }
            default -> {
                // 0x62 and 0x63 have nothing behind them.
            }
        }
    }

    @Override
    public String stateName() {
        return "reset";
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public synchronized byte[] saveState() {
        return new byte[] {(byte) command, (byte) speaker};
    }

    @Override
    public synchronized void restoreState(int version, byte[] state) {
        StateReader in = new StateReader(stateName(), version, stateVersion(), state);
        int newCommand = in.u8("command");
        int newSpeaker = (int) in.checked("port 0x61", in.u8("port 0x61"), 0, SPEAKER_TOGGLES | SPEAKER_WRITABLE);
        in.end();
        command = newCommand;
        speaker = newSpeaker;
    }
}
