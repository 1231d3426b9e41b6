/** KVM's request numbers and exit reasons; the structures are in {@code gen}. */
package dev.godwit.bindings.kvm;
