package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The kernel's tracepoints through {@code perf_event_open(2)}: each hit of one thread becomes a record in a ring that
 * the caller maps.
 *
 * <p>Threading: any thread. Errors: {@code -errno}, never an exception.
 *
 * <p>Source: {@code perf_event_open(2)}, {@code include/uapi/linux/perf_event.h}.
 */
public final class PerfCalls {
    public static final int PERF_TYPE_TRACEPOINT = 2;
    public static final int PERF_SAMPLE_TIME = 4;
    public static final int PERF_SAMPLE_RAW = 0x400;
    public static final int PERF_RECORD_LOST = 2;
    public static final int PERF_RECORD_SAMPLE = 9;
    public static final int PERF_FLAG_FD_CLOEXEC = 8;
    public static final int PERF_EVENT_IOC_ENABLE = 0x2400;
    public static final int PERF_EVENT_IOC_DISABLE = 0x2401;

    /** Offsets in the first page of a ring's mapping: what the kernel wrote up to, and what the reader has read. */
    public static final long DATA_HEAD = 1024;

    public static final long DATA_TAIL = 1032;

    private static final long SYS_perf_event_open = 298;
    private static final int CLOCK_MONOTONIC = 1;

    // struct perf_event_attr, PERF_ATTR_SIZE_VER5; its bit-fields are not for jextract
    private static final int ATTR_SIZE = 112;
    private static final long ATTR_CONFIG = 8;
    private static final long ATTR_SAMPLE_PERIOD = 16;
    private static final long ATTR_SAMPLE_TYPE = 24;
    private static final long ATTR_BITS = 40;
    private static final long ATTR_CLOCKID = 92;
    private static final long DISABLED = 1;
    private static final long USE_CLOCKID = 1L << 25;

    private PerfCalls() {}

    /**
     * A tracepoint's hits by one thread, disabled at first. Records carry time ({@link System#nanoTime}'s clock) and
     * the tracepoint's raw data.
     *
     * @param tracepoint its id, see {@link TraceFs}
     * @param thread a thread of this process
     * @return a descriptor or {@code -errno}
     */
    public static int openTracepoint(int tracepoint, int thread) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attr = arena.allocate(ATTR_SIZE, 8);
            attr.set(JAVA_INT, 0, PERF_TYPE_TRACEPOINT);
            attr.set(JAVA_INT, 4, ATTR_SIZE);
            attr.set(JAVA_LONG, ATTR_CONFIG, tracepoint);
            attr.set(JAVA_LONG, ATTR_SAMPLE_PERIOD, 1);
            attr.set(JAVA_LONG, ATTR_SAMPLE_TYPE, PERF_SAMPLE_TIME | PERF_SAMPLE_RAW);
            attr.set(JAVA_LONG, ATTR_BITS, DISABLED | USE_CLOCKID);
            attr.set(JAVA_INT, ATTR_CLOCKID, CLOCK_MONOTONIC);
            return (int) Native.systemCall(SYS_perf_event_open, attr.address(), thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
        }
    }
}
