package dev.godwit.host.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ExitAndResetTest {
    private final List<String> stops = new ArrayList<>();
    private final GuestStop stop = (reason, value) -> stops.add(reason + " " + value);

    @Test
    void exitReportsTheValueInAllSizes() {
        PortBus bus = new PortBus();
        bus.attach(ExitDevice.PORT, ExitDevice.LENGTH, new ExitDevice(stop));
        bus.write(ExitDevice.PORT, 1, 0x110);
        bus.write(ExitDevice.PORT, 2, 0x110);
        bus.write(ExitDevice.PORT, 4, 0x1234567);
        assertEquals(List.of("EXIT 16", "EXIT 272", "EXIT 19088743"), stops);
        assertEquals(0, bus.read(ExitDevice.PORT, 4));
        assertEquals(33, ExitDevice.exitStatus(16));
    }

    @Test
    void pulseAndOutputPortReset() {
        ResetDevice reset = new ResetDevice(stop);
        assertEquals(0, reset.read(4, 1), "buffers are empty");
        reset.write(4, 1, 0xfe);
        assertEquals(List.of("RESET 0"), stops);
        reset.write(4, 1, 0xd1);
        reset.write(0, 1, 0xdf); // A20 on, reset line high
        assertEquals(1, stops.size());
        reset.write(4, 1, 0xd1);
        reset.write(0, 1, 0x02);
        assertEquals(List.of("RESET 0", "RESET 0"), stops);
        reset.write(0, 1, 0x00);
        assertEquals(2, stops.size(), "data without a command is nothing");
    }

    @Test
    void theRefreshBitToggles() {
        ResetDevice reset = new ResetDevice(stop);
        assertNotEquals(reset.read(1, 1) & 0x10, reset.read(1, 1) & 0x10);
        reset.write(1, 1, 0xff);
        assertEquals(0x0f, reset.read(1, 1) & 0x0f);
    }

    @Test
    void resetStateMovesBetweenCommandAndData() {
        ResetDevice source = new ResetDevice(stop);
        source.write(4, 1, 0xd1);
        ResetDevice target = new ResetDevice(stop);
        target.restoreState(1, source.saveState());
        assertArrayEquals(source.saveState(), target.saveState());
        target.write(0, 1, 0);
        assertEquals(List.of("RESET 0"), stops);
        assertThrows(DeviceStateException.class, () -> target.restoreState(2, source.saveState()));
        assertThrows(DeviceStateException.class, () -> target.restoreState(1, new byte[1]));
        assertThrows(DeviceStateException.class, () -> target.restoreState(1, new byte[3]));
        assertThrows(DeviceStateException.class, () -> target.restoreState(1, new byte[] {0, -1}));
    }

    @Test
    void bootMarkKeepsTheFirstWrite() {
        BootMark mark = new BootMark();
        assertTrue(mark.firstWriteNanos().isEmpty());
        long before = System.nanoTime();
        mark.write(0, 1, 1);
        long first = mark.firstWriteNanos().getAsLong();
        long after = System.nanoTime();
        assertTrue(first - before >= 0 && after - first >= 0);
        mark.write(0, 1, 1);
        assertEquals(first, mark.firstWriteNanos().getAsLong());
        assertEquals(0, mark.read(0, 1));
    }
}
