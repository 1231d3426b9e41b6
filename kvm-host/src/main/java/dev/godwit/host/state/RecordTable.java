package dev.godwit.host.state;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The records of a section that {@link RecordWriter} made, or that somebody claims it did. */
final class RecordTable {
    private final String section;
    private final MemorySegment[] byId;

    /**
     * Copies the section into native memory and finds its records.
     *
     * @param section what it is, for messages
     * @param lastId ids are 1 to this
     * @throws StateFormatException when it is malformed, has an unknown record, or one twice
     */
    RecordTable(Arena arena, String section, byte[] bytes, int lastId) {
        this.section = section;
        this.byId = new MemorySegment[lastId + 1];
        if (bytes.length % 8 != 0) {
            throw fail("has " + bytes.length + " bytes, which is no multiple of 8");
        }
        MemorySegment all = arena.allocate(Math.max(bytes.length, 8), 64);
        MemorySegment.copy(bytes, 0, all, ValueLayout.JAVA_BYTE, 0, bytes.length);
        long at = 0;
        while (at < bytes.length) {
            int id = all.get(ValueLayout.JAVA_INT, at);
            int length = all.get(ValueLayout.JAVA_INT, at + 4);
            long left = bytes.length - at - RecordWriter.HEADER;
            if (length < 0 || length > left) {
                throw fail("has a record of " + Integer.toUnsignedString(length) + " bytes at byte " + at
                        + ", there are " + left);
            }
            if (id < 1 || id > lastId) {
                throw fail("has a record of unknown kind " + Integer.toUnsignedString(id));
            }
            if (byId[id] != null) {
                throw fail("has two records of kind " + id);
            }
            byId[id] = all.asSlice(at + RecordWriter.HEADER, length);
            at += RecordWriter.HEADER + (length + 7L & -8L);
        }
    }

    /** The record, or null. */
    MemorySegment optional(int id) {
        return byId[id];
    }

    /** The record of exactly that size, or null. */
    MemorySegment optional(int id, long length) {
        MemorySegment record = byId[id];
        if (record != null && record.byteSize() != length) {
            throw fail("has a record of kind " + id + " with " + record.byteSize() + " bytes, it has " + length);
        }
        return record;
    }

    /** The record, which must be there. */
    MemorySegment required(int id) {
        MemorySegment record = byId[id];
        if (record == null) {
            throw fail("has no record of kind " + id);
        }
        return record;
    }

    /** The record, which must be there in exactly that size. */
    MemorySegment required(int id, long length) {
        required(id);
        return optional(id, length);
    }

    StateFormatException fail(String what) {
        return new StateFormatException("state of the " + section + " " + what);
    }
}
