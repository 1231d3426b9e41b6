/** vCPU threads: the run loop, its explicit states, and the kick that gets any guest out of guest mode. */
package dev.godwit.host.vcpu;
