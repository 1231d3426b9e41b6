package dev.godwit.perf.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.godwit.agent.config.Failure;
import dev.godwit.perf.scenario.GuestKind;
import java.util.List;
import org.junit.jupiter.api.Test;

class PeerOptionsTest {
    @Test
    void theCommandInAReportNamesNoPlaceOfThisMachine() {
        assertEquals(
                "godwit bench migrate --peer qemu --qemu qemu10 --runs 3",
                PeerOptions.portable(List.of(
                        "bench", "migrate", "--peer", "qemu", "--qemu=/a/b/qemu10", "--out", "/c/d", "--runs", "3")));
        assertEquals(
                "godwit bench migrate --qemu qemu",
                PeerOptions.portable(List.of("bench", "migrate", "--out=/c", "--qemu", "qemu")));
    }

    @Test
    void listsAreWordsBetweenCommasOrAll() {
        long memory = 1L << 30;
        assertEquals(List.of(GuestKind.ZERO, GuestKind.IDLE), GuestKinds.parse("zero,idle,zero", memory));
        assertEquals(List.of(GuestKind.values()), GuestKinds.parse("all", memory));
        for (String wrong : List.of("", "idle,", ",", "cat")) {
            Failure failure = assertThrows(Failure.class, () -> GuestKinds.parse(wrong, memory));
            assertEquals(Failure.Kind.BAD_INPUT, failure.kind());
        }
        assertEquals(
                "--memory: guest dirty needs at least 264m",
                assertThrows(Failure.class, () -> GuestKinds.parse("dirty", 256 << 20))
                        .getMessage());
    }
}
