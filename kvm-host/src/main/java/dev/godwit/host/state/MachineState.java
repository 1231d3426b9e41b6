package dev.godwit.host.state;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * All state of a machine outside its RAM: an ordered list of named, versioned sections, and its form as bytes.
 *
 * <pre>
 *    0  8  magic "GODWITMS"
 *    8  4  format version, 1
 *   12  4  number of sections
 *   16     sections: 2 length of name, 4 version, 4 length of data, name (ASCII), data
 *  end  4  CRC32C of all before it
 * </pre>
 *
 * <p>Little-endian. Whatever bytes come in, {@link #decode} allocates no more than a small multiple of their number and
 * throws nothing but {@link StateFormatException}.
 *
 * @param sections in the order in which they are restored
 */
public record MachineState(List<Section> sections) {
    /** Version of the form, independent of the versions of the sections. */
    public static final int FORMAT_VERSION = 1;

    /** The most sections. */
    public static final int MAX_SECTIONS = 4096;

    /** The most that {@link #decode} accepts, in bytes. */
    public static final int MAX_BYTES = 256 << 20;

    private static final long MAGIC = 0x534d5449_57444f47L;
    private static final int HEADER = 16;
    private static final int SECTION_HEADER = 10;
    private static final int TRAILER = 4;

    public MachineState {
        sections = List.copyOf(sections);
        if (sections.size() > MAX_SECTIONS) {
            throw new StateFormatException(
                    "machine state has " + sections.size() + " sections, at most " + MAX_SECTIONS + " are allowed");
        }
        Set<String> names = new HashSet<>();
        for (Section section : sections) {
            if (!names.add(section.name())) {
                throw new StateFormatException("machine state has two sections " + section.name());
            }
        }
    }

    /** The section of that name. */
    public Optional<Section> find(String name) {
        return sections.stream().filter(s -> s.name().equals(name)).findFirst();
    }

    /**
     * The section of that name.
     *
     * @throws StateFormatException when there is none
     */
    public Section get(String name) {
        return find(name).orElseThrow(() -> new StateFormatException("machine state has no section " + name));
    }

    /** The state as bytes. */
    public byte[] encode() {
        long size = HEADER + TRAILER;
        for (Section section : sections) {
            size += SECTION_HEADER + section.name().length() + section.data().length;
        }
        if (size > MAX_BYTES) {
            throw new StateFormatException(
                    "machine state has " + size + " bytes, at most " + MAX_BYTES + " are allowed");
        }
        ByteBuffer out = ByteBuffer.allocate((int) size).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(MAGIC).putInt(FORMAT_VERSION).putInt(sections.size());
        for (Section section : sections) {
            out.putShort((short) section.name().length());
            out.putInt(section.version());
            out.putInt(section.data().length);
            out.put(section.name().getBytes(StandardCharsets.US_ASCII));
            out.put(section.data());
        }
        out.putInt(checksum(out.array(), out.position()));
        return out.array();
    }

    /** As {@link #decode(byte[])}, from memory of any kind. */
    public static MachineState decode(MemorySegment bytes) {
        if (bytes.byteSize() > MAX_BYTES) {
            throw tooLong(bytes.byteSize());
        }
        return decode(bytes.toArray(ValueLayout.JAVA_BYTE));
    }

    /**
     * The state that the bytes hold; they may come from anyone.
     *
     * @throws StateFormatException unless they are exactly what {@link #encode} makes
     */
    public static MachineState decode(byte[] bytes) {
        if (bytes.length > MAX_BYTES) {
            throw tooLong(bytes.length);
        }
        if (bytes.length < HEADER + TRAILER) {
            throw new StateFormatException("machine state of " + bytes.length + " bytes is cut short");
        }
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (in.getLong() != MAGIC) {
            throw new StateFormatException("this is not machine state: it does not start with GODWITMS");
        }
        int version = in.getInt();
        if (version != FORMAT_VERSION) {
            throw new StateFormatException("machine state has format version " + Integer.toUnsignedString(version)
                    + ", this is version " + FORMAT_VERSION);
        }
        int end = bytes.length - TRAILER;
        if (in.getInt(end) != checksum(bytes, end)) {
            throw new StateFormatException("machine state is damaged or cut short: its checksum does not match");
        }
        int count = in.getInt();
        if (count < 0 || count > MAX_SECTIONS) {
            throw new StateFormatException("machine state has " + Integer.toUnsignedString(count)
                    + " sections, at most " + MAX_SECTIONS + " are allowed");
        }
        in.limit(end);
        List<Section> sections = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            sections.add(section(in, i));
        }
        if (in.hasRemaining()) {
            throw new StateFormatException("machine state has " + in.remaining() + " bytes after its last section");
        }
        return new MachineState(sections);
    }

    private static Section section(ByteBuffer in, int index) {
        if (in.remaining() < SECTION_HEADER) {
            throw new StateFormatException("machine state ends within section " + index);
        }
        int nameLength = in.getShort() & 0xffff;
        int version = in.getInt();
        int length = in.getInt();
        if (nameLength > Section.MAX_NAME || length < 0 || length > in.remaining() - nameLength) {
            throw new StateFormatException("section " + index + " of machine state has a name of " + nameLength
                    + " and data of " + Integer.toUnsignedString(length) + " bytes, there are " + in.remaining());
        }
        byte[] name = new byte[nameLength];
        byte[] data = new byte[length];
        in.get(name).get(data);
        return new Section(new String(name, StandardCharsets.ISO_8859_1), version, data);
    }

    private static int checksum(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }

    private static StateFormatException tooLong(long length) {
        return new StateFormatException("machine state of " + length + " bytes: at most " + MAX_BYTES + " are allowed");
    }
}
