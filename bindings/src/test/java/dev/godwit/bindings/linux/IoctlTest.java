package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** ioctl on descriptors that every machine has. */
class IoctlTest {
    private static final long FIONREAD = 0x541B;

    @Test
    void fillsAStructure() {
        int fd = EventCalls.eventfd(0, EventCalls.EFD_CLOEXEC);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ends = arena.allocate(ValueLayout.JAVA_INT, 2);
            assertEquals(0, FileCalls.pipe2(ends, FileCalls.O_CLOEXEC));
            int reader = ends.getAtIndex(ValueLayout.JAVA_INT, 0);
            int writer = ends.getAtIndex(ValueLayout.JAVA_INT, 1);
            assertEquals(5, FileCalls.write(writer, arena.allocate(5)));
            MemorySegment ready = arena.allocate(ValueLayout.JAVA_INT);
            assertEquals(0, Ioctl.ioctl(reader, FIONREAD, ready));
            assertEquals(5, ready.get(ValueLayout.JAVA_INT, 0));
            MemorySegment capture = ErrnoCapture.allocate(arena);
            assertEquals(-Errno.EFAULT, Ioctl.ioctl(capture, reader, FIONREAD, 0L));
            assertEquals(-Errno.ENOTTY, Ioctl.ioctl(capture, fd, UserfaultIoctl.UFFDIO_API, ready));
            assertEquals(-Errno.EBADF, Ioctl.ioctl(-1, FIONREAD, 0L));
            FileCalls.close(reader);
            FileCalls.close(writer);
        }
        assertEquals(0, FileCalls.close(fd));
    }

    @Test
    void aRequestNumberHasBounds() {
        MemoryLayout large = MemoryLayout.sequenceLayout(1 << 14, ValueLayout.JAVA_BYTE);
        assertThrows(IllegalArgumentException.class, () -> IoctlNumber.ior(1, 1, large));
        assertThrows(IllegalArgumentException.class, () -> IoctlNumber.io(256, 1));
        assertThrows(IllegalArgumentException.class, () -> IoctlNumber.io(1, -1));
        assertEquals(0xAE80, IoctlNumber.io(0xAE, 0x80));
        assertEquals(0x8004_6601L, IoctlNumber.ior('f', 1, ValueLayout.JAVA_INT));
    }
}
