package dev.godwit.host.device;

/** What a device calls when the guest asked for its own end. Called on a vCPU thread; must only record and kick. */
@FunctionalInterface
public interface GuestStop {
    /** Why the guest stops. */
    enum Reason {
        /** It wrote to the exit device. */
        EXIT,
        /** It pulled its reset line. */
        RESET
    }

    /**
     * Asks the machine to stop. Several vCPUs may call it; the first call counts.
     *
     * @param value what was written to the exit device, 0 for a reset
     */
    void stop(Reason reason, int value);
}
