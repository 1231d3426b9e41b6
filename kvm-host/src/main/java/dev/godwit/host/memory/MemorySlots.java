package dev.godwit.host.memory;

import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.host.kvm.Vm;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * How a guest's RAM is registered with KVM: slot 0 holds the pages below the device hole, slot 1, if there are any, the
 * pages above it. Pages keep their dense numbers: a slot is a run of them, and the second slot starts at a multiple of
 * 64, so that each slot's dirty bitmap is a run of whole words of a {@link PageSet}.
 *
 * <p>Threading: {@link #install} first; {@link #setDirtyLogging} from any thread, while vCPUs may run; the rest is
 * immutable.
 *
 * <p>Source: {@code KVM_SET_USER_MEMORY_REGION} in {@code Documentation/virt/kvm/api.rst}.
 */
public final class MemorySlots {
    /**
     * One memory slot.
     *
     * @param number KVM's number of it
     * @param firstPage dense number of its first page
     * @param pages how many 4 KiB pages it holds, at least 1
     */
    public record Slot(int number, long firstPage, long pages) {}

    private final Vm vm;
    private final GuestMemory memory;
    private final List<Slot> slots;
    private final Set<Object> loggers = Collections.newSetFromMap(new IdentityHashMap<>());

    /** The slots for this memory; nothing is registered before {@link #install}. */
    public MemorySlots(Vm vm, GuestMemory memory) {
        this.vm = vm;
        this.memory = memory;
        long low = memory.lowPages();
        long high = memory.pages() - low;
        this.slots = high == 0 ? List.of(new Slot(0, 0, low)) : List.of(new Slot(0, 0, low), new Slot(1, low, high));
    }

    /** The slots; the index is the slot's number. */
    public List<Slot> slots() {
        return slots;
    }

    /** Gives the guest its RAM. */
    public void install() {
        register(0);
    }

    /**
     * Turns KVM's record of written pages on or off for all RAM, on behalf of a user: it is on as long as any user wants
     * it. Costs time in proportion to RAM, during which vCPUs that take a fault wait.
     */
    public synchronized void setDirtyLogging(Object user, boolean on) {
        boolean was = !loggers.isEmpty();
        if (on) {
            loggers.add(user);
        } else {
            loggers.remove(user);
        }
        if (was == loggers.isEmpty()) {
            try {
                register(on ? (int) kvm_h.KVM_MEM_LOG_DIRTY_PAGES() : 0);
            } catch (RuntimeException e) {
                // Else who comes next would take it for on.
                loggers.remove(user);
                throw e;
            }
        }
    }

    private void register(int flags) {
        for (Slot slot : slots) {
            vm.setMemoryRegion(
                    slot.number(),
                    flags,
                    memory.addressOf(slot.firstPage()).value(),
                    slot.pages() << PageSize.SMALL_SHIFT,
                    memory.hva() + (slot.firstPage() << PageSize.SMALL_SHIFT));
        }
    }
}
