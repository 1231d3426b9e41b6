package dev.godwit.host.state;

import static dev.godwit.bindings.linux.SystemCallException.check;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_clock_data;
import dev.godwit.host.kvm.Vm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Saves and restores a VM's paravirtual clock.
 *
 * <p>Restored before the vCPUs: setting a vCPU's registers may fill the guest's wall-clock page from it.
 *
 * <p>The time that passed is added here and not by the kernel, so that this clock and the vCPUs' time-stamp counters go on
 * by the same measure.
 *
 * <p>Threading: one thread at a time, while no vCPU runs.
 *
 * <p>Source: {@code KVM_GET_CLOCK} in {@code Documentation/virt/kvm/api.rst}; layout in {@code docs/state-format.md}.
 */
public final class ClockState {
    /** Version of the section. */
    public static final int VERSION = 1;

    private static final int CLOCK = 1;
    private static final long KHZ_OF_NANOSECONDS = 1_000_000;

    private final Vm vm;
    private final RecordWriter writer;
    private final MemorySegment clock;

    public ClockState(Vm vm) {
        // Freed when this object is unreachable; calls keep it reachable.
        Arena arena = Arena.ofAuto();
        this.vm = vm;
        this.writer = new RecordWriter(arena, 256);
        this.clock = kvm_clock_data.allocate(arena);
    }

    /**
     * Saves the clock.
     *
     * @throws dev.godwit.bindings.linux.SystemCallException when the host refuses
     */
    public Saved save() {
        writer.clear();
        clock.fill((byte) 0);
        check(vm.state(KvmIoctl.KVM_GET_CLOCK, clock), "KVM_GET_CLOCK");
        TimeRecord.write(
                writer.room(TimeRecord.BYTES), kvm_clock_data.clock(clock), ElapsedTime.now(), KHZ_OF_NANOSECONDS);
        writer.commit(CLOCK, TimeRecord.BYTES);
        return new Saved(writer.toArray(), List.of());
    }

    /**
     * Restores the clock of a VM that has not run yet.
     *
     * @param elapsed whether it goes on by the time that passed
     * @return what could not be restored, each by name
     * @throws StateFormatException when the section is malformed
     * @throws dev.godwit.bindings.linux.SystemCallException when the host refuses
     */
    public List<String> restore(byte[] section, ElapsedTime elapsed) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment time = new RecordTable(arena, "clock", section, CLOCK).required(CLOCK, TimeRecord.BYTES);
            List<String> notRestored = new ArrayList<>();
            clock.fill((byte) 0);
            kvm_clock_data.clock(clock, TimeRecord.guest(time) + elapsed.since(TimeRecord.host(time), notRestored));
            check(vm.state(KvmIoctl.KVM_SET_CLOCK, clock), "KVM_SET_CLOCK");
            return List.copyOf(notRestored);
        }
    }
}
