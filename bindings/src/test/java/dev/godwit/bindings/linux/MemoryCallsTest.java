package dev.godwit.bindings.linux;

import static dev.godwit.bindings.linux.MemoryCalls.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** Mappings and what can be done to them. */
class MemoryCallsTest {
    private static final long SIZE = 16 * 4096;

    @Test
    void anonymousMemoryIsZeroAgainAfterDontneed() {
        MemorySegment memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
        memory.set(ValueLayout.JAVA_LONG, 4096, 42);
        assertEquals(0, madvise(memory.address(), SIZE, MADV_DONTNEED));
        assertEquals(0, memory.get(ValueLayout.JAVA_LONG, 4096));
        assertEquals(0, munmap(memory.address(), SIZE));
    }

    @Test
    void aMemfdIsOneMemoryInTwoMappings() {
        int fd = memfdCreate("test", MFD_CLOEXEC);
        assertTrue(fd >= 0, () -> Errno.name(-fd));
        assertEquals(0, FileCalls.ftruncate(fd, SIZE));
        MemorySegment one = map(MAP_SHARED, fd);
        MemorySegment other = map(MAP_SHARED, fd);
        one.set(ValueLayout.JAVA_INT, 8, 7);
        assertEquals(7, other.get(ValueLayout.JAVA_INT, 8));
        assertEquals(0, msync(one.address(), SIZE, MS_SYNC));
        assertEquals(0, munmap(one.address(), SIZE));
        assertEquals(0, munmap(other.address(), SIZE));
        assertEquals(0, FileCalls.close(fd));
    }

    @Test
    void mincoreTellsTouchedPages() {
        MemorySegment memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
        assertEquals(0, madvise(memory.address(), SIZE, MADV_NOHUGEPAGE));
        memory.set(ValueLayout.JAVA_BYTE, 2 * 4096, (byte) 1);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pages = arena.allocate(SIZE / 4096);
            assertEquals(0, mincore(memory.address(), SIZE, pages.address()));
            assertEquals(1, pages.get(ValueLayout.JAVA_BYTE, 2) & 1);
            assertEquals(0, pages.get(ValueLayout.JAVA_BYTE, 3) & 1);
        }
        assertEquals(0, mlock(memory.address(), 4096));
        assertEquals(0, munlock(memory.address(), 4096));
        assertEquals(0, munmap(memory.address(), SIZE));
    }

    @Test
    void memoryMovesAndKeepsItsContent() {
        MemorySegment memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
        memory.set(ValueLayout.JAVA_INT, 0, 99);
        long moved = mremap(memory.address(), SIZE, 4 * SIZE, MREMAP_MAYMOVE, 0);
        assertTrue(moved > 0, () -> Errno.name((int) -moved));
        assertEquals(99, segment(moved, 4 * SIZE).get(ValueLayout.JAVA_INT, 0));
        assertEquals(0, mprotect(moved, SIZE, PROT_READ));
        assertEquals(0, munmap(moved, 4 * SIZE));
    }

    @Test
    void errorsAreNegatedNumbers() {
        assertEquals(-Errno.EINVAL, mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        assertEquals(-Errno.EBADF, mmap(0, SIZE, PROT_READ, MAP_PRIVATE, -1, 0));
        assertEquals(-Errno.EINVAL, munmap(1, SIZE));
        assertEquals(-Errno.ENOMEM, madvise(4096, 4096, MADV_DONTNEED));
        assertEquals(-Errno.ENOMEM, mprotect(4096, 4096, PROT_READ));
    }

    private static MemorySegment map(int flags, int fd) {
        long address = mmap(0, SIZE, PROT_READ | PROT_WRITE, flags, fd, 0);
        assertTrue(address > 0, () -> Errno.name((int) -address));
        return segment(address, SIZE);
    }

    @SuppressWarnings("restricted")
    private static MemorySegment segment(long address, long size) {
        return MemorySegment.ofAddress(address).reinterpret(size);
    }
}
