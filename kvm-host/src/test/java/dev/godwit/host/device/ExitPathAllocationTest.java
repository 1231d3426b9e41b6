package dev.godwit.host.device;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

/** What a vCPU thread does on an exit leaves nothing for the garbage collector. */
class ExitPathAllocationTest {
    private static final int EXITS = 200_000;

    @Test
    void exitsAllocateNothing() {
        PortBus ports = new PortBus();
        MmioBus mmio = new MmioBus();
        SerialLog log = new SerialLog(4096);
        MmioSlot slot = new MmioSlot(0);
        ports.attach(Serial16550.PORT, Serial16550.LENGTH, new Serial16550(log, InterruptLine.NONE));
        ports.attach(ResetDevice.PORT, ResetDevice.LENGTH, new ResetDevice((reason, value) -> {}));
        ports.attach(ExitDevice.PORT, ExitDevice.LENGTH, new ExitDevice((reason, value) -> {}));
        ports.attach(BootMark.PORT, BootMark.LENGTH, new BootMark());
        try (GuestMemory memory = GuestMemory.allocate(1 << 20, LargePages.NONE)) {
            VirtioMmio transport = new VirtioMmio(slot, new EchoDevice(), memory, InterruptLine.NONE);
            mmio.attach(slot.base(), MmioSlot.SIZE, transport);
            new FakeDriver(memory, transport, 8).start();
            exits(ports, mmio, slot.base(), 20_000); // classes and call sites are made once
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long before = threads.getCurrentThreadAllocatedBytes();
            exits(ports, mmio, slot.base(), EXITS);
            long bytes = threads.getCurrentThreadAllocatedBytes() - before;
            assertTrue(bytes < EXITS, bytes + " bytes in " + EXITS + " rounds");
        }
    }

    private static void exits(PortBus ports, MmioBus mmio, long base, int rounds) {
        long sum = 0;
        for (int i = 0; i < rounds; i++) {
            sum += ports.read(Serial16550.PORT + 5, 1);
            ports.write(Serial16550.PORT, 1, i);
            ports.write(Serial16550.PORT + 1, 1, i & 2);
            sum += ports.read(ResetDevice.PORT + 4, 1);
            ports.write(ExitDevice.PORT, 4, i);
            ports.write(BootMark.PORT, 1, i);
            sum += ports.read(0x1234, 4);
            ports.write(0x1234, 4, i);
            sum += mmio.read(base + VirtioMmio.STATUS, 4);
            sum += mmio.read(base + VirtioMmio.CONFIG, 8);
            mmio.write(base + VirtioMmio.QUEUE_NOTIFY, 4, 0);
            mmio.write(base + VirtioMmio.INTERRUPT_ACKNOWLEDGE, 4, 1);
            sum += mmio.read(1, 1);
        }
        assertTrue(sum != 0);
    }
}
