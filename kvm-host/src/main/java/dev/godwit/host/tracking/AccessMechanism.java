package dev.godwit.host.tracking;

import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.MemorySlots;
import dev.godwit.host.memory.Userfault;
import java.util.List;
import java.util.Optional;

/** The ways of seeing accesses, the cheapest first. */
public enum AccessMechanism {
    /** The faults that KVM serves, by its tracepoint: any backing, nothing moved; needs the right to trace. */
    KVM_FAULTS,
    /** Memory moved aside, which comes back by userfaultfd on access: anonymous memory, Linux 6.8. */
    PAGE_MOVES;

    /** The spelling of reports. */
    public String text() {
        return this == KVM_FAULTS ? "kvm-faults" : "page-moves";
    }

    /** Why this host does not offer it; empty when it does. */
    public Optional<String> problem() {
        try {
            if (this == KVM_FAULTS) {
                FaultSampler.probe();
            } else {
                try (Userfault userfault = Userfault.open()) {
                    if (!userfault.canMove()) {
                        return Optional.of("UFFDIO_MOVE is missing (Linux 6.8)");
                    }
                }
            }
            return Optional.empty();
        } catch (SystemCallException e) {
            return Optional.of(e.getMessage());
        }
    }

    /**
     * A sampler of the first way that the host offers for this guest.
     *
     * @param threads the threads of all vCPUs
     * @param movable whether its memory may be moved aside: nobody reads it in Java, which must not wait for a page, and
     *     no other userfaultfd brings its pages
     * @throws SystemCallException when it offers none: what the last way said
     */
    public static AccessSampler open(GuestMemory memory, MemorySlots slots, List<Integer> threads, boolean movable) {
        try {
            return new FaultSampler(memory, slots, threads);
        } catch (SystemCallException e) {
            if (!movable || memory.isReserved()) {
                // Reserved pages cannot be moved.
                throw e;
            }
            return new MoveSampler(memory, threads.size());
        }
    }
}
