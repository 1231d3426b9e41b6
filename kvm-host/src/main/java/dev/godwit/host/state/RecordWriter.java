package dev.godwit.host.state;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Builds a section out of records, in native memory, so that the kernel writes its structures where they stay.
 *
 * <pre>
 *   0  4  id        4  4  length        8  length bytes, then zeros up to a multiple of 8
 * </pre>
 *
 * <p>Threading: one thread at a time.
 */
final class RecordWriter {
    static final int HEADER = 8;

    private final MemorySegment buffer;
    private long end;

    RecordWriter(Arena arena, long capacity) {
        this.buffer = arena.allocate(capacity, 64);
    }

    /** Forgets all records. */
    void clear() {
        end = 0;
    }

    /** Zeroed room for the next record's bytes, aligned to 8. */
    MemorySegment room(long bytes) {
        MemorySegment room = buffer.asSlice(end + HEADER, bytes);
        return room.fill((byte) 0);
    }

    /** Ends the record that was written into {@link #room}. */
    void commit(int id, long length) {
        buffer.set(ValueLayout.JAVA_INT, end, id);
        buffer.set(ValueLayout.JAVA_INT, end + 4, (int) length);
        long next = end + HEADER + (length + 7 & -8);
        for (long i = end + HEADER + length; i < next; i++) {
            buffer.set(ValueLayout.JAVA_BYTE, i, (byte) 0);
        }
        end = next;
    }

    byte[] toArray() {
        return buffer.asSlice(0, end).toArray(ValueLayout.JAVA_BYTE);
    }
}
