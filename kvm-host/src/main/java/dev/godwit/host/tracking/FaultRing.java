package dev.godwit.host.tracking;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.Ioctl;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.PerfCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.bindings.linux.TraceFs;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The page faults that KVM serves for one vCPU, as the kernel's tracepoint {@code kvm_mmu_spte_requested} reports them:
 * one record for each fault that ends in a mapping, with the guest frame number.
 *
 * <p>Threading: one thread. {@link #close} unmaps; no call after it.
 *
 * <p>Source: {@code perf_event_open(2)}; {@code arch/x86/kvm/mmu/mmutrace.h}.
 */
final class FaultRing implements AutoCloseable {
    /** What a ring does with a fault. */
    interface Sink {
        void fault(long frame, long nanos);
    }

    private static final String EVENT = "events/kvmmmu/kvm_mmu_spte_requested/";
    private static final Pattern GFN = Pattern.compile("gfn;\\s*offset:(\\d+);\\s*size:8;");
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();
    private static final int PAGE = 4096;
    private static final long BYTES = 64L * PAGE;
    // of a sample: header, time, size of the raw data
    private static final int TIME = 8;
    private static final int RAW = 20;

    private final int fd;
    private final MemorySegment control;
    private final MemorySegment data;
    private final int frameOffset;
    private long tail;

    private FaultRing(int fd, int frameOffset) {
        this.fd = fd;
        this.frameOffset = RAW + frameOffset;
        MemorySegment mapping = map(fd);
        control = mapping.asSlice(0, PAGE);
        data = mapping.asSlice(PAGE);
    }

    @SuppressWarnings("restricted") // the kernel mapped exactly these bytes
    private static MemorySegment map(int fd) {
        long address = MemoryCalls.mmap(
                0, PAGE + BYTES, MemoryCalls.PROT_READ | MemoryCalls.PROT_WRITE, MemoryCalls.MAP_SHARED, fd, 0);
        if (address < 0) {
            FileCalls.close(fd);
        }
        SystemCallException.check(address, "mmap of a trace ring");
        return MemorySegment.ofAddress(address).reinterpret(PAGE + BYTES);
    }

    /** Where the tracepoint is and what its records look like. */
    record Event(int id, int frameOffset) {
        /**
         * Asks the kernel.
         *
         * @throws SystemCallException when it has no such tracepoint or does not show it
         */
        static Event find() {
            try (TraceFs traces = TraceFs.open()) {
                Matcher gfn = GFN.matcher(traces.read(EVENT + "format"));
                if (!gfn.find()) {
                    throw new IllegalStateException("the format of " + EVENT + " has no gfn");
                }
                return new Event(Integer.parseInt(traces.read(EVENT + "id").strip()), Integer.parseInt(gfn.group(1)));
            }
        }
    }

    /**
     * A ring for one vCPU's thread; disabled, which costs nothing.
     *
     * @throws SystemCallException when this process may not trace (EACCES, EPERM)
     */
    static FaultRing open(Event event, int thread) {
        int fd = SystemCallException.checkInt(
                PerfCalls.openTracepoint(event.id(), thread), "perf_event_open", "thread", thread);
        return new FaultRing(fd, event.frameOffset());
    }

    void enable(boolean on) {
        int request = on ? PerfCalls.PERF_EVENT_IOC_ENABLE : PerfCalls.PERF_EVENT_IOC_DISABLE;
        SystemCallException.check(Ioctl.ioctl(fd, request, 0), "ioctl of a trace ring");
    }

    /** Gives all faults that it holds to the sink, the oldest first; returns how many. */
    int drain(Sink sink) {
        long head = (long) LONG.getAcquire(control, PerfCalls.DATA_HEAD);
        int faults = 0;
        while (tail < head) {
            long header = word(tail);
            long size = header >>> 48;
            if (size == 0) {
                tail = head;
                break;
            }
            if ((int) header == PerfCalls.PERF_RECORD_SAMPLE) {
                sink.fault(longAt(tail + frameOffset), word(tail + TIME));
                faults++;
            }
            tail += size;
        }
        LONG.setRelease(control, PerfCalls.DATA_TAIL, tail);
        return faults;
    }

    /** Records are multiples of 8 bytes and may go round the end. */
    private long word(long at) {
        return data.get(ValueLayout.JAVA_LONG, at & BYTES - 1);
    }

    /** A field of the raw data, which is aligned to 4 only. */
    private long longAt(long at) {
        return Integer.toUnsignedLong(data.get(JAVA_INT, at & BYTES - 1))
                | (long) data.get(JAVA_INT, at + 4 & BYTES - 1) << 32;
    }

    @Override
    public void close() {
        FileCalls.close(fd);
        MemoryCalls.munmap(control.address(), PAGE + BYTES);
    }
}
