package dev.godwit.host.boot;

import dev.godwit.host.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Puts a PVH image, its command line and its start info into guest memory.
 *
 * <pre>
 *   0x6000  hvm_start_info (version 1, 56 bytes)
 *   0x6100  hvm_memmap_table_entry × n (24 bytes each)
 *   0x7000  command line, up to 4095 bytes and a zero
 * </pre>
 *
 * <p>Source: Xen's {@code xen/include/public/arch-x86/hvm/start_info.h}.
 */
public final class PvhLoader {
    /** Longest command line, in bytes of UTF-8. */
    public static final int COMMAND_LINE_LIMIT = 4095;

    private static final long START_INFO = 0x6000;
    private static final long MEMORY_MAP = 0x6100;
    private static final long COMMAND_LINE = 0x7000;
    private static final long BOOT_DATA_END = 0x8000;
    private static final int START_INFO_MAGIC = 0x336ec578;
    private static final long ONE_MIB = 1 << 20;

    /** End of the low memory that real-mode conventions leave to the guest. */
    private static final long LOW_END = 0x9fc00;

    private static final int RAM = 1;
    private static final int RESERVED = 2;
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

    private PvhLoader() {}

    /**
     * Loads the image.
     *
     * @param commandLine what the guest is told
     * @return guest-physical address of the start info
     * @throws ImageException when image, command line or memory do not fit together
     */
    public static long load(PvhImage image, String commandLine, GuestMemory memory) {
        byte[] text = commandLine.getBytes(StandardCharsets.UTF_8);
        if (text.length > COMMAND_LINE_LIMIT) {
            throw new ImageException(
                    "the guest's command line has " + text.length + " bytes; at most " + COMMAND_LINE_LIMIT + " fit");
        }
        if (commandLine.indexOf('\0') >= 0) {
            throw new ImageException("the guest's command line contains a zero byte");
        }
        image.segments().forEach(segment -> load(image, segment, memory));
        MemorySegment bootData =
                memory.slice(START_INFO, BOOT_DATA_END - START_INFO).fill((byte) 0);
        memory.slice(COMMAND_LINE, text.length).copyFrom(MemorySegment.ofArray(text));
        int entries = writeMemoryMap(memory);
        bootData.set(U32, 0, START_INFO_MAGIC);
        bootData.set(U32, 4, 1);
        bootData.set(U64, 24, COMMAND_LINE);
        bootData.set(U64, 40, MEMORY_MAP);
        bootData.set(U32, 48, entries);
        return START_INFO;
    }

    private static void load(PvhImage image, PvhImage.Segment segment, GuestMemory memory) {
        if (segment.address() < BOOT_DATA_END && segment.end() > START_INFO) {
            throw new ImageException("image " + image.name() + " has a segment over 0x" + Long.toHexString(START_INFO)
                    + "-0x" + Long.toHexString(BOOT_DATA_END) + ", where the boot information goes");
        }
        if (!memory.contains(segment.address(), segment.memoryBytes())) {
            throw new ImageException("image " + image.name() + " needs memory up to 0x"
                    + Long.toHexString(segment.end()) + " (" + ((segment.end() + ONE_MIB - 1) / ONE_MIB)
                    + " MiB), the guest has " + memory.size() / ONE_MIB + " MiB");
        }
        // What the file does not fill stays as mapped: zero.
        try {
            memory.slice(segment.address(), segment.fileBytes())
                    .copyFrom(image.file().asSlice(segment.fileOffset(), segment.fileBytes()));
        } catch (InternalError e) {
            throw PvhImage.cutShort(image.name());
        }
    }

    private static int writeMemoryMap(GuestMemory memory) {
        MemorySegment map = memory.slice(MEMORY_MAP, COMMAND_LINE - MEMORY_MAP);
        long low = Math.min(memory.size(), GuestMemory.HOLE_START);
        int n = 0;
        if (low <= ONE_MIB) {
            entry(map, n++, 0, Math.min(low, LOW_END), RAM);
            return n;
        }
        entry(map, n++, 0, LOW_END, RAM);
        entry(map, n++, LOW_END, ONE_MIB - LOW_END, RESERVED);
        entry(map, n++, ONE_MIB, low - ONE_MIB, RAM);
        if (memory.size() > low) {
            entry(map, n++, GuestMemory.HOLE_END, memory.size() - low, RAM);
        }
        return n;
    }

    private static void entry(MemorySegment map, int index, long address, long bytes, int type) {
        MemorySegment entry = map.asSlice(index * 24L, 24);
        entry.set(U64, 0, address);
        entry.set(U64, 8, bytes);
        entry.set(U32, 16, type);
    }
}
