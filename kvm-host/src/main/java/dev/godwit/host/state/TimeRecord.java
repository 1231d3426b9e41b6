package dev.godwit.host.state;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A guest clock and the host's clock at the same moment.
 *
 * <pre>
 *   0  8  the guest's clock        8  8  the host's, ns since 1970        16  8  kHz of the guest's clock
 * </pre>
 */
final class TimeRecord {
    static final long BYTES = 24;

    private TimeRecord() {}

    static void write(MemorySegment record, long guest, long host, long kiloHertz) {
        record.set(ValueLayout.JAVA_LONG, 0, guest);
        record.set(ValueLayout.JAVA_LONG, 8, host);
        record.set(ValueLayout.JAVA_LONG, 16, kiloHertz);
    }

    static long guest(MemorySegment record) {
        return record.get(ValueLayout.JAVA_LONG, 0);
    }

    static long host(MemorySegment record) {
        return record.get(ValueLayout.JAVA_LONG, 8);
    }

    static long kiloHertz(MemorySegment record) {
        return record.get(ValueLayout.JAVA_LONG, 16);
    }
}
