package dev.godwit.host.tracking;

import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SignalCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.MemorySlots;
import dev.godwit.host.memory.PageSize;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Sees accesses as the faults that KVM serves: KVM is made to forget its mapping of a chunk, and the kernel tells by a
 * tracepoint which pages it maps anew. The guest's memory itself is not changed, nobody can be kept waiting, and no
 * large page is split.
 *
 * <p>For a look at small pages KVM's dirty logging is on: then KVM maps 4 KiB at a time, whatever is behind it. It
 * forgets a mapping when the host's changes: {@code mprotect} to also-executable and back changes it and takes nothing
 * away from anybody at any moment. Each change interrupts all vCPUs, so chunks that lie side by side share one.
 *
 * <p>Charged are the faults of a look, and those afterwards in chunks that had some or were looked at (small mappings
 * become large ones again, and what was forgotten is mapped anew when it is next used), as {@link FaultCost} says; and
 * the time that changing mappings took, in which vCPUs may have stood still.
 *
 * <p>Threading: one thread.
 *
 * <p>Source: {@code Documentation/virt/kvm/mmu.rst}; {@code mmu_notifier(9)} in {@code include/linux/mmu_notifier.h}.
 */
final class FaultSampler implements AccessSampler, FaultRing.Sink {
    private static final int READ_WRITE = MemoryCalls.PROT_READ | MemoryCalls.PROT_WRITE;
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final long POLL_NANOS = 500_000;

    private final GuestMemory memory;
    private final MemorySlots slots;
    private final List<FaultRing> rings = new ArrayList<>();
    private final FaultCost cost = new FaultCost(20_000, 500, 40_000);
    private final long[] lastFaults;
    private final boolean[] touched;
    private Look look;
    private boolean looking;
    private boolean enabled;

    /**
     * Prepares to look; costs the guest nothing yet.
     *
     * @param threads the threads of all vCPUs
     * @throws SystemCallException when this host does not allow it
     */
    FaultSampler(GuestMemory memory, MemorySlots slots, List<Integer> threads) {
        this.memory = memory;
        this.slots = slots;
        this.lastFaults = new long[threads.size()];
        this.touched = new boolean[Math.toIntExact((memory.pages() + PER_CHUNK - 1) / PER_CHUNK)];
        FaultRing.Event event = FaultRing.Event.find();
        try {
            forget(0, 1);
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
    public long sample(Look at, int mostFaults, long mostNanos) {
        // Not those that the look before, or the guest by itself, has caused.
        aftermath();
        look = at;
        Arrays.fill(touched, false);
        enable(true);
        long begin = System.nanoTime();
        int faults = 0;
        long changing = 0;
        looking = true;
        try {
            if (at.small()) {
                slots.setDirtyLogging(this, true);
            }
            try {
                changing = forgetAll();
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
            faults += drain();
            looking = false;
        }
        cost.update();
        at.heldUp(faults * cost.nanos() / rings.size());
        return cost.takeCharged() + changing * rings.size();
    }

    @Override
    public long aftermath() {
        if (!enabled) {
            return 0;
        }
        drain();
        return cost.takeCharged();
    }

    @Override
    public void rest() {
        enable(false);
    }

    private int drain() {
        int faults = 0;
        for (int i = 0; i < rings.size(); i++) {
            cost.from(lastFaults[i]);
            faults += rings.get(i).drain(this);
            lastFaults[i] = cost.last();
        }
        return faults;
    }

    @Override
    public void fault(long frame, long nanos) {
        long page = memory.pageAt(frame << PageSize.SMALL_SHIFT);
        boolean ofGuest = page >= 0;
        int chunk = ofGuest ? (int) (page / PER_CHUNK) : 0;
        if (looking) {
            if (ofGuest) {
                look.seen(page, nanos);
                touched[chunk] = true;
            }
            cost.fault(nanos);
        } else if (ofGuest && touched[chunk]) {
            cost.fault(nanos);
        }
    }

    /** Makes KVM forget how it maps the chunks of the look; how long that took. */
    private long forgetAll() {
        long took = 0;
        int[] order = new int[look.count()];
        for (int slot = 0; slot < order.length; slot++) {
            order[slot] = look.chunk(slot);
            touched[order[slot]] = true;
        }
        Arrays.sort(order);
        for (int first = 0, end; first < order.length; first = end) {
            // Before: what is mapped anew from here on was accessed after this.
            long before = System.nanoTime();
            for (end = first; end < order.length && order[end] - order[first] == end - first; end++) {
                look.armed(look.slotOf(order[end]), before);
            }
            forget(order[first], end - first);
            took += System.nanoTime() - before;
        }
        return took;
    }

    /** Makes KVM forget how it maps some chunks that lie side by side. */
    private void forget(int chunk, int count) {
        long offset = (long) chunk * PageSize.LARGE;
        long hva = memory.hva() + offset;
        long bytes = Math.min(count * (long) PageSize.LARGE, memory.size() - offset);
        SystemCallException.check(
                MemoryCalls.mprotect(hva, bytes, READ_WRITE | MemoryCalls.PROT_EXEC), "mprotect of guest RAM");
        SystemCallException.check(MemoryCalls.mprotect(hva, bytes, READ_WRITE), "mprotect of guest RAM");
    }

    private void enable(boolean on) {
        if (enabled != on) {
            for (FaultRing ring : rings) {
                ring.enable(on);
            }
            enabled = on;
        }
    }

    @Override
    public void close() {
        rings.forEach(FaultRing::close);
        rings.clear();
    }
}
