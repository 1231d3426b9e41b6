/** Agents in containers of their own, {@code /dev/kvm} in each, that migrate over a container network. */
package dev.godwit.agent.container;
