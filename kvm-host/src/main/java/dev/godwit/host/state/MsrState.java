package dev.godwit.host.state;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_msr_entry;
import dev.godwit.bindings.kvm.gen.kvm_msrs;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.kvm.Vcpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * Reads and writes a vCPU's model-specific registers in batches. The kernel does a batch in order and stops at the first
 * one it refuses; that one is named, and the next batch starts behind it.
 *
 * <p>Threading: one thread at a time.
 *
 * <p>Source: {@code KVM_GET_MSRS}, {@code KVM_SET_MSRS}.
 */
final class MsrState {
    static final int TSC = 0x10;
    static final int TSC_DEADLINE = 0x6e0;

    /** Bytes of a saved register: {@code struct kvm_msr_entry}. */
    static final long ENTRY = kvm_msr_entry.sizeof();

    /** The kernel takes fewer than 256 at once. */
    private static final int BATCH = 255;

    private static final long HEADER = kvm_msrs.sizeof();

    private final int[] indices;
    private final MemorySegment batch;
    private final MemorySegment entries;

    /** For these registers; the time-stamp counter is left out, it has a record of its own. */
    MsrState(Arena arena, int[] indices) {
        this.indices = Arrays.stream(indices).filter(i -> i != TSC).toArray();
        this.batch = arena.allocate(HEADER + BATCH * ENTRY, 8);
        this.entries = batch.asSlice(HEADER);
    }

    /** The most that {@link #save} writes, in bytes. */
    long capacity() {
        return indices.length * ENTRY;
    }

    /** Saves all into {@code out}, names those the host refuses; returns the bytes written. */
    long save(Vcpu vcpu, MemorySegment out, List<String> notSaved) {
        long written = 0;
        int done = 0;
        while (done < indices.length) {
            int count = Math.min(BATCH, indices.length - done);
            for (int i = 0; i < count; i++) {
                put(i, indices[done + i], 0);
            }
            int read = get(vcpu, count);
            MemorySegment.copy(entries, 0, out, written, read * ENTRY);
            written += read * ENTRY;
            done += read;
            if (read < count) {
                notSaved.add(name(indices[done]));
                done++;
            }
        }
        return written;
    }

    /**
     * Restores all but the time-stamp counter and its deadline. Names those that the host refuses, unless they have the
     * wanted value already.
     */
    void restore(Vcpu vcpu, MemorySegment saved, List<String> notRestored) {
        long total = saved.byteSize() / ENTRY;
        long next = 0;
        while (next < total) {
            int count = 0;
            long end = next;
            for (; end < total && count < BATCH; end++) {
                int index = index(saved, end);
                if (index != TSC && index != TSC_DEADLINE) {
                    put(count++, index, value(saved, end));
                }
            }
            int done = count == 0 ? 0 : set(vcpu, count);
            if (done == count) {
                next = end;
                continue;
            }
            int refused = index(entries, done);
            long wanted = value(entries, done);
            next = after(saved, next, done);
            put(0, refused, 0);
            if (get(vcpu, 1) != 1 || value(entries, 0) != wanted) {
                notRestored.add(name(refused));
            }
        }
    }

    /** The position behind the one that was number {@code done} of a batch starting at {@code from}. */
    private static long after(MemorySegment saved, long from, int done) {
        long position = from;
        for (int left = done; ; position++) {
            int index = index(saved, position);
            if (index != TSC && index != TSC_DEADLINE && left-- == 0) {
                return position + 1;
            }
        }
    }

    /** Restores the deadline, if it was saved; after the time-stamp counter and the local APIC, which it is relative to. */
    void restoreDeadline(Vcpu vcpu, MemorySegment saved, List<String> notRestored) {
        for (long i = 0, n = saved.byteSize() / ENTRY; i < n; i++) {
            if (index(saved, i) == TSC_DEADLINE) {
                write(vcpu, TSC_DEADLINE, value(saved, i), notRestored);
            }
        }
    }

    /**
     * One register.
     *
     * @throws SystemCallException when the host refuses
     */
    long read(Vcpu vcpu, int index) {
        put(0, index, 0);
        if (get(vcpu, 1) != 1) {
            throw new SystemCallException("KVM_GET_MSRS", "vcpu " + vcpu.id() + ", " + name(index), Errno.EINVAL);
        }
        return value(entries, 0);
    }

    /** Sets one register, or names it. */
    void write(Vcpu vcpu, int index, long value, List<String> notRestored) {
        put(0, index, value);
        if (set(vcpu, 1) != 1) {
            notRestored.add(name(index));
        }
    }

    private int get(Vcpu vcpu, int count) {
        kvm_msrs.nmsrs(batch, count);
        return (int)
                SystemCallException.check(vcpu.state(KvmIoctl.KVM_GET_MSRS, batch), "KVM_GET_MSRS", "vcpu", vcpu.id());
    }

    private int set(Vcpu vcpu, int count) {
        kvm_msrs.nmsrs(batch, count);
        return (int)
                SystemCallException.check(vcpu.state(KvmIoctl.KVM_SET_MSRS, batch), "KVM_SET_MSRS", "vcpu", vcpu.id());
    }

    private void put(int position, int index, long value) {
        MemorySegment entry = kvm_msr_entry.asSlice(entries, position);
        kvm_msr_entry.index(entry, index);
        kvm_msr_entry.reserved(entry, 0);
        kvm_msr_entry.data(entry, value);
    }

    private static int index(MemorySegment array, long position) {
        return kvm_msr_entry.index(kvm_msr_entry.asSlice(array, position));
    }

    private static long value(MemorySegment array, long position) {
        return kvm_msr_entry.data(kvm_msr_entry.asSlice(array, position));
    }

    private static String name(int index) {
        return "msr 0x" + Integer.toHexString(index);
    }
}
