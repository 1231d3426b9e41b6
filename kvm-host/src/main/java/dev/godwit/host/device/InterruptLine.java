package dev.godwit.host.device;

/** The wire from a device to the interrupt controller. Called under the device's lock: it must not call back. */
@FunctionalInterface
public interface InterruptLine {
    /** A wire to nowhere, for polled devices. */
    InterruptLine NONE = level -> {};

    /** Drives the line. Devices call it when the level changes, and once after their state was restored. */
    void set(boolean level);
}
