package dev.godwit.host.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class Serial16550Test {
    private static final int DATA = 0;
    private static final int IER = 1;
    private static final int IIR = 2;
    private static final int FCR = 2;
    private static final int LCR = 3;
    private static final int MCR = 4;
    private static final int LSR = 5;
    private static final int MSR = 6;
    private static final int SCR = 7;

    private final SerialLog log = new SerialLog();
    private final RecordingLine line = new RecordingLine();
    private final Serial16550 serial = new Serial16550(log, line);

    private int in(int register) {
        return serial.read(register, 1);
    }

    private void out(int register, int value) {
        serial.write(register, 1, value);
    }

    private String written() {
        return new String(log.read(0, Integer.MAX_VALUE).bytes(), StandardCharsets.US_ASCII);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    @Test
    void outputGoesToTheLog() {
        for (byte b : ascii("hello\n")) {
            assertEquals(0x60, in(LSR), "transmitter always empty");
            out(DATA, b);
        }
        assertEquals("hello\n", written());
        assertFalse(line.level, "no interrupt was enabled");
        assertEquals(0, line.rises);
    }

    @Test
    void scratchAndLineControlAreMemory() {
        out(SCR, 0xa5);
        assertEquals(0xa5, in(SCR));
        out(LCR, 0x1b);
        assertEquals(0x1b, in(LCR));
    }

    @Test
    void divisorLatchHidesDataAndInterruptEnable() {
        out(IER, 0x05);
        out(LCR, 0x83);
        out(DATA, 0x01);
        out(IER, 0x02);
        assertEquals(0x01, in(DATA));
        assertEquals(0x02, in(IER));
        out(LCR, 0x03);
        assertEquals(0x05, in(IER));
        assertEquals("", written());
    }

    @Test
    void inputArrivesInOrderAndIsBounded() {
        assertEquals(5, serial.input(ascii("hello"), 0, 5));
        StringBuilder read = new StringBuilder();
        while ((in(LSR) & 1) != 0) {
            read.append((char) in(DATA));
        }
        assertEquals("hello", read.toString());
        assertEquals(0, in(DATA), "empty");
        byte[] flood = new byte[1000];
        assertEquals(Serial16550.FIFO_SIZE, serial.input(flood, 0, flood.length));
        assertEquals(0, serial.input(flood, 0, flood.length));
        assertFalse(serial.offer((byte) 1));
        assertEquals(0x61, in(LSR), "the host's side never overruns");
        assertThrows(IndexOutOfBoundsException.class, () -> serial.input(flood, 999, 2));
    }

    @Test
    void receiverInterruptRisesAndFallsWithTheFifo() {
        out(IER, 0x01);
        assertFalse(line.level);
        serial.offer((byte) 'a');
        assertTrue(line.level);
        assertEquals(0x04, in(IIR));
        assertTrue(line.level, "reading IIR does not take the byte");
        assertEquals('a', in(DATA));
        assertFalse(line.level);
        assertEquals(0x01, in(IIR));
    }

    @Test
    void belowTheTriggerLevelItIsATimeout() {
        out(FCR, 0x81); // trigger at 8
        out(IER, 0x01);
        serial.input(new byte[7], 0, 7);
        assertEquals(0xcc, in(IIR));
        assertTrue(line.level);
        serial.offer((byte) 0);
        assertEquals(0xc4, in(IIR));
        int[] levels = {1, 4, 8, 14};
        for (int i = 0; i < levels.length; i++) {
            out(FCR, i << 6 | 0x03);
            serial.input(new byte[20], 0, levels[i]);
            assertEquals(0xc4, in(IIR));
            in(DATA);
            assertEquals(levels[i] == 1 ? 0xc1 : 0xcc, in(IIR));
        }
    }

    @Test
    void transmitterInterruptPulsesWithEachByte() {
        out(IER, 0x02);
        assertTrue(line.level, "enabling it while empty is a cause");
        assertEquals(0x02, in(IIR));
        assertFalse(line.level, "reading IIR takes it away");
        assertEquals(0x01, in(IIR));
        out(DATA, 'x');
        assertTrue(line.level);
        assertEquals(2, line.rises);
        out(DATA, 'y');
        assertTrue(line.level);
        assertEquals(3, line.rises, "an edge for each byte");
        out(IER, 0x00);
        assertFalse(line.level);
        out(IER, 0x02);
        assertTrue(line.level);
    }

    @Test
    void receiverComesBeforeTransmitter() {
        out(IER, 0x03);
        serial.offer((byte) 'a');
        assertEquals(0x04, in(IIR));
        in(DATA);
        assertTrue(line.level);
        assertEquals(0x02, in(IIR));
        assertFalse(line.level);
    }

    @Test
    void fifoControlClears() {
        out(FCR, 0x01);
        serial.input(new byte[3], 0, 3);
        out(FCR, 0x01);
        assertEquals(0x61, in(LSR), "unchanged enable keeps the bytes");
        out(FCR, 0x03);
        assertEquals(0x60, in(LSR));
        serial.offer((byte) 1);
        out(FCR, 0x00);
        assertEquals(0x60, in(LSR), "switching FIFOs off clears");
        assertEquals(0x01, in(IIR));
    }

    @Test
    void loopbackReturnsDataToTheReceiver() {
        out(MCR, 0x10);
        assertFalse(serial.offer((byte) 'x'), "the outside is cut off");
        out(DATA, 'q');
        assertEquals("", written());
        assertEquals(0x61, in(LSR));
        assertEquals('q', in(DATA));
        out(IER, 0x04);
        for (int i = 0; i <= Serial16550.FIFO_SIZE; i++) {
            out(DATA, i);
        }
        assertTrue(line.level, "overrun");
        assertEquals(0x06, in(IIR));
        assertEquals(0x63, in(LSR));
        assertFalse(line.level);
        assertEquals(0x61, in(LSR), "reading clears the overrun");
    }

    @Test
    void loopbackReturnsTheModemLines() {
        assertEquals(0xb0, in(MSR), "connected");
        out(MCR, 0x10);
        assertEquals(0x0b, in(MSR), "lines dropped, with deltas");
        assertEquals(0x00, in(MSR), "reading clears the deltas");
        int[][] pairs = {{0x11, 0x20}, {0x12, 0x10}, {0x14, 0x40}, {0x18, 0x80}};
        for (int[] pair : pairs) {
            out(MCR, pair[0]);
            assertEquals(pair[1], in(MSR) & 0xf0);
        }
        out(MCR, 0x14);
        in(MSR);
        out(MCR, 0x10);
        assertEquals(0x04, in(MSR), "the trailing edge of ring");
        out(IER, 0x08);
        out(MCR, 0x11);
        assertTrue(line.level);
        assertEquals(0x00, in(IIR));
        in(MSR);
        assertFalse(line.level);
        out(MCR, 0xff);
        assertEquals(0x1f, in(MCR));
    }

    @Test
    void wideAccessesReachConsecutiveRegisters() {
        serial.write(SCR, 4, 0x11223344);
        assertEquals(0x44, in(SCR));
        assertEquals(0xffffff44, serial.read(SCR, 4));
        serial.write(DATA, 2, 0x0541);
        assertEquals("A", written());
        assertEquals(0x05, in(IER));
        assertEquals(0x0500, serial.read(DATA, 2));
    }

    @Test
    void stateMovesWithFifoAndInterrupt() {
        out(LCR, 0x83);
        out(DATA, 7);
        out(LCR, 0x03);
        out(FCR, 0xc1);
        out(IER, 0x03);
        out(MCR, 0x0b);
        out(SCR, 0x77);
        serial.input(new byte[10], 0, 10);
        for (int i = 0; i < 10; i++) {
            in(DATA);
        }
        serial.input(ascii("moves"), 0, 5);
        byte[] state = serial.saveState();

        RecordingLine otherLine = new RecordingLine();
        Serial16550 other = new Serial16550(new SerialLog(), otherLine);
        other.restoreState(serial.stateVersion(), state);
        assertTrue(otherLine.level);
        assertArrayEquals(state, other.saveState());
        StringBuilder read = new StringBuilder();
        while ((other.read(LSR, 1) & 1) != 0) {
            read.append((char) other.read(DATA, 1));
        }
        assertEquals("moves", read.toString());
        assertEquals(0xc2, other.read(IIR, 1));
        assertFalse(otherLine.level);
    }

    @Test
    void malformedStateIsRefusedAndChangesNothing() {
        serial.input(ascii("ab"), 0, 2);
        byte[] good = serial.saveState();
        assertThrows(DeviceStateException.class, () -> serial.restoreState(2, good));
        for (int i = 0; i < good.length; i++) {
            byte[] shorter = Arrays.copyOf(good, i);
            assertThrows(DeviceStateException.class, () -> serial.restoreState(1, shorter));
        }
        assertThrows(DeviceStateException.class, () -> serial.restoreState(1, Arrays.copyOf(good, good.length + 1)));
        int[] bounded = {0, 1, 3, 4, 8, 10};
        for (int at : bounded) {
            byte[] bad = good.clone();
            bad[at] = (byte) 0xff;
            assertThrows(DeviceStateException.class, () -> serial.restoreState(1, bad), "byte " + at);
        }
        assertArrayEquals(good, serial.saveState());
    }

    @Test
    void awaitRoomReturnsWhenTheGuestReads() throws Exception {
        byte[] flood = new byte[Serial16550.FIFO_SIZE];
        serial.input(flood, 0, flood.length);
        assertFalse(serial.awaitRoom(Duration.ofMillis(1)));
        FutureTask<Boolean> waiting = new FutureTask<>(() -> serial.awaitRoom(Duration.ofSeconds(30)));
        Thread thread = Thread.ofPlatform().daemon().start(waiting);
        in(DATA);
        assertTrue(waiting.get(30, TimeUnit.SECONDS));
        thread.join();
        assertTrue(serial.awaitRoom(Duration.ZERO));
    }
}
