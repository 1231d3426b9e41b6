package dev.godwit.host.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.kvm.CpuId.Entry;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CpuIdCheckTest {
    private static final int BY_INDEX = 1;
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());

    private static CpuId cpu(Entry... entries) {
        return new CpuId(List.of(entries));
    }

    @Test
    void aCpuFitsItselfAndMore() {
        CpuId less = cpu(new Entry(7, 0, BY_INDEX, 0, 1 << 5, 0, 0), new Entry(1, 0, 0, 0, 0, 1, 1));
        CpuId more = cpu(new Entry(7, 0, BY_INDEX, 0, 1 << 5 | 1 << 16, 0, 0), new Entry(1, 0, 0, 0, 0, 3, 3));
        assertEquals(List.of(), CpuIdCheck.missing(less, less));
        assertEquals(List.of(), CpuIdCheck.missing(less, more));
        assertEquals(List.of("pclmulqdq", "vme", "avx512f"), CpuIdCheck.missing(more, less));
    }

    @Test
    void namesWhatHasNoName() {
        CpuId guest = cpu(new Entry(7, 0, BY_INDEX, 0, 1 << 22, 0, 0), new Entry(7, 2, BY_INDEX, 0, 0, 0, 2));
        assertEquals(List.of("cpuid 0x7.0 ebx bit 22", "cpuid 0x7.2 edx bit 1"), CpuIdCheck.missing(guest, cpu()));
    }

    @Test
    void leavesOutWhatIsNoFeature() {
        CpuId guest = cpu(
                new Entry(1, 0, 0, 0x123, 0xff000000, 1 << 27 | 1 << 31 | 1 << 24, 1 << 9 | 1 << 28),
                new Entry(7, 0, BY_INDEX, 2, 1 << 13 | 1 << 6, 1 << 4, 1 << 11),
                new Entry(0xb, 1, BY_INDEX, 1, 2, 3, 4));
        assertEquals(List.of(), CpuIdCheck.missing(guest, cpu()));
    }

    @Test
    void comparesVendorExtendedRegistersAndAddresses() {
        CpuId guest = cpu(
                new Entry(0, 0, 0, 1, 0x756e6547, 0x6c65746e, 0x49656e69),
                new Entry(0xd, 0, BY_INDEX, 7, 832, 2696, 0),
                new Entry(0xd, 2, BY_INDEX, 256, 576, 0, 0),
                new Entry(0x80000008, 0, 0, 0x3034, 0, 0, 0));
        CpuId host = cpu(
                new Entry(0, 0, 0, 1, 0x68747541, 0x444d4163, 0x69746e65),
                new Entry(0xd, 0, BY_INDEX, 7, 832, 832, 0),
                new Entry(0xd, 2, BY_INDEX, 256, 600, 0, 0),
                new Entry(0x80000008, 0, 0, 0x3030, 0, 0, 0));
        assertEquals(
                List.of(
                        "vendor GenuineIntel (the host is AuthenticAMD)",
                        "xsave area of 2696 bytes (the host has 832)",
                        "xsave component 2 at the same place",
                        "52 physical address bits (the host has 48)"),
                CpuIdCheck.missing(guest, host));
    }

    @Test
    void theCodecKeepsAll() {
        Random random = new Random(SEED);
        Entry[] entries = new Entry[random.nextInt(100)];
        for (int i = 0; i < entries.length; i++) {
            entries[i] = new Entry(i, random.nextInt(), 1, random.nextInt(), random.nextInt(), 5, random.nextInt());
        }
        byte[] bytes = CpuIdCodec.encode(cpu(entries));
        assertEquals(cpu(entries), CpuIdCodec.decode(bytes), "seed " + SEED);
        for (int i = 0; i < 20_000; i++) {
            try {
                CpuIdCodec.decode(MachineStateTest.mutate(random, bytes));
            } catch (StateFormatException expected) {
                // the only way to refuse
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + SEED, e);
            }
        }
        assertThrows(StateFormatException.class, () -> CpuIdCodec.decode(new byte[7]));
    }
}
