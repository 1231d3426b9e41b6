package dev.godwit.host.device;

/**
 * A place for a virtio-mmio device in the machine: the layout of QEMU's microvm, which guests learn of from the command
 * line.
 *
 * @param index 0 to {@link #COUNT} - 1
 */
public record MmioSlot(int index) {
    /** Slots of a machine. */
    public static final int COUNT = 8;

    /** Bytes of a slot. */
    public static final int SIZE = 0x200;

    private static final long FIRST_BASE = 0xfeb0_0000L;
    private static final int FIRST_IRQ = 5;

    /** Checks the index. */
    public MmioSlot {
        if (index < 0 || index >= COUNT) {
            throw new IllegalArgumentException("virtio-mmio slot " + index + ", there are " + COUNT);
        }
    }

    /** Guest-physical address of its registers. */
    public long base() {
        return FIRST_BASE + (long) index * SIZE;
    }

    /** Its interrupt: an input of the I/O APIC, and of the PIC. */
    public int irq() {
        return FIRST_IRQ + index;
    }

    /** What names the device on a Linux command line, for example {@code virtio_mmio.device=512@0xfeb00000:5}. */
    public String parameter() {
        return "virtio_mmio.device=" + SIZE + "@0x" + Long.toHexString(base()) + ":" + irq();
    }
}
