package dev.godwit.host.tracking;

import dev.godwit.bindings.kvm.gen.kvm_dirty_gfn;
import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.kvm.Vm;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.MemorySlots;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/**
 * Tracks writes by KVM's dirty rings, one for each vCPU.
 *
 * <p>A vCPU whose ring is full leaves the guest with {@code VcpuExit.DirtyRingFull} and calls {@link #onRingFull}: what
 * the rings hold is put aside until the next {@link #collect}. While tracking is stopped KVM puts nothing into the
 * rings, so they can be enabled for good.
 *
 * <p>Threading: one thread controls and collects; {@link #onRingFull} is for vCPU threads.
 *
 * <p>Source: {@code KVM_CAP_DIRTY_LOG_RING} in {@code Documentation/virt/kvm/api.rst}.
 */
public final class DirtyRingTracker implements DirtyTracker {
    /** Bytes of a ring unless told otherwise: 65536 entries, or all that the host allows. */
    public static final long DEFAULT_BYTES = 1 << 20;

    private final Vm vm;
    private final MemorySlots memorySlots;
    private final GuestMemory memory;
    private final List<DirtyRing> rings = new ArrayList<>();
    private final long entries;

    /** Guards the rings, their reset and {@link #aside}. */
    private final Object lock = new Object();

    private final PageSet aside;

    /**
     * Enables rings on a VM that has no vCPU yet.
     *
     * @param bytes the size of each ring, a power of two; cut to what the host allows
     * @return the size of each ring, or 0 when the host has no dirty rings
     */
    public static long enable(Vm vm, long bytes) {
        int capability = kvm_h.KVM_CAP_DIRTY_LOG_RING_ACQ_REL();
        long most = vm.extension(capability);
        if (most == 0) {
            capability = kvm_h.KVM_CAP_DIRTY_LOG_RING();
            most = vm.extension(capability);
        }
        if (most == 0) {
            return 0;
        }
        long size = Math.min(bytes, most);
        vm.enable(capability, size);
        return size;
    }

    /**
     * Maps the rings of all vCPUs.
     *
     * @param vcpus every vCPU of the VM
     * @param ringBytes what {@link #enable} returned
     */
    public DirtyRingTracker(Vm vm, MemorySlots slots, GuestMemory memory, List<Vcpu> vcpus, long ringBytes) {
        this.vm = vm;
        this.memorySlots = slots;
        this.memory = memory;
        this.entries = ringBytes / kvm_dirty_gfn.sizeof();
        this.aside = new PageSet(Arena.ofAuto(), memory.pages());
        for (Vcpu vcpu : vcpus) {
            rings.add(new DirtyRing(vcpu.mapDirtyRing(ringBytes), slots.slots()));
        }
    }

    @Override
    public void start() {
        memorySlots.setDirtyLogging(this, true);
        discard();
    }

    @Override
    public long collect(PageSet into) {
        synchronized (lock) {
            harvest();
            memory.drainWritten(aside);
            long pages = 0;
            for (long i = 0, n = aside.wordCount(); i < n; i++) {
                long word = aside.word(i);
                if (word != 0) {
                    pages += Long.bitCount(word);
                    into.orWord(i, word);
                    aside.setWord(i, 0);
                }
            }
            return pages;
        }
    }

    @Override
    public void stop() {
        memorySlots.setDirtyLogging(this, false);
        // Else what is left would count against the rings at the next start.
        discard();
    }

    /** Makes room in the rings: for a vCPU thread whose vCPU says that its ring is full. Allocates nothing. */
    public void onRingFull() {
        synchronized (lock) {
            harvest();
        }
    }

    @Override
    public String name() {
        return "dirty ring of " + entries + " entries";
    }

    private void discard() {
        synchronized (lock) {
            harvest();
            memory.drainWritten(aside);
            aside.clear();
        }
    }

    /** Moves the rings' entries aside and arms their pages; the caller holds the lock. */
    private void harvest() {
        long found = 0;
        for (int i = 0; i < rings.size(); i++) {
            found += rings.get(i).harvest(aside);
        }
        if (found != 0) {
            vm.resetDirtyRings();
        }
    }
}
