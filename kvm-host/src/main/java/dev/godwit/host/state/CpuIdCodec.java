package dev.godwit.host.state;

import dev.godwit.host.kvm.CpuId;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * A {@link CpuId} as bytes: {@code struct kvm_cpuid2} with its entries, as in a vCPU's state.
 *
 * <pre>
 *   0  4  number of entries, at most 256        4  4  zero
 *   8     entries of 40: function, index, flags, eax, ebx, ecx, edx (4 each), 12 zero
 * </pre>
 */
public final class CpuIdCodec {
    private static final int HEADER = 8;
    private static final int ENTRY = 40;
    private static final int PADDING = 12;
    private static final int MOST_ENTRIES = 256;

    private CpuIdCodec() {}

    /** The bytes. */
    public static byte[] encode(CpuId cpu) {
        List<CpuId.Entry> entries = cpu.entries();
        ByteBuffer out = ByteBuffer.allocate(HEADER + entries.size() * ENTRY).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(entries.size()).putInt(0);
        for (CpuId.Entry entry : entries) {
            out.putInt(entry.function()).putInt(entry.index()).putInt(entry.flags());
            out.putInt(entry.eax()).putInt(entry.ebx()).putInt(entry.ecx()).putInt(entry.edx());
            out.put(new byte[PADDING]);
        }
        return out.array();
    }

    /**
     * The CPU that the bytes describe; they may come from anyone.
     *
     * @throws StateFormatException when they are malformed
     */
    public static CpuId decode(byte[] bytes) {
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        long count = bytes.length < HEADER ? -1 : Integer.toUnsignedLong(in.getInt(0));
        if (count < 0 || count > MOST_ENTRIES || bytes.length != HEADER + count * ENTRY) {
            throw new StateFormatException("CPUID of " + bytes.length + " bytes is malformed: it says that it has "
                    + count + " entries of " + ENTRY + " bytes, at most " + MOST_ENTRIES + " are allowed");
        }
        in.position(HEADER);
        List<CpuId.Entry> entries = new ArrayList<>((int) count);
        for (int i = 0; i < count; i++) {
            entries.add(new CpuId.Entry(
                    in.getInt(), in.getInt(), in.getInt(), in.getInt(), in.getInt(), in.getInt(), in.getInt()));
            in.position(in.position() + PADDING);
        }
        return new CpuId(entries);
    }
}
