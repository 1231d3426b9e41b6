package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** The node of a page is told, and an absent one is an error. */
class NumaCallsTest {
    @Test
    void tellsTheNodeOfATouchedPage() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(4096, 4096);
            page.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
            MemorySegment pages = arena.allocateFrom(ValueLayout.JAVA_LONG, page.address());
            MemorySegment status = arena.allocateFrom(ValueLayout.JAVA_INT, -1);
            long result = NumaCalls.movePages(0, 1, pages.address(), 0, status.address(), 0);
            if (result == -Errno.EPERM || result == -Errno.ENOSYS) {
                System.out.println("move_pages is not permitted here (" + Errno.name((int) -result) + "): not tested");
                return;
            }
            assertEquals(0, result);
            MemorySegment node = arena.allocateFrom(ValueLayout.JAVA_INT, -1);
            int flags = NumaCalls.MPOL_F_NODE | NumaCalls.MPOL_F_ADDR;
            assertEquals(0, NumaCalls.getMempolicy(node.address(), 0, 0, page.address(), flags));
            assertTrue(status.get(ValueLayout.JAVA_INT, 0) >= 0);
            assertEquals(status.get(ValueLayout.JAVA_INT, 0), node.get(ValueLayout.JAVA_INT, 0));
            assertEquals(0, NumaCalls.setMempolicy(NumaCalls.MPOL_DEFAULT, 0, 0));
            assertEquals(0, NumaCalls.mbind(page.address(), 4096, NumaCalls.MPOL_DEFAULT, 0, 0, 0));
            assertEquals(-Errno.EINVAL, NumaCalls.mbind(page.address(), 4096, 1000, 0, 0, 0));
        }
    }
}
