package dev.godwit.images;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class GuestPaceTest {
    @Test
    void everyBinIsRead() {
        assertEquals(new GuestPace(2000, List.of(64L, 0L, 1L)), GuestPace.parse("PACE us=2000 bins=3 work=gCAB\r\n"));
        assertEquals(new GuestPace(2000, List.of()), GuestPace.parse("PACE us=2000 bins=0 work="));
        assertTrue(GuestPace.isPace("PACE us=2000"));
        assertFalse(GuestPace.isPace("REPORT vcpus=1"));
    }

    @Test
    void damagedLinesAreRefused() {
        assertEquals(
                "PACE line with 2 of 3 bins of 2000 us",
                assertThrows(IllegalArgumentException.class, () -> GuestPace.parse("PACE us=2000 bins=3 work=AA"))
                        .getMessage());
        assertThrows(IllegalArgumentException.class, () -> GuestPace.parse("PACE us=0 bins=0 work="));
        assertThrows(IllegalArgumentException.class, () -> GuestPace.parse("PACE bins=0 work="));
    }
}
