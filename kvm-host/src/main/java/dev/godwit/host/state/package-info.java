/**
 * A machine's state outside its RAM, as versioned bytes: the container, the vCPUs' part and the VM's part. The layouts
 * are in {@code docs/state-format.md}.
 */
package dev.godwit.host.state;
