package dev.godwit.host.state;

import static dev.godwit.bindings.linux.SystemCallException.check;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_irqchip;
import dev.godwit.bindings.kvm.gen.kvm_pit_state2;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.host.kvm.Vm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Saves and restores the chips that KVM emulates for a VM outside its vCPUs: the two PICs, the I/O APIC and the PIT. A VM
 * without them has an empty section.
 *
 * <p>Restored after the vCPUs and before the devices: an interrupt that waits in the I/O APIC is delivered while it is
 * restored, which needs the local APICs to be as they were; and a device drives its line again.
 *
 * <p>Threading: one thread at a time, while no vCPU runs.
 *
 * <p>Source: {@code KVM_GET_IRQCHIP} and {@code KVM_GET_PIT2} in {@code Documentation/virt/kvm/api.rst}; layouts in
 * {@code docs/state-format.md}.
 */
public final class ChipState {
    /** Version of the section. */
    public static final int VERSION = 1;

    /** Kinds 1 to 3 are the chips 0 to 2: first PIC, second PIC, I/O APIC. */
    private static final int FIRST_CHIP = 1;

    private static final int CHIPS = 3;
    private static final int PIT = 4;
    private static final int LAST = PIT;

    private final Vm vm;
    private final RecordWriter writer;

    public ChipState(Vm vm) {
        this.vm = vm;
        // Freed when this object is unreachable; calls keep it reachable.
        this.writer = new RecordWriter(Arena.ofAuto(), 4096);
    }

    /**
     * Saves the chips that the VM has.
     *
     * @throws dev.godwit.bindings.linux.SystemCallException when the host refuses one
     */
    public Saved save() {
        writer.clear();
        for (int chip = 0; chip < CHIPS; chip++) {
            MemorySegment room = writer.room(kvm_irqchip.sizeof());
            kvm_irqchip.chip_id(room, chip);
            recordIfThere(FIRST_CHIP + chip, KvmIoctl.KVM_GET_IRQCHIP, "KVM_GET_IRQCHIP", room);
        }
        recordIfThere(PIT, KvmIoctl.KVM_GET_PIT2, "KVM_GET_PIT2", writer.room(kvm_pit_state2.sizeof()));
        return new Saved(writer.toArray(), List.of());
    }

    /**
     * Restores the chips of a VM that was made with the same ones and has not run yet.
     *
     * @throws StateFormatException when the section is malformed or does not fit this VM
     * @throws dev.godwit.bindings.linux.SystemCallException when the host refuses a part
     */
    public void restore(byte[] section) {
        try (Arena arena = Arena.ofConfined()) {
            RecordTable records = new RecordTable(arena, "chips", section, LAST);
            for (int chip = 0; chip < CHIPS; chip++) {
                MemorySegment state = records.optional(FIRST_CHIP + chip, kvm_irqchip.sizeof());
                if (state != null && kvm_irqchip.chip_id(state) != chip) {
                    throw records.fail("has interrupt controller "
                            + Integer.toUnsignedString(kvm_irqchip.chip_id(state)) + " in the place of " + chip);
                }
                MemorySegment own = kvm_irqchip.allocate(arena);
                kvm_irqchip.chip_id(own, chip);
                restore(records, state, own, KvmIoctl.KVM_GET_IRQCHIP, KvmIoctl.KVM_SET_IRQCHIP, "KVM_SET_IRQCHIP");
            }
            MemorySegment pit = records.optional(PIT, kvm_pit_state2.sizeof());
            restore(
                    records,
                    pit,
                    kvm_pit_state2.allocate(arena),
                    KvmIoctl.KVM_GET_PIT2,
                    KvmIoctl.KVM_SET_PIT2,
                    "KVM_SET_PIT2");
        }
    }

    private void recordIfThere(int id, long request, String name, MemorySegment room) {
        long result = vm.state(request, room);
        if (result != -Errno.ENXIO) {
            check(result, name);
            writer.commit(id, room.byteSize());
        }
    }

    private void restore(RecordTable records, MemorySegment state, MemorySegment own, long get, long set, String name) {
        boolean here = vm.state(get, own) != -Errno.ENXIO;
        if (here != (state != null)) {
            throw records.fail(
                    here
                            ? "lacks a chip that this VM has (" + name + ")"
                            : "has a chip that this VM lacks (" + name + ")");
        }
        if (here) {
            check(vm.state(set, state), name);
        }
    }
}
