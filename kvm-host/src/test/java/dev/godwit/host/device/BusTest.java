package dev.godwit.host.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class BusTest {
    /** Remembers accesses and answers with all ones, so that the bus has something to mask. */
    private static final class Probe implements PortDevice, MmioDevice {
        final List<String> seen = new ArrayList<>();

        @Override
        public int read(int offset, int size) {
            seen.add("in " + offset + "/" + size);
            return -1;
        }

        @Override
        public void write(int offset, int size, int value) {
            seen.add("out " + offset + "/" + size + "=" + Integer.toUnsignedString(value, 16));
        }

        @Override
        public long read(long offset, int size) {
            seen.add("load " + offset + "/" + size);
            return -1;
        }

        @Override
        public void write(long offset, int size, long value) {
            seen.add("store " + offset + "/" + size + "=" + Long.toUnsignedString(value, 16));
        }
    }

    @Test
    void theDeviceOfTheFirstPortGetsTheAccess() {
        PortBus bus = new PortBus();
        Probe probe = new Probe();
        bus.attach(0x10, 4, probe);
        bus.write(0x10, 1, 0x1234);
        bus.write(0x13, 4, -1);
        assertEquals(0xffff, bus.read(0x12, 2));
        assertEquals(List.of("out 0/1=34", "out 3/4=ffffffff", "in 2/2"), probe.seen);
        assertEquals(0, bus.unclaimedReads() + bus.unclaimedWrites());
    }

    @Test
    void unclaimedPortsReadAsOnesAndAreCounted() {
        PortBus bus = new PortBus();
        bus.attach(0x10, 4, new Probe());
        assertEquals(0xff, bus.read(0x0f, 1));
        assertEquals(0xffff, bus.read(0x14, 2));
        assertEquals(-1, bus.read(0xffff, 4));
        bus.write(0, 1, 1);
        assertEquals(3, bus.unclaimedReads());
        assertEquals(1, bus.unclaimedWrites());
    }

    @Test
    void theDeviceOfTheFirstAddressGetsTheAccess() {
        MmioBus bus = new MmioBus();
        Probe probe = new Probe();
        bus.attach(0xfeb0_0000L, 0x200, probe);
        bus.write(0xfeb0_0000L, 4, -1L);
        bus.write(0xfeb0_01ffL, 8, -1L);
        assertEquals(0xff_ffffL, bus.read(0xfeb0_0004L, 3));
        assertEquals(List.of("store 0/4=ffffffff", "store 511/8=ffffffffffffffff", "load 4/3"), probe.seen);
    }

    @Test
    void unclaimedAddressesReadAsOnesAndAreCounted() {
        MmioBus bus = new MmioBus();
        bus.attach(0xfeb0_0000L, 0x200, new Probe());
        assertEquals(0xff, bus.read(0xfeb0_0200L, 1));
        assertEquals(-1L, bus.read(-8, 8));
        bus.write(Long.MAX_VALUE, 8, 1);
        assertEquals(2, bus.unclaimedReads());
        assertEquals(1, bus.unclaimedWrites());
    }

    @Test
    void overlapIsRejectedWithBothRanges() {
        PortBus ports = new PortBus();
        ports.attach(0x100, 8, new Probe());
        ports.attach(0x108, 8, new Probe());
        ports.attach(0xf8, 8, new Probe());
        String message = assertThrows(IllegalArgumentException.class, () -> ports.attach(0x10f, 1, new Probe()))
                .getMessage();
        assertTrue(message.contains("0x10f..0x10f overlaps Probe at 0x108..0x10f"), message);
        assertThrows(IllegalArgumentException.class, () -> ports.attach(0xf0, 9, new Probe()));
        assertThrows(IllegalArgumentException.class, () -> ports.attach(0, 0x10000, new Probe()));

        MmioBus mmio = new MmioBus();
        mmio.attach(0x1000, 0x1000, new Probe());
        assertThrows(IllegalArgumentException.class, () -> mmio.attach(0x1fff, 1, new Probe()));
        assertThrows(IllegalArgumentException.class, () -> mmio.attach(0, 0x1001, new Probe()));
    }

    @Test
    void rangesOutsideTheAddressSpaceAreRejected() {
        PortBus ports = new PortBus();
        MmioBus mmio = new MmioBus();
        assertThrows(IllegalArgumentException.class, () -> ports.attach(0xffff, 2, new Probe()));
        assertThrows(IllegalArgumentException.class, () -> ports.attach(-1, 2, new Probe()));
        assertThrows(IllegalArgumentException.class, () -> ports.attach(1, 0, new Probe()));
        assertThrows(IllegalArgumentException.class, () -> mmio.attach(Long.MAX_VALUE, 2, new Probe()));
        assertThrows(IllegalArgumentException.class, () -> mmio.attach(0, Long.MAX_VALUE, new Probe()));
    }

    @Test
    void exceptionsOfADevicePassThrough() {
        PortBus bus = new PortBus();
        bus.attach(1, 1, new PortDevice() {
            @Override
            public int read(int offset, int size) {
                throw new IllegalStateException("broken");
            }

            @Override
            public void write(int offset, int size, int value) {
                throw new IllegalStateException("broken");
            }
        });
        assertThrows(IllegalStateException.class, () -> bus.read(1, 1));
        assertThrows(IllegalStateException.class, () -> bus.write(1, 1, 0));
    }

    @Test
    void lookupAgreesWithATableOfAllPorts() {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        PortBus bus = new PortBus();
        Probe[] owner = new Probe[PortBus.PORTS];
        for (int i = 0; i < 200; i++) {
            int base = random.nextInt(PortBus.PORTS);
            int length = 1 + random.nextInt(64);
            Probe probe = new Probe();
            boolean free = base + length <= PortBus.PORTS;
            for (int p = base; free && p < base + length; p++) {
                free = owner[p] == null;
            }
            if (!free) {
                assertThrows(IllegalArgumentException.class, () -> bus.attach(base, length, probe), "seed " + seed);
                continue;
            }
            bus.attach(base, length, probe);
            for (int p = base; p < base + length; p++) {
                owner[p] = probe;
            }
        }
        for (int p = 0; p < PortBus.PORTS; p++) {
            int before = owner[p] == null ? 0 : owner[p].seen.size();
            long unclaimed = bus.unclaimedReads();
            assertEquals(0xff, bus.read(p, 1));
            String where = "port " + p + ", seed " + seed;
            assertEquals(owner[p] == null ? unclaimed + 1 : unclaimed, bus.unclaimedReads(), where);
            assertEquals(before + (owner[p] == null ? 0 : 1), owner[p] == null ? 0 : owner[p].seen.size(), where);
        }
    }

    @Test
    void randomAccessesToEveryPortThrowNothing() {
        long seed = System.nanoTime();
        System.out.println("BusTest port fuzz seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        PortBus bus = new PortBus();
        SerialLog log = new SerialLog(1000);
        Serial16550 serial = new Serial16550(log, new RecordingLine());
        bus.attach(Serial16550.PORT, Serial16550.LENGTH, serial);
        bus.attach(ExitDevice.PORT, ExitDevice.LENGTH, new ExitDevice((reason, value) -> {}));
        bus.attach(BootMark.PORT, BootMark.LENGTH, new BootMark());
        bus.attach(ResetDevice.PORT, ResetDevice.LENGTH, new ResetDevice((reason, value) -> {}));
        int[] bases = {0x58, 0xf0, 0x3f0};
        for (int i = 0; i < 500_000; i++) {
            int port = random.nextInt(8) == 0
                    ? random.nextInt(PortBus.PORTS)
                    : bases[random.nextInt(bases.length)] + random.nextInt(24);
            int size = 1 << random.nextInt(3);
            if (random.nextBoolean()) {
                int value = bus.read(port, size);
                assertTrue(size == 4 || value >>> (8 * size) == 0, "seed " + seed);
            } else {
                bus.write(port, size, random.nextInt());
            }
            serial.offer((byte) i);
        }
        assertTrue(log.read(0, Integer.MAX_VALUE).bytes().length <= 1000, "seed " + seed);
        byte[] state = serial.saveState();
        Serial16550 other = new Serial16550(new SerialLog(), new RecordingLine());
        other.restoreState(serial.stateVersion(), state);
        assertArrayEquals(state, other.saveState(), "seed " + seed);
    }
}
