package dev.godwit.host.tracking;

import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SignalCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.MemorySlots;
import dev.godwit.host.memory.PageSize;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Sees accesses as the faults that KVM serves: KVM is made to forget its mapping of a chunk, and the kernel tells by a
 * tracepoint which pages it maps anew. The guest's memory itself is not changed, nobody can be kept waiting, and no
 * large page is split.
 *
 * <p>For a look at small pages KVM's dirty logging is on: then KVM maps 4 KiB at a time, whatever is behind it. It
 * forgets a mapping when the host's changes: {@code mprotect} to also-executable and back changes it and takes nothing
 * away from anybody at any moment.
 *
 * <p>Threading: one thread.
 *
 * <p>Source: {@code Documentation/virt/kvm/mmu.rst}; {@code mmu_notifier(9)} in {@code include/linux/mmu_notifier.h}.
 */
final class FaultSampler implements AccessSampler, FaultRing.Sink {
    private static final int READ_WRITE = MemoryCalls.PROT_READ | MemoryCalls.PROT_WRITE;
    /** What a fault leaves behind, cold translations above all, has cost a guest at least as much as the fault did. */
    private static final int WITH_AFTERMATH = 2;

    private static final long POLL_NANOS = 500_000;

    private final GuestMemory memory;
    private final MemorySlots slots;
    private final List<FaultRing> rings = new ArrayList<>();
    private final FaultCost cost = new FaultCost(20_000, 500, 40_000);
    private Look look;

    /**
     * Prepares to look; costs the guest nothing yet.
     *
     * @param threads the threads of all vCPUs
     * @throws SystemCallException when this host does not allow it
     */
    FaultSampler(GuestMemory memory, MemorySlots slots, List<Integer> threads) {
        this.memory = memory;
        this.slots = slots;
        FaultRing.Event event = FaultRing.Event.find();
        try {
            forget(0);
            for (int thread : threads) {
                rings.add(FaultRing.open(event, thread));
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Throws what keeps this host from it. */
    static void probe() {
        FaultRing.open(FaultRing.Event.find(), SignalCalls.gettid()).close();
    }

    @Override
    public String name() {
        return "KVM faults";
    }

    @Override
    public boolean splitsLargePages() {
        return false;
    }

    @Override
    public long faultNanos() {
        return cost.nanos();
    }

    @Override
    public int chargePerFault() {
        return WITH_AFTERMATH;
    }

    @Override
    public long sample(Look at, int mostFaults, long mostNanos) {
        look = at;
        long begin = System.nanoTime();
        int faults = 0;
        enable(true);
        try {
            if (at.small()) {
                slots.setDirtyLogging(this, true);
            }
            try {
                for (int slot = 0; slot < at.count(); slot++) {
                    // Before: what is mapped anew from here on was accessed after this.
                    at.armed(slot, System.nanoTime());
                    forget(at.chunk(slot));
                }
                do {
                    LockSupport.parkNanos(Math.min(POLL_NANOS, mostNanos));
                    faults += drain();
                } while (faults < mostFaults
                        && System.nanoTime() - begin < mostNanos
                        && !Thread.currentThread().isInterrupted());
            } finally {
                at.end(System.nanoTime());
                if (at.small()) {
                    slots.setDirtyLogging(this, false);
                }
            }
        } finally {
            enable(false);
            faults += drain();
        }
        cost.update();
        at.heldUp(faults * cost.nanos() / rings.size());
        // Chunks of small pages are mapped as large ones again afterwards, with one more fault each.
        return (faults + (at.small() ? at.count() : 0)) * cost.nanos() * WITH_AFTERMATH;
    }

    private int drain() {
        int faults = 0;
        for (FaultRing ring : rings) {
            cost.begin();
            faults += ring.drain(this);
        }
        return faults;
    }

    @Override
    public void fault(long frame, long nanos) {
        long low = memory.lowPages();
        long page = frame < low ? frame : frame - (GuestMemory.HOLE_END >>> PageSize.SMALL_SHIFT) + low;
        if (page >= 0 && page < memory.pages()) {
            look.seen(page, nanos);
        }
        cost.fault(nanos);
    }

    /** Makes KVM forget how it maps a chunk. */
    private void forget(int chunk) {
        long offset = (long) chunk * PageSize.LARGE;
        long hva = memory.hva() + offset;
        long bytes = Math.min(PageSize.LARGE, memory.size() - offset);
        SystemCallException.check(
                MemoryCalls.mprotect(hva, bytes, READ_WRITE | MemoryCalls.PROT_EXEC), "mprotect of guest RAM");
        SystemCallException.check(MemoryCalls.mprotect(hva, bytes, READ_WRITE), "mprotect of guest RAM");
    }

    private void enable(boolean on) {
        for (FaultRing ring : rings) {
            ring.enable(on);
        }
    }

    @Override
    public void close() {
        rings.forEach(FaultRing::close);
        rings.clear();
    }
}
