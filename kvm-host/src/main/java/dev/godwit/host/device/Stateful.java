package dev.godwit.host.device;

/**
 * A part of a machine whose state moves with it, in a migration or a snapshot.
 *
 * <p>Both calls are made while no vCPU runs. Interrupt controllers are restored before devices, since a device drives its
 * interrupt line again when it is restored.
 */
public interface Stateful {
    /** Name of the section, unique in the machine and the same on both sides, for example {@code serial}. */
    String stateName();

    /** Version of the layout that {@link #saveState} writes, 1 or higher. */
    int stateVersion();

    /** The state, in the little-endian layout that the implementing class documents. */
    byte[] saveState();

    /**
     * Takes over a saved state. The bytes are checked before anything is changed.
     *
     * @param version the layout's version
     * @throws DeviceStateException if the version is unknown, the bytes are malformed or the state does not fit this device
     */
    void restoreState(int version, byte[] state);
}
