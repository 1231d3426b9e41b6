package dev.godwit.host.device;

import dev.godwit.host.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.Optional;

/**
 * The virtio-mmio transport, version 2: registers, status and feature negotiation, queues and interrupts of one device.
 *
 * <p>Registers answer aligned 32-bit accesses; others read as 0 and write nothing. Configuration space takes any size. The
 * driver can add status bits, never take them back but by a reset (writing 0); FEATURES_OK stays clear when the driver's
 * features are not among the offered or lack VERSION_1. Queues can be set up between FEATURES_OK and FAILED. A queue that
 * breaks the rules sets DEVICE_NEEDS_RESET, and nothing but a reset is served from then on.
 *
 * <p>Offered beside the device's own features: VERSION_1, INDIRECT_DESC.
 *
 * <p>Thread-safe by its own lock; a queue is served within the write to QueueNotify, on the vCPU thread.
 *
 * <p>State, version 1: u32 device id; i64 driver features; u32 device and driver feature selectors, queue selector, status,
 * interrupt status, configuration generation; u16 number of queues, then each as {@link Virtqueue} says; u16 version and i32
 * length of the device's own state, then that.
 *
 * <p>Source: virtio 1.2 sections 2.1, 2.2, 4.2.
 */
public final class VirtioMmio implements MmioDevice, Stateful {
    /** Feature bit: the device follows the specification, not its drafts. */
    public static final long FEATURE_VERSION_1 = 1L << 32;

    /** Feature bit: a request may live in a table of its own. */
    public static final long FEATURE_INDIRECT_DESCRIPTORS = 1L << 28;

    static final int MAGIC = 0x000;
    static final int VERSION = 0x004;
    static final int DEVICE_ID = 0x008;
    static final int VENDOR_ID = 0x00c;
    static final int DEVICE_FEATURES = 0x010;
    static final int DEVICE_FEATURES_SELECT = 0x014;
    static final int DRIVER_FEATURES = 0x020;
    static final int DRIVER_FEATURES_SELECT = 0x024;
    static final int QUEUE_SELECT = 0x030;
    static final int QUEUE_SIZE_MAX = 0x034;
    static final int QUEUE_SIZE = 0x038;
    static final int QUEUE_READY = 0x044;
    static final int QUEUE_NOTIFY = 0x050;
    static final int INTERRUPT_STATUS = 0x060;
    static final int INTERRUPT_ACKNOWLEDGE = 0x064;
    static final int STATUS = 0x070;
    static final int QUEUE_DESCRIPTOR_LOW = 0x080;
    static final int QUEUE_DESCRIPTOR_HIGH = 0x084;
    static final int QUEUE_DRIVER_LOW = 0x090;
    static final int QUEUE_DRIVER_HIGH = 0x094;
    static final int QUEUE_DEVICE_LOW = 0x0a0;
    static final int QUEUE_DEVICE_HIGH = 0x0a4;
    static final int SHARED_MEMORY_LENGTH_LOW = 0x0b0;
    static final int SHARED_MEMORY_LENGTH_HIGH = 0x0b4;
    static final int SHARED_MEMORY_BASE_LOW = 0x0b8;
    static final int SHARED_MEMORY_BASE_HIGH = 0x0bc;
    static final int CONFIG_GENERATION = 0x0fc;
    static final int CONFIG = 0x100;

    static final int ACKNOWLEDGE = 1;
    static final int DRIVER = 2;
    static final int DRIVER_OK = 4;
    static final int FEATURES_OK = 8;
    static final int NEEDS_RESET = 64;
    static final int FAILED = 128;

    static final int INTERRUPT_USED = 1;
    static final int INTERRUPT_CONFIG = 2;

    static final int MAGIC_VALUE = 0x74726976; // "virt"
    private static final int VERSION_VALUE = 2;
    private static final int VENDOR_VALUE = 0x54574447; // "GDWT"
    private static final int DRIVER_STATUS_BITS = ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | FAILED;
    private static final long LOW = 0xffff_ffffL;
    private static final long HIGH = ~LOW;
    private static final int FIXED_STATE_SIZE = 4 + 8 + 6 * 4 + 2;

    private final MmioSlot slot;
    private final VirtioDevice device;
    private final GuestMemory memory;
    private final InterruptLine line;
    private final long offered;
    private Virtqueue[] queues;
    private long driverFeatures;
    private int deviceFeaturesSelect;
    private int driverFeaturesSelect;
    private int queueSelect;
    private int status;
    private int interruptStatus;
    private int configGeneration;
    private boolean level;
    private String fault;

    /** A transport in the given slot, before any driver has touched it. */
    public VirtioMmio(MmioSlot slot, VirtioDevice device, GuestMemory memory, InterruptLine line) {
        this.slot = Objects.requireNonNull(slot);
        this.device = Objects.requireNonNull(device);
        this.memory = Objects.requireNonNull(memory);
        this.line = Objects.requireNonNull(line);
        this.offered = device.features() | FEATURE_VERSION_1 | FEATURE_INDIRECT_DESCRIPTORS;
        this.queues = newQueues();
    }

    /** Where it is to be attached. */
    public MmioSlot slot() {
        return slot;
    }

    /** Why the device last went to DEVICE_NEEDS_RESET since the driver's last reset, if it did. */
    public synchronized Optional<String> fault() {
        return Optional.ofNullable(fault);
    }

    /** To be called when the device's configuration space has changed: tells the driver. */
    public synchronized void configChanged() {
        configGeneration++;
        if ((status & DRIVER_OK) != 0) {
            raise(INTERRUPT_CONFIG);
        }
    }

    @Override
    public synchronized long read(long offset, int size) {
        if (offset >= CONFIG) {
            return readConfig((int) (offset - CONFIG), size);
        }
        if (size != Integer.BYTES || offset % Integer.BYTES != 0) {
            return 0;
        }
        return Integer.toUnsignedLong(readRegister((int) offset));
    }

    @Override
    public synchronized void write(long offset, int size, long value) {
        if (offset >= CONFIG) {
            writeConfig((int) (offset - CONFIG), size, value);
        } else if (size == Integer.BYTES && offset % Integer.BYTES == 0) {
            writeRegister((int) offset, (int) value);
        }
    }

    private int readRegister(int register) {
        return switch (register) {
            case MAGIC -> MAGIC_VALUE;
            case VERSION -> VERSION_VALUE;
            case DEVICE_ID -> device.deviceId();
            case VENDOR_ID -> VENDOR_VALUE;
            case DEVICE_FEATURES -> half(offered, deviceFeaturesSelect);
            case QUEUE_SIZE_MAX -> queueSelected() ? queues[queueSelect].maxSize() : 0;
            case QUEUE_READY -> queueSelected() && queues[queueSelect].ready() ? 1 : 0;
            case INTERRUPT_STATUS -> interruptStatus;
            case STATUS -> status;
            // There is no shared memory: all regions have the length, and base, of all ones.
            case SHARED_MEMORY_LENGTH_LOW, SHARED_MEMORY_LENGTH_HIGH, SHARED_MEMORY_BASE_LOW, SHARED_MEMORY_BASE_HIGH ->
                -1;
            case CONFIG_GENERATION -> configGeneration;
            default -> 0;
        };
    }

    private void writeRegister(int register, int value) {
        switch (register) {
            case DEVICE_FEATURES_SELECT -> deviceFeaturesSelect = value;
            case DRIVER_FEATURES_SELECT -> driverFeaturesSelect = value;
            case DRIVER_FEATURES -> writeDriverFeatures(value);
            case QUEUE_SELECT -> queueSelect = value;
            case QUEUE_NOTIFY -> serve(value);
            case INTERRUPT_ACKNOWLEDGE -> acknowledge(value);
            case STATUS -> writeStatus(value);
            default -> {
                if (queueSelected() && (status & FEATURES_OK) != 0 && (status & FAILED) == 0) {
                    writeQueueRegister(queues[queueSelect], register, value);
                }
            }
        }
    }

    private void writeQueueRegister(Virtqueue queue, int register, int value) {
        long low = Integer.toUnsignedLong(value);
        long high = low << 32;
        switch (register) {
            case QUEUE_SIZE -> queue.setSize(value);
            case QUEUE_DESCRIPTOR_LOW -> queue.setDescriptorArea(low, LOW);
            case QUEUE_DESCRIPTOR_HIGH -> queue.setDescriptorArea(high, HIGH);
            case QUEUE_DRIVER_LOW -> queue.setDriverArea(low, LOW);
            case QUEUE_DRIVER_HIGH -> queue.setDriverArea(high, HIGH);
            case QUEUE_DEVICE_LOW -> queue.setDeviceArea(low, LOW);
            case QUEUE_DEVICE_HIGH -> queue.setDeviceArea(high, HIGH);
            case QUEUE_READY -> {
                if ((value & 1) == 0) {
                    queue.disable();
                } else {
                    enable(queue);
                }
            }
            default -> {
                // Read-only, reserved or not implemented.
            }
        }
    }

    private boolean queueSelected() {
        return queueSelect >= 0 && queueSelect < queues.length;
    }

    private void enable(Virtqueue queue) {
        try {
            queue.enable(indirectAgreed());
        } catch (MalformedQueueException e) {
            needReset(e);
        }
    }

    private void serve(int index) {
        boolean running = (status & (DRIVER_OK | NEEDS_RESET | FAILED)) == DRIVER_OK;
        if (!running || index < 0 || index >= queues.length || !queues[index].ready()) {
            return;
        }
        Virtqueue queue = queues[index];
        try {
            queue.begin();
            device.process(index, queue, driverFeatures);
        } catch (MalformedQueueException e) {
            needReset(e);
        }
        if (queue.interruptWanted()) {
            raise(INTERRUPT_USED);
        }
    }

    private void needReset(MalformedQueueException reason) {
        fault = reason.getMessage();
        status |= NEEDS_RESET;
        if ((status & DRIVER_OK) != 0) {
            raise(INTERRUPT_CONFIG);
        }
    }

    private void writeStatus(int value) {
        if (value == 0) {
            reset();
            return;
        }
        int wanted = status | (value & DRIVER_STATUS_BITS);
        if ((wanted & DRIVER) == 0 || !featuresAcceptable()) {
            wanted &= ~FEATURES_OK | (status & FEATURES_OK);
        }
        if ((wanted & FEATURES_OK) == 0) {
            wanted &= ~DRIVER_OK;
        }
        status = wanted;
    }

    private boolean featuresAcceptable() {
        return (driverFeatures & ~offered) == 0 && (driverFeatures & FEATURE_VERSION_1) != 0;
    }

    private boolean indirectAgreed() {
        return (driverFeatures & FEATURE_INDIRECT_DESCRIPTORS) != 0;
    }

    private void writeDriverFeatures(int value) {
        if ((status & FEATURES_OK) != 0) {
            return; // settled
        }
        long bits = Integer.toUnsignedLong(value);
        if (driverFeaturesSelect == 0) {
            driverFeatures = (driverFeatures & HIGH) | bits;
        } else if (driverFeaturesSelect == 1) {
            driverFeatures = (driverFeatures & LOW) | bits << 32;
        }
    }

    private void reset() {
        for (Virtqueue queue : queues) {
            queue.disable();
        }
        queues = newQueues();
        driverFeatures = 0;
        deviceFeaturesSelect = 0;
        driverFeaturesSelect = 0;
        queueSelect = 0;
        status = 0;
        interruptStatus = 0;
        fault = null;
        updateLine();
        device.reset();
    }

    private Virtqueue[] newQueues() {
        Virtqueue[] fresh = new Virtqueue[device.queueCount()];
        for (int i = 0; i < fresh.length; i++) {
            fresh[i] = new Virtqueue(memory, device.maxQueueSize(i));
        }
        return fresh;
    }

    private long readConfig(int offset, int size) {
        long value = 0;
        for (int i = 0; i < size && offset + i < device.configLength(); i++) {
            value |= (device.readConfig(offset + i) & 0xffL) << (8 * i);
        }
        return value;
    }

    private void writeConfig(int offset, int size, long value) {
        for (int i = 0; i < size && offset + i < device.configLength(); i++) {
            device.writeConfig(offset + i, (int) (value >>> (8 * i)) & 0xff);
        }
    }

    private void raise(int cause) {
        interruptStatus |= cause;
        updateLine();
    }

    private void acknowledge(int causes) {
        interruptStatus &= ~causes;
        if (interruptStatus != 0) {
            // Raised since the driver looked: an edge-triggered controller needs another edge.
            level = false;
            line.set(false);
        }
        updateLine();
    }

    private void updateLine() {
        boolean now = interruptStatus != 0;
        if (now != level) {
            level = now;
            line.set(now);
        }
    }

    private static int half(long bits, int select) {
        return select == 0 ? (int) bits : select == 1 ? (int) (bits >>> 32) : 0;
    }

    @Override
    public String stateName() {
        return "virtio-mmio-" + slot.index();
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public synchronized byte[] saveState() {
        byte[] own = device.saveState();
        ByteBuffer out = ByteBuffer.allocate(
                        FIXED_STATE_SIZE + queues.length * Virtqueue.STATE_SIZE + 2 + 4 + own.length)
                .order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(device.deviceId()).putLong(driverFeatures);
        out.putInt(deviceFeaturesSelect).putInt(driverFeaturesSelect).putInt(queueSelect);
        out.putInt(status).putInt(interruptStatus).putInt(configGeneration);
        out.putShort((short) queues.length);
        for (Virtqueue queue : queues) {
            queue.save(out);
        }
        return out.putShort((short) device.stateVersion())
                .putInt(own.length)
                .put(own)
                .array();
    }

    @Override
    public synchronized void restoreState(int version, byte[] state) {
        StateReader in = new StateReader(stateName(), version, stateVersion(), state);
        int id = in.i32("device id");
        if (id != device.deviceId()) {
            throw in.fail("is of device type " + id + ", here is type " + device.deviceId());
        }
        long newFeatures = in.i64("driver features");
        int newDeviceSelect = in.i32("device feature selector");
        int newDriverSelect = in.i32("driver feature selector");
        int newQueueSelect = in.i32("queue selector");
        int newStatus = in.i32("status");
        int newInterrupt = (int) in.checked("interrupt status", in.i32("interrupt status"), 0, 3);
        int newGeneration = in.i32("configuration generation");
        if ((newStatus & ~(DRIVER_STATUS_BITS | NEEDS_RESET)) != 0) {
            throw in.fail("status is " + newStatus);
        }
        if ((newStatus & FEATURES_OK) != 0 && (newFeatures & ~offered) != 0) {
            throw in.fail("the guest uses feature bits 0x" + Long.toHexString(newFeatures & ~offered)
                    + " that are not offered here");
        }
        in.checked("number of queues", in.u16("number of queues"), queues.length, queues.length);
        Virtqueue[] newQueues = newQueues();
        for (Virtqueue queue : newQueues) {
            queue.restore(in, (newFeatures & FEATURE_INDIRECT_DESCRIPTORS) != 0);
        }
        int ownVersion = in.u16("device state version");
        byte[] own = in.bytes("device state", in.i32("device state length"));
        in.end();
        device.restoreState(ownVersion, own); // throws before it changes anything, as this does
        queues = newQueues;
        driverFeatures = newFeatures;
        deviceFeaturesSelect = newDeviceSelect;
        driverFeaturesSelect = newDriverSelect;
        queueSelect = newQueueSelect;
        status = newStatus;
        interruptStatus = newInterrupt;
        configGeneration = newGeneration;
        fault = (newStatus & NEEDS_RESET) != 0 ? "needed a reset when its state was saved" : null;
        level = interruptStatus != 0;
        line.set(level);
    }
}
