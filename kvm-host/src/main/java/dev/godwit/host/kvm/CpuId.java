package dev.godwit.host.kvm;

import dev.godwit.bindings.kvm.gen.kvm_cpuid2;
import dev.godwit.bindings.kvm.gen.kvm_cpuid_entry2;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A CPU as {@code CPUID} describes it, in KVM's terms ({@code struct kvm_cpuid2}).
 *
 * @param entries the leaves, in KVM's order
 */
public record CpuId(List<Entry> entries) {
    /**
     * One leaf.
     *
     * @param function EAX of the question
     * @param index ECX of the question, where it matters ({@code flags} bit 0)
     * @param flags {@code KVM_CPUID_FLAG_*}
     */
    public record Entry(int function, int index, int flags, int eax, int ebx, int ecx, int edx) {}

    /** More leaves than KVM ever gives ({@code KVM_MAX_CPUID_ENTRIES}). */
    static final int MAX_ENTRIES = 256;

    public CpuId {
        entries = List.copyOf(entries);
    }

    /** The leaf for a question, if the CPU has it. */
    public Optional<Entry> find(int function, int index) {
        return entries.stream()
                .filter(e -> e.function == function && ((e.flags & 1) == 0 || e.index == index))
                .findFirst();
    }

    /** Room for so many leaves, and says so to the kernel. */
    static MemorySegment allocate(SegmentAllocator allocator, int count) {
        MemorySegment list = allocator.allocate(kvm_cpuid2.sizeof() + count * kvm_cpuid_entry2.sizeof(), 8);
        kvm_cpuid2.nent(list, count);
        return list;
    }

    static CpuId read(MemorySegment cpuid2) {
        int count = kvm_cpuid2.nent(cpuid2);
        MemorySegment array = cpuid2.asSlice(kvm_cpuid2.sizeof(), count * kvm_cpuid_entry2.sizeof());
        List<Entry> entries = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            MemorySegment e = kvm_cpuid_entry2.asSlice(array, i);
            entries.add(new Entry(
                    kvm_cpuid_entry2.function(e),
                    kvm_cpuid_entry2.index(e),
                    kvm_cpuid_entry2.flags(e),
                    kvm_cpuid_entry2.eax(e),
                    kvm_cpuid_entry2.ebx(e),
                    kvm_cpuid_entry2.ecx(e),
                    kvm_cpuid_entry2.edx(e)));
        }
        return new CpuId(entries);
    }

    MemorySegment write(SegmentAllocator allocator) {
        MemorySegment list = allocate(allocator, entries.size());
        MemorySegment array = list.asSlice(kvm_cpuid2.sizeof());
        for (int i = 0; i < entries.size(); i++) {
            Entry from = entries.get(i);
            MemorySegment to = kvm_cpuid_entry2.asSlice(array, i);
            kvm_cpuid_entry2.function(to, from.function);
            kvm_cpuid_entry2.index(to, from.index);
            kvm_cpuid_entry2.flags(to, from.flags);
            kvm_cpuid_entry2.eax(to, from.eax);
            kvm_cpuid_entry2.ebx(to, from.ebx);
            kvm_cpuid_entry2.ecx(to, from.ecx);
            kvm_cpuid_entry2.edx(to, from.edx);
        }
        return list;
    }
}
