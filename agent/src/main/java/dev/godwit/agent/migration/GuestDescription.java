package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.RemoteConfig;
import dev.godwit.host.machine.MachineConfig;
import java.util.Optional;

/**
 * What the target must know of a guest before it accepts it.
 *
 * @param name its name, unique on an agent
 * @param image where its image came from, for people; the target does not need the file
 * @param config what its machine is made of
 * @param remote where the part of its memory is that is at a memory host, if it has one
 */
public record GuestDescription(String name, String image, MachineConfig config, Optional<RemoteConfig> remote) {
    /** A guest with all of its memory on its own host. */
    public GuestDescription(String name, String image, MachineConfig config) {
        this(name, image, config, Optional.empty());
    }
}
