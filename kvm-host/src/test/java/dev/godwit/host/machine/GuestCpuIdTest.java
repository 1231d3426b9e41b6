package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.kvm.CpuId.Entry;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The guest's CPU is the host's, but for what is its own. */
class GuestCpuIdTest {
    private static final CpuId HOST = new CpuId(List.of(
            new Entry(0, 0, 0, 0x1f, 1, 2, 3),
            new Entry(1, 0, 0, 0x806f8, 0x07_09_08_00, 0x1234, 0x5678),
            new Entry(7, 0, 1, 2, 3, 4, 5),
            new Entry(0xb, 0, 1, 1, 2, 0x100, 7),
            new Entry(0xb, 1, 1, 4, 8, 0x201, 7),
            new Entry(0x1f, 0, 1, 1, 2, 0x100, 7),
            new Entry(0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d),
            new Entry(0x40000001, 0, 0, 0x1007efb, 0, 0, 0)));

    @Test
    void eachVcpuHasItsOwnApicId() {
        for (int id : new int[] {0, 1, 63}) {
            CpuId guest = GuestCpuId.forVcpu(HOST, id, 64, 2_600_000);
            Entry features = leaf(guest, 1, 0);
            assertEquals(id, features.ebx() >>> 24, "APIC id");
            assertEquals(64, (features.ebx() >>> 16) & 0xff, "CPUs");
            assertEquals(0x0800, features.ebx() & 0xffff, "kept");
            assertEquals(0x80001234, features.ecx(), "under a hypervisor");
            assertEquals(0x5678, features.edx());
            assertEquals(id, leaf(guest, 0xb, 0).edx());
            assertEquals(id, leaf(guest, 0xb, 1).edx());
            assertEquals(id, leaf(guest, 0x1f, 0).edx());
        }
    }

    @Test
    void theTimingLeafIsThereAndInReach() {
        CpuId guest = GuestCpuId.forVcpu(HOST, 0, 1, 2_600_000);
        assertEquals(0x40000010, leaf(guest, 0x40000000, 0).eax());
        assertEquals(2_600_000, leaf(guest, 0x40000010, 0).eax());
        assertEquals(HOST.entries().size() + 1, guest.entries().size());
        CpuId again = GuestCpuId.forVcpu(guest, 0, 1, 1000);
        assertEquals(1000, leaf(again, 0x40000010, 0).eax(), "replaced, not doubled");
        assertEquals(guest.entries().size(), again.entries().size());
        assertTrue(GuestCpuId.forVcpu(HOST, 0, 1, 0).find(0x40000010, 0).isEmpty(), "unknown is not zero");
    }

    @Test
    void theRestIsTheHosts() {
        CpuId guest = GuestCpuId.forVcpu(HOST, 3, 4, 1);
        for (int function : new int[] {0, 7, 0x40000001}) {
            assertEquals(leaf(HOST, function, 0), leaf(guest, function, 0));
        }
    }

    private static Entry leaf(CpuId cpu, int function, int index) {
        return cpu.find(function, index).orElseThrow();
    }
}
