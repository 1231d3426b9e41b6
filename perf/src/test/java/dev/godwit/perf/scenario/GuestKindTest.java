package dev.godwit.perf.scenario;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.images.GuestImage;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GuestKindTest {
    @ParameterizedTest
    @EnumSource
    void namesAnImageThatComesWithGodwitAndTellsItItsVcpus(GuestKind kind) {
        assertTrue(GuestImage.named(kind.image()).isPresent(), kind.image());
        assertTrue(kind.commandLine(3, 0).contains("cpus=3"), kind.commandLine(3, 0));
        assertTrue(kind.commandLine(3, 2_600_000).contains(" tsc_khz=2600000"), kind.commandLine(3, 2_600_000));
        assertTrue(kind.cpus(3) == 3 && kind.cpus(1) >= 1, kind.text());
        assertEquals(kind == GuestKind.IDLE, kind.commandLine(1, 0).contains("idle=1"));
    }
}
