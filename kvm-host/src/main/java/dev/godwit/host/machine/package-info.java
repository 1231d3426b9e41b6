/** The assembler: from a configuration to a running machine. Nothing else in kvm-host puts the parts together. */
package dev.godwit.host.machine;
