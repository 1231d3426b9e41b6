package dev.godwit.host.tracking;

import dev.godwit.bindings.kvm.gen.kvm_dirty_gfn;
import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.host.memory.MemorySlots.Slot;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.List;

/**
 * One vCPU's ring of written pages, shared with the kernel.
 *
 * <p>The kernel fills an entry and then marks it dirty; the reader copies it and then marks it for reset. Neither looks
 * at the other's index: the mark, read with acquire and written with release, is all they share.
 *
 * <p>Threading: one reader at a time.
 *
 * <p>Source: {@code KVM_CAP_DIRTY_LOG_RING} in {@code Documentation/virt/kvm/api.rst}.
 */
final class DirtyRing {
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
    private static final long ENTRY = kvm_dirty_gfn.sizeof();
    private static final long FLAGS = kvm_dirty_gfn.flags$offset();
    private static final long SLOT = kvm_dirty_gfn.slot$offset();
    private static final long OFFSET = kvm_dirty_gfn.offset$offset();
    private static final int DIRTY = (int) kvm_h.KVM_DIRTY_GFN_F_DIRTY();
    private static final int RESET = (int) kvm_h.KVM_DIRTY_GFN_F_RESET();

    private final MemorySegment ring;
    private final long mask;
    private final List<Slot> slots;
    private long next;

    /**
     * A ring nothing has been read from.
     *
     * @param ring its mapping, a power of two of entries
     * @param slots the memory slots; the index is the number
     */
    DirtyRing(MemorySegment ring, List<Slot> slots) {
        this.ring = ring;
        this.mask = ring.byteSize() / ENTRY - 1;
        this.slots = slots;
    }

    /** Moves what the ring holds into {@code into} and marks it for reset; returns how many entries there were. */
    long harvest(PageSet into) {
        long count = 0;
        while (true) {
            long at = (next & mask) * ENTRY;
            if (((int) INT.getAcquire(ring, at + FLAGS) & DIRTY) == 0) {
                return count;
            }
            // The upper half names the address space; the one of system management mode shows the same RAM.
            int slot = ring.get(ValueLayout.JAVA_INT, at + SLOT) & 0xffff;
            long offset = ring.get(ValueLayout.JAVA_LONG, at + OFFSET);
            into.add(slots.get(slot).firstPage() + offset);
            INT.setRelease(ring, at + FLAGS, RESET);
            next++;
            count++;
        }
    }
}
