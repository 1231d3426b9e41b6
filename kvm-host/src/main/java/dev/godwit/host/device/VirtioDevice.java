package dev.godwit.host.device;

/**
 * What is behind a virtio transport. The transport calls it under its own lock, on vCPU threads; requests are finished
 * when {@link #process} returns.
 *
 * <p>The state of {@link Stateful} is the device's own, without queues and features, which the transport saves.
 */
public interface VirtioDevice extends Stateful {
    /** Device type, virtio 1.2 section 5, for example 2 for a block device. */
    int deviceId();

    /** Feature bits of the device type on offer; the transport adds its own. Constant. */
    long features();

    /** Number of queues, at least 1. Constant. */
    int queueCount();

    /** Largest size of a queue: a power of two, at most 32768. Constant. */
    int maxQueueSize(int queue);

    /** Bytes of the configuration space. Constant. */
    int configLength();

    /**
     * Reads a byte of the configuration space.
     *
     * @param offset 0 to {@link #configLength} - 1
     */
    int readConfig(int offset);

    /** Writes a byte of the configuration space; ignored where it is read-only. */
    default void writeConfig(int offset, int value) {}

    /**
     * Serves the requests that the queue has for it: takes chains with {@link Virtqueue#next} and gives each back with
     * {@link Virtqueue#complete}.
     *
     * @param features what device and driver have agreed on
     * @throws MalformedQueueException if the driver broke the rules so that a request cannot be answered
     */
    void process(int index, Virtqueue queue, long features) throws MalformedQueueException;

    /** The driver has reset the device. */
    default void reset() {}
}
