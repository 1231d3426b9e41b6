package dev.godwit.host.boot;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/** Makes small PVH images, right and wrong ones. Offsets are those of the System V ABI. */
public final class Elf {
    static final int TYPE = 0;
    static final int OFFSET = 8;
    static final int ADDRESS = 24;
    static final int FILE_BYTES = 32;
    static final int MEMORY_BYTES = 40;

    private static final int HEADER = 64;
    private static final int PROGRAM_HEADER = 56;
    private static final int NOTE_BYTES = 20;
    private static final int CONTENT_BYTES = 16;
    private static final int LOADS = 2;

    /** Where the note of {@link #good} starts. */
    static final int NOTE = HEADER + (LOADS + 1) * PROGRAM_HEADER;

    static final int ENTRY = 0x100000;

    private Elf() {}

    /** Two segments of 16 bytes at 1 MiB and 1 MiB + 64 KiB, the second of 4 KiB in memory, and the note. */
    static ByteBuffer good() {
        int content = NOTE + NOTE_BYTES;
        ByteBuffer elf = ByteBuffer.allocate(content + LOADS * CONTENT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        elf.put(0, new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
        elf.putShort(16, (short) 2);
        elf.putShort(18, (short) 62);
        elf.putLong(32, HEADER);
        elf.putShort(54, (short) PROGRAM_HEADER);
        elf.putShort(56, (short) (LOADS + 1));
        for (int i = 0; i < LOADS; i++) {
            int at = programHeader(i);
            elf.putInt(at + TYPE, 1);
            elf.putLong(at + OFFSET, content + i * CONTENT_BYTES);
            elf.putLong(at + ADDRESS, ENTRY + i * 0x10000L);
            elf.putLong(at + FILE_BYTES, CONTENT_BYTES);
            elf.putLong(at + MEMORY_BYTES, i == 0 ? CONTENT_BYTES : 4096);
            for (int b = 0; b < CONTENT_BYTES; b++) {
                elf.put(content + i * CONTENT_BYTES + b, (byte) (16 * (i + 1) + b));
            }
        }
        int note = programHeader(LOADS);
        elf.putInt(note + TYPE, 4);
        elf.putLong(note + OFFSET, NOTE);
        elf.putLong(note + FILE_BYTES, NOTE_BYTES);
        elf.putLong(note + MEMORY_BYTES, NOTE_BYTES);
        elf.putInt(NOTE, 4).putInt(NOTE + 4, 4).putInt(NOTE + 8, 18).putInt(NOTE + 12, 0x006e6558);
        elf.putInt(NOTE + 16, ENTRY);
        return elf;
    }

    /** An image of 32-bit code at its entry, which runs in ring 0 without paging. */
    public static PvhImage ofCode(String hex) {
        byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
        ByteBuffer good = good();
        ByteBuffer elf = ByteBuffer.allocate(good.capacity() + code.length).order(ByteOrder.LITTLE_ENDIAN);
        elf.put(0, bytes(good)).put(good.capacity(), code);
        int at = programHeader(0);
        elf.putLong(at + OFFSET, good.capacity());
        elf.putLong(at + FILE_BYTES, code.length);
        elf.putLong(at + MEMORY_BYTES, code.length);
        return parse(elf);
    }

    /** Where a program header is; the third is the note's. */
    static int programHeader(int index) {
        return HEADER + index * PROGRAM_HEADER;
    }

    static byte[] bytes(ByteBuffer elf) {
        byte[] bytes = new byte[elf.capacity()];
        elf.get(0, bytes);
        return bytes;
    }

    static PvhImage parse(ByteBuffer elf) {
        return PvhImage.parse("x.elf", MemorySegment.ofArray(bytes(elf)));
    }
}
