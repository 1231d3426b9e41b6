package dev.godwit.host.kvm;

import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.bindings.kvm.gen.kvm_run;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Why a vCPU left the guest: a closed family of views over its {@code kvm_run} page. Each vCPU has one instance of
 * each, so an exit allocates nothing; what a view shows is valid until the vCPU runs again.
 */
public sealed interface VcpuExit {

    /** The views of one vCPU by KVM's exit reason. */
    static VcpuExit[] views(MemorySegment run) {
        VcpuExit[] exits = new VcpuExit[64];
        for (int reason = 0; reason < exits.length; reason++) {
            exits[reason] = new Unsupported(run);
        }
        exits[kvm_h.KVM_EXIT_IO()] = new PortIo(run);
        exits[kvm_h.KVM_EXIT_MMIO()] = new Mmio(run);
        exits[kvm_h.KVM_EXIT_HLT()] = new Halted();
        exits[kvm_h.KVM_EXIT_SHUTDOWN()] = new Shutdown();
        exits[kvm_h.KVM_EXIT_INTR()] = new Interrupted();
        exits[kvm_h.KVM_EXIT_DIRTY_RING_FULL()] = new DirtyRingFull();
        exits[kvm_h.KVM_EXIT_FAIL_ENTRY()] = new EntryFailed(run);
        exits[kvm_h.KVM_EXIT_INTERNAL_ERROR()] = new KvmFailure(run);
        exits[kvm_h.KVM_EXIT_SYSTEM_EVENT()] = new SystemEvent(run);
        return exits;
    }

    /** An {@code in} or {@code out}, with {@code rep} up to a page of elements at once. */
    final class PortIo implements VcpuExit {
        private static final long IO = kvm_run.io$offset();
        private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
        private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
        private final MemorySegment run;

        PortIo(MemorySegment run) {
            this.run = run;
        }

        public boolean isOut() {
            return run.get(ValueLayout.JAVA_BYTE, IO + kvm_run.io.direction$offset()) == kvm_h.KVM_EXIT_IO_OUT();
        }

        /** The port, 0 to 65535. */
        public int port() {
            return run.get(ValueLayout.JAVA_SHORT, IO + kvm_run.io.port$offset()) & 0xffff;
        }

        /** Bytes of an element: 1, 2 or 4. */
        public int size() {
            return run.get(ValueLayout.JAVA_BYTE, IO + kvm_run.io.size$offset());
        }

        /** Elements: 1, or more for string instructions. */
        public int count() {
            return run.get(ValueLayout.JAVA_INT, IO + kvm_run.io.count$offset());
        }

        /** What the guest writes, zero-extended. */
        public int value(int element) {
            long at = dataOffset(element);
            return switch (size()) {
                case 1 -> run.get(ValueLayout.JAVA_BYTE, at) & 0xff;
                case 2 -> run.get(SHORT, at) & 0xffff;
                default -> run.get(INT, at);
            };
        }

        /** What the guest is to read. */
        public void setValue(int element, int value) {
            long at = dataOffset(element);
            switch (size()) {
                case 1 -> run.set(ValueLayout.JAVA_BYTE, at, (byte) value);
                case 2 -> run.set(SHORT, at, (short) value);
                default -> run.set(INT, at, value);
            }
        }

        private long dataOffset(int element) {
            return run.get(ValueLayout.JAVA_LONG, IO + kvm_run.io.data_offset$offset()) + (long) element * size();
        }
    }

    /** An access to a guest-physical address that is no RAM. */
    final class Mmio implements VcpuExit {
        private static final long MMIO = kvm_run.mmio$offset();
        private static final long DATA = MMIO + kvm_run.mmio.data$offset();
        private final MemorySegment run;

        Mmio(MemorySegment run) {
            this.run = run;
        }

        public boolean isWrite() {
            return run.get(ValueLayout.JAVA_BYTE, MMIO + kvm_run.mmio.is_write$offset()) != 0;
        }

        public long address() {
            return run.get(ValueLayout.JAVA_LONG, MMIO + kvm_run.mmio.phys_addr$offset());
        }

        /** Bytes accessed, 1 to 8. */
        public int size() {
            return run.get(ValueLayout.JAVA_INT, MMIO + kvm_run.mmio.len$offset());
        }

        /** What the guest writes, little-endian and zero-extended. */
        public long value() {
            long all = run.get(ValueLayout.JAVA_LONG_UNALIGNED, DATA);
            int size = size();
            return size >= 8 ? all : all & ((1L << (size * 8)) - 1);
        }

        /** What the guest is to read. */
        public void setValue(long value) {
            run.set(ValueLayout.JAVA_LONG_UNALIGNED, DATA, value);
        }
    }

    /** {@code hlt} without an in-kernel local APIC. */
    final class Halted implements VcpuExit {}

    /** A triple fault. */
    final class Shutdown implements VcpuExit {}

    /** A signal, or a requested exit; pending I/O is complete. */
    final class Interrupted implements VcpuExit {}

    /** The dirty ring is full: harvest it before running on. */
    final class DirtyRingFull implements VcpuExit {}

    /** The hardware refused the guest state. */
    final class EntryFailed implements VcpuExit {
        private final MemorySegment run;

        EntryFailed(MemorySegment run) {
            this.run = run;
        }

        public long reason() {
            return run.get(
                    ValueLayout.JAVA_LONG,
                    kvm_run.fail_entry$offset() + kvm_run.fail_entry.hardware_entry_failure_reason$offset());
        }
    }

    /** KVM met something it cannot do; sub-error 1 is an instruction it cannot emulate. */
    final class KvmFailure implements VcpuExit {
        private final MemorySegment run;

        KvmFailure(MemorySegment run) {
            this.run = run;
        }

        public int subError() {
            return run.get(ValueLayout.JAVA_INT, kvm_run.internal$offset());
        }
    }

    /** Shutdown, reset or crash announced by the guest through KVM. */
    final class SystemEvent implements VcpuExit {
        private final MemorySegment run;

        SystemEvent(MemorySegment run) {
            this.run = run;
        }

        /** {@code KVM_SYSTEM_EVENT_*}. */
        public int type() {
            return run.get(ValueLayout.JAVA_INT, kvm_run.system_event$offset());
        }
    }

    /** A reason Godwit does not serve. */
    final class Unsupported implements VcpuExit {
        private final MemorySegment run;

        Unsupported(MemorySegment run) {
            this.run = run;
        }

        /** {@code KVM_EXIT_*}. */
        public int reason() {
            return kvm_run.exit_reason(run);
        }
    }
}
