package dev.godwit.host.state;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class MachineStateTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());

    private static MachineState random(Random random) {
        List<Section> sections = new ArrayList<>();
        for (int i = 0, n = random.nextInt(8); i < n; i++) {
            byte[] data = new byte[random.nextInt(300)];
            random.nextBytes(data);
            sections.add(new Section("part-" + i, 1 + random.nextInt(5), data));
        }
        return new MachineState(sections);
    }

    private static void assertSame(MachineState expected, MachineState actual) {
        assertEquals(expected.sections().size(), actual.sections().size());
        for (Section section : expected.sections()) {
            Section other = actual.get(section.name());
            assertEquals(section.version(), other.version());
            assertArrayEquals(section.data(), other.data());
        }
        assertEquals(
                expected.sections().stream().map(Section::name).toList(),
                actual.sections().stream().map(Section::name).toList());
    }

    @Test
    void roundTrips() {
        Random random = new Random(SEED);
        for (int i = 0; i < 200; i++) {
            MachineState state = random(random);
            assertSame(state, MachineState.decode(state.encode()));
            assertSame(state, MachineState.decode(MemorySegment.ofArray(state.encode())));
        }
    }

    @Test
    void refusesEveryTruncationAndExtension() {
        byte[] good = new MachineState(List.of(new Section("a", 1, new byte[] {1, 2, 3}))).encode();
        for (int length = 0; length < good.length; length++) {
            byte[] cut = Arrays.copyOf(good, length);
            assertThrows(StateFormatException.class, () -> MachineState.decode(cut));
            // also when the checksum of what is left is right
            if (length > 20) {
                assertThrows(StateFormatException.class, () -> MachineState.decode(checksummed(cut)));
            }
        }
        assertThrows(StateFormatException.class, () -> MachineState.decode(Arrays.copyOf(good, good.length + 1)));
        assertThrows(
                StateFormatException.class,
                () -> MachineState.decode(checksummed(Arrays.copyOf(good, good.length + 8))));
    }

    @Test
    void refusesDuplicatesAndBadNames() {
        Section a = new Section("a", 1, new byte[0]);
        assertMessage("two sections a", () -> new MachineState(List.of(a, a)));
        assertMessage("name", () -> new Section("A", 1, new byte[0]));
        assertMessage("name", () -> new Section("", 1, new byte[0]));
        assertMessage("name", () -> new Section("x".repeat(65), 1, new byte[0]));
        assertMessage("version 0", () -> new Section("x", 0, new byte[0]));
        assertMessage("no section b", () -> new MachineState(List.of(a)).get("b"));
        assertMessage("bytes", () -> new Section("x", 1, new byte[Section.MAX_BYTES + 1]));
    }

    @Test
    void namesTheVersionItDoesNotKnow() {
        byte[] bytes = new MachineState(List.of()).encode();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(8, 7);
        assertMessage("format version 7, this is version 1", () -> MachineState.decode(checksummed(bytes)));
    }

    @Test
    void survivesHostileBytes() {
        Random random = new Random(SEED);
        int decoded = 0;
        for (int i = 0; i < 50_000; i++) {
            byte[] bytes = mutate(random, random(random).encode());
            if (random.nextInt(8) != 0) {
                checksummed(bytes);
            }
            try {
                MachineState.decode(bytes);
                decoded++;
            } catch (StateFormatException e) {
                assertTrue(e.getMessage().indexOf('\n') < 0, "one line, seed " + SEED);
            } catch (RuntimeException e) {
                throw new AssertionError("iteration " + i + ", seed " + SEED, e);
            }
        }
        // Some changes are harmless ones, of data: the check above must not be what refuses everything.
        assertTrue(decoded > 100, decoded + " decoded, seed " + SEED);
    }

    static byte[] mutate(Random random, byte[] bytes) {
        byte[] changed =
                random.nextInt(4) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length + 40)) : bytes.clone();
        for (int i = random.nextInt(4); i > 0 && changed.length > 0; i--) {
            int at = random.nextInt(changed.length);
            switch (random.nextInt(4)) {
                case 0 -> changed[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> changed[at] = (byte) random.nextInt();
                case 2 -> Arrays.fill(changed, at, Math.min(changed.length, at + 4), (byte) 0xff);
                default -> changed[at]++;
            }
        }
        return changed;
    }

    private static byte[] checksummed(byte[] bytes) {
        if (bytes.length >= 4) {
            CRC32C crc = new CRC32C();
            crc.update(bytes, 0, bytes.length - 4);
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(bytes.length - 4, (int) crc.getValue());
        }
        return bytes;
    }

    private static void assertMessage(String part, Executable executable) {
        StateFormatException e = assertThrows(StateFormatException.class, executable);
        assertTrue(e.getMessage().contains(part), e.getMessage());
    }
}
