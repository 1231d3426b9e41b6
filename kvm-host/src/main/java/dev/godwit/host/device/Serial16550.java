package dev.godwit.host.device;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Objects;

/**
 * A 16550A UART. Transmission is immediate, so the transmitter is always empty; received bytes wait in a FIFO of
 * {@value #FIFO_SIZE} bytes, larger than the chip's 16 so that input needs fewer wake-ups.
 *
 * <p>Accesses wider than a byte act on consecutive registers. Below the FIFO's trigger level the character timeout is
 * signalled at once. The interrupt line follows the enabled causes; it drops and rises again with each byte sent, which is
 * what edge-triggered controllers need. OUT2 does not gate it, as on QEMU.
 *
 * <p>Thread-safe: vCPUs call the port side, any thread offers input.
 *
 * <p>State, version 1: u8 IER, FCR, LCR, MCR, MSR deltas, SCR, DLL, DLM, u8 flags (bit 0: transmitter interrupt pending, bit
 * 1: overrun), u16 count, then that many received bytes. Source: National Semiconductor PC16550D data sheet.
 */
public final class Serial16550 implements PortDevice, Stateful {
    /** First port of the first serial port of a PC. */
    public static final int PORT = 0x3f8;

    /** Ports it claims. */
    public static final int LENGTH = 8;

    /** Interrupt of the first serial port of a PC. */
    public static final int IRQ = 4;

    /** Bytes of input that wait for the guest. */
    public static final int FIFO_SIZE = 64;

    private static final int IER_RECEIVED = 0x01;
    private static final int IER_TRANSMITTER_EMPTY = 0x02;
    private static final int IER_LINE_STATUS = 0x04;
    private static final int IER_MODEM_STATUS = 0x08;
    private static final int IIR_NONE = 0x01;
    private static final int IIR_MODEM_STATUS = 0x00;
    private static final int IIR_TRANSMITTER_EMPTY = 0x02;
    private static final int IIR_RECEIVED = 0x04;
    private static final int IIR_LINE_STATUS = 0x06;
    private static final int IIR_TIMEOUT = 0x0c;
    private static final int IIR_FIFOS = 0xc0;
    private static final int FCR_ENABLE = 0x01;
    private static final int FCR_CLEAR_RECEIVER = 0x02;
    private static final int FCR_KEPT = 0xc9;
    private static final int LCR_DLAB = 0x80;
    private static final int MCR_WRITABLE = 0x1f;
    private static final int MCR_LOOPBACK = 0x10;
    private static final int LSR_READY = 0x01;
    private static final int LSR_OVERRUN = 0x02;
    private static final int LSR_SENT = 0x60;
    private static final int MSR_CONNECTED = 0xb0; // carrier, data set ready, clear to send
    private static final int MSR_RING = 0x40;
    private static final int MSR_RING_ENDED = 0x04;
    private static final int NO_REGISTER = 0xff;

    private final SerialLog log;
    private final InterruptLine line;
    private final byte[] fifo = new byte[FIFO_SIZE];
    private int fifoHead;
    private int fifoCount;
    private int ier;
    private int fcr;
    private int lcr;
    private int mcr;
    private int msrDeltas;
    private int scr;
    private int dll = 0x0c; // 9600 baud, as firmware leaves it
    private int dlm;
    private boolean transmitterPending;
    private boolean overrun;
    private boolean level;

    /** A serial port that writes to the log. */
    public Serial16550(SerialLog log, InterruptLine line) {
        this.log = Objects.requireNonNull(log);
        this.line = Objects.requireNonNull(line);
    }

    @Override
    public synchronized int read(int offset, int size) {
        int value = 0;
        for (int i = 0; i < size; i++) {
            value |= readRegister(offset + i) << (8 * i);
        }
        return value;
    }

    @Override
    public synchronized void write(int offset, int size, int value) {
        for (int i = 0; i < size; i++) {
            writeRegister(offset + i, (value >>> (8 * i)) & 0xff);
        }
    }

    /**
     * Offers a byte of input.
     *
     * @return false if the FIFO is full or the guest has the port in loopback
     */
    public synchronized boolean offer(byte value) {
        if (!hasRoom()) {
            return false;
        }
        receive(value);
        updateLine();
        return true;
    }

    /**
     * Offers input.
     *
     * @return how many bytes, from the first on, were taken
     */
    public synchronized int input(byte[] bytes, int from, int length) {
        Objects.checkFromIndexSize(from, length, bytes.length);
        int taken = 0;
        while (taken < length && hasRoom()) {
            receive(bytes[from + taken]);
            taken++;
        }
        updateLine();
        return taken;
    }

    /**
     * Waits until input would be taken.
     *
     * @return false after the timeout
     */
    public synchronized boolean awaitRoom(Duration timeout) throws InterruptedException {
        long start = System.nanoTime();
        long nanos = timeout.toNanos();
        while (!hasRoom()) {
            long left = nanos - (System.nanoTime() - start);
            if (left <= 0) {
                return false;
            }
            wait(left / 1_000_000, (int) (left % 1_000_000));
        }
        return true;
    }

    private boolean hasRoom() {
        return fifoCount < FIFO_SIZE && (mcr & MCR_LOOPBACK) == 0;
    }

    private int readRegister(int register) {
        return switch (register) {
            case 0 -> divisorLatch() ? dll : readReceived();
            case 1 -> divisorLatch() ? dlm : ier;
            case 2 -> readInterruptId();
            case 3 -> lcr;
            case 4 -> mcr;
            case 5 -> readLineStatus();
            case 6 -> readModemStatus();
            case 7 -> scr;
            default -> NO_REGISTER;
        };
    }

    private void writeRegister(int register, int value) {
        switch (register) {
            case 0 -> {
                if (divisorLatch()) {
                    dll = value;
                } else {
                    transmit((byte) value);
                }
            }
            case 1 -> {
                if (divisorLatch()) {
                    dlm = value;
                } else {
                    writeInterruptEnable(value);
                }
            }
            case 2 -> writeFifoControl(value);
            case 3 -> lcr = value;
            case 4 -> writeModemControl(value);
            case 7 -> scr = value;
            default -> {
                // Line and modem status are read-only; past them there is nothing.
            }
        }
    }

    private boolean divisorLatch() {
        return (lcr & LCR_DLAB) != 0;
    }

    private int readReceived() {
        if (fifoCount == 0) {
            return 0;
        }
        int value = fifo[fifoHead] & 0xff;
        fifoHead = (fifoHead + 1) % FIFO_SIZE;
        fifoCount--;
        updateLine();
        notifyAll();
        return value;
    }

    private void receive(byte value) {
        if (fifoCount == FIFO_SIZE) {
            overrun = true;
            return;
        }
        fifo[(fifoHead + fifoCount) % FIFO_SIZE] = value;
        fifoCount++;
    }

    private void transmit(byte value) {
        transmitterPending = false;
        updateLine();
        if ((mcr & MCR_LOOPBACK) != 0) {
            receive(value);
        } else {
            log.append(value);
        }
        transmitterPending = true;
        updateLine();
    }

    private void writeInterruptEnable(int value) {
        int old = ier;
        ier = value & (IER_RECEIVED | IER_TRANSMITTER_EMPTY | IER_LINE_STATUS | IER_MODEM_STATUS);
        if ((ier & ~old & IER_TRANSMITTER_EMPTY) != 0) {
            transmitterPending = true; // enabling it while the transmitter is empty is itself a cause
        }
        updateLine();
    }

    private void writeFifoControl(int value) {
        boolean toggled = ((value ^ fcr) & FCR_ENABLE) != 0;
        // Without the enable bit the chip ignores the other bits.
        fcr = (value & FCR_ENABLE) != 0 ? value & FCR_KEPT : 0;
        if (toggled || ((value & FCR_ENABLE) != 0 && (value & FCR_CLEAR_RECEIVER) != 0)) {
            fifoHead = 0;
            fifoCount = 0;
            notifyAll();
        }
        updateLine();
    }

    private void writeModemControl(int value) {
        int before = modemLines();
        mcr = value & MCR_WRITABLE;
        int after = modemLines();
        int changed = before ^ after;
        // Bits 4, 5 and 7 have their deltas in bits 0, 1 and 3; ring (6) reports its trailing edge only, in bit 2.
        msrDeltas |= (changed & ~MSR_RING) >>> 4;
        if ((before & ~after & MSR_RING) != 0) {
            msrDeltas |= MSR_RING_ENDED;
        }
        updateLine();
        notifyAll();
    }

    private int modemLines() {
        if ((mcr & MCR_LOOPBACK) == 0) {
            return MSR_CONNECTED;
        }
        // DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD.
        return (mcr & 0x02) << 3 | (mcr & 0x01) << 5 | (mcr & 0x04) << 4 | (mcr & 0x08) << 4;
    }

    private int readLineStatus() {
        int value = LSR_SENT | (fifoCount > 0 ? LSR_READY : 0) | (overrun ? LSR_OVERRUN : 0);
        overrun = false;
        updateLine();
        return value;
    }

    private int readModemStatus() {
        int value = modemLines() | msrDeltas;
        msrDeltas = 0;
        updateLine();
        return value;
    }

    private int readInterruptId() {
        int cause = cause();
        if (cause == IIR_TRANSMITTER_EMPTY) {
            transmitterPending = false;
            updateLine();
        }
        return cause | ((fcr & FCR_ENABLE) != 0 ? IIR_FIFOS : 0);
    }

    /** The enabled cause of highest priority. */
    private int cause() {
        if (overrun && (ier & IER_LINE_STATUS) != 0) {
            return IIR_LINE_STATUS;
        }
        if (fifoCount > 0 && (ier & IER_RECEIVED) != 0) {
            return fifoCount >= triggerLevel() ? IIR_RECEIVED : IIR_TIMEOUT;
        }
        if (transmitterPending && (ier & IER_TRANSMITTER_EMPTY) != 0) {
            return IIR_TRANSMITTER_EMPTY;
        }
        if (msrDeltas != 0 && (ier & IER_MODEM_STATUS) != 0) {
            return IIR_MODEM_STATUS;
        }
        return IIR_NONE;
    }

    private int triggerLevel() {
        if ((fcr & FCR_ENABLE) == 0) {
            return 1;
        }
        return switch (fcr >>> 6) {
            case 0 -> 1;
            case 1 -> 4;
            case 2 -> 8;
            default -> 14;
        };
    }

    private void updateLine() {
        boolean now = cause() != IIR_NONE;
        if (now != level) {
            level = now;
            line.set(now);
        }
    }

    @Override
    public String stateName() {
        return "serial";
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public synchronized byte[] saveState() {
        ByteBuffer out = ByteBuffer.allocate(9 + Short.BYTES + fifoCount).order(ByteOrder.LITTLE_ENDIAN);
        out.put((byte) ier).put((byte) fcr).put((byte) lcr).put((byte) mcr);
        out.put((byte) msrDeltas).put((byte) scr).put((byte) dll).put((byte) dlm);
        out.put((byte) ((transmitterPending ? 1 : 0) | (overrun ? 2 : 0)));
        out.putShort((short) fifoCount);
        for (int i = 0; i < fifoCount; i++) {
            out.put(fifo[(fifoHead + i) % FIFO_SIZE]);
        }
        return out.array();
    }

    @Override
    public synchronized void restoreState(int version, byte[] state) {
        StateReader in = new StateReader(stateName(), version, stateVersion(), state);
        int newIer = (int) in.checked("IER", in.u8("IER"), 0, 0x0f);
        int newFcr = in.u8("FCR");
        if ((newFcr & ~FCR_KEPT) != 0) {
            throw in.fail("FCR is " + newFcr);
        }
        int newLcr = in.u8("LCR");
        int newMcr = (int) in.checked("MCR", in.u8("MCR"), 0, MCR_WRITABLE);
        int newDeltas = (int) in.checked("MSR", in.u8("MSR"), 0, 0x0f);
        int newScr = in.u8("SCR");
        int newDll = in.u8("DLL");
        int newDlm = in.u8("DLM");
        int flags = (int) in.checked("flags", in.u8("flags"), 0, 3);
        int count = (int) in.checked("FIFO count", in.u16("FIFO count"), 0, FIFO_SIZE);
        byte[] received = in.bytes("FIFO", count);
        in.end();
        ier = newIer;
        fcr = newFcr;
        lcr = newLcr;
        mcr = newMcr;
        msrDeltas = newDeltas;
        scr = newScr;
        dll = newDll;
        dlm = newDlm;
        transmitterPending = (flags & 1) != 0;
        overrun = (flags & 2) != 0;
        System.arraycopy(received, 0, fifo, 0, count);
        fifoHead = 0;
        fifoCount = count;
        level = cause() != IIR_NONE;
        line.set(level);
        notifyAll();
    }
}
