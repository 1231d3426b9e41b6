package dev.godwit.agent.migration;

import dev.godwit.host.machine.MachineConfig;

/**
 * What the target must know of a guest before it accepts it.
 *
 * @param name its name, unique on an agent
 * @param image where its image came from, for people; the target does not need the file
 * @param config what its machine is made of
 */
public record GuestDescription(String name, String image, MachineConfig config) {}
