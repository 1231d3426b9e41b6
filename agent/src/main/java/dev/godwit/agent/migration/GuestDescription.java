package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.RemoteConfig;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.tracking.AccessTracking;
import java.util.Optional;

/**
 * What the target must know of a guest before it accepts it.
 *
 * @param name its name, unique on an agent
 * @param image where its image came from, for people; the target does not need the file
 * @param config what its machine is made of
 * @param remote where the part of its memory is that is at a memory host, if it has one
 * @param tracking how its accesses are to be tracked, if they are
 */
public record GuestDescription(
        String name,
        String image,
        MachineConfig config,
        Optional<RemoteConfig> remote,
        Optional<AccessTracking> tracking) {
    /** A guest that is not tracked. */
    public GuestDescription(String name, String image, MachineConfig config, Optional<RemoteConfig> remote) {
        this(name, image, config, remote, Optional.empty());
    }

    /** A guest that is not tracked, with all of its memory on its own host. */
    public GuestDescription(String name, String image, MachineConfig config) {
        this(name, image, config, Optional.empty());
    }

    /** The same guest, tracked so, or not. */
    public GuestDescription tracked(Optional<AccessTracking> how) {
        return new GuestDescription(name, image, config, remote, how);
    }
}
