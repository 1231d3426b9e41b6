package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files and pipes by descriptor. */
class FileCallsTest {
    @TempDir
    Path folder;

    @Test
    void writesAndReadsAtAnOffset() {
        int fd = create("file");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocateFrom("godwit");
            assertEquals(7, FileCalls.pwrite(fd, text, 4096));
            MemorySegment back = arena.allocate(7);
            assertEquals(7, FileCalls.pread(fd, back, 4096));
            assertEquals("godwit", back.getString(0));
            assertEquals(4103, FileCalls.size(fd));
            assertEquals(0, FileCalls.pread(fd, back, 1 << 20), "past the end");
            assertEquals(0, FileCalls.fsync(fd));
            assertEquals(0, FileCalls.fdatasync(fd));
        }
        assertEquals(0, FileCalls.close(fd));
    }

    @Test
    void changesTheSize() {
        int fd = create("sized");
        assertEquals(0, FileCalls.ftruncate(fd, 1 << 20));
        assertEquals(1 << 20, FileCalls.size(fd));
        assertEquals(0, FileCalls.fallocate(fd, 0, 1 << 20, 4096));
        assertEquals((1 << 20) + 4096, FileCalls.size(fd));
        assertEquals(0, FileCalls.close(fd));
    }

    @Test
    void findsDataBetweenHoles() {
        int fd = create("sparse");
        long mib = 1 << 20;
        assertEquals(0, FileCalls.ftruncate(fd, 4 * mib));
        assertEquals(-Errno.ENXIO, FileCalls.lseek(fd, 0, FileCalls.SEEK_DATA), "all hole");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(mib).fill((byte) 7);
            assertEquals(mib, FileCalls.pwrite(fd, bytes, mib));
        }
        assertEquals(mib, FileCalls.lseek(fd, 0, FileCalls.SEEK_DATA));
        assertEquals(2 * mib, FileCalls.lseek(fd, mib, FileCalls.SEEK_HOLE));
        assertEquals(-Errno.ENXIO, FileCalls.lseek(fd, 2 * mib, FileCalls.SEEK_DATA), "no more data");
        int punch = FileCalls.FALLOC_FL_PUNCH_HOLE | FileCalls.FALLOC_FL_KEEP_SIZE;
        assertEquals(0, FileCalls.fallocate(fd, punch, mib, mib));
        assertEquals(-Errno.ENXIO, FileCalls.lseek(fd, 0, FileCalls.SEEK_DATA), "punched out");
        assertEquals(4 * mib, FileCalls.lseek(fd, 0, FileCalls.SEEK_END));
        assertEquals(0, FileCalls.lseek(fd, 0, FileCalls.SEEK_SET));
        assertEquals(0, FileCalls.close(fd));
    }

    @Test
    void pipesCarryBytes() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ends = arena.allocate(ValueLayout.JAVA_INT, 2);
            assertEquals(0, FileCalls.pipe2(ends, FileCalls.O_CLOEXEC | FileCalls.O_NONBLOCK));
            int reader = ends.getAtIndex(ValueLayout.JAVA_INT, 0);
            int writer = ends.getAtIndex(ValueLayout.JAVA_INT, 1);
            MemorySegment bytes = arena.allocateFrom("abc");
            assertEquals(-Errno.EAGAIN, FileCalls.read(reader, bytes));
            assertEquals(4, FileCalls.write(writer, bytes));
            MemorySegment capture = ErrnoCapture.allocate(arena);
            MemorySegment back = arena.allocate(4);
            assertEquals(2, FileCalls.read(capture, reader, back.address(), 2));
            assertEquals(2, FileCalls.read(reader, back.asSlice(2)));
            assertEquals("abc", back.getString(0));
            int flags = FileCalls.fcntl(reader, FileCalls.F_GETFL, 0);
            assertTrue((flags & FileCalls.O_NONBLOCK) != 0, () -> "flags " + flags);
            assertEquals(0, FileCalls.close(writer));
            assertEquals(0, FileCalls.read(reader, back), "the end");
            assertEquals(0, FileCalls.close(reader));
        }
    }

    @Test
    void errorsAreNegatedNumbers() {
        assertEquals(-Errno.ENOENT, FileCalls.open(folder.resolve("none").toString(), FileCalls.O_RDONLY));
        assertEquals(-Errno.EBADF, FileCalls.close(-1));
        assertEquals(-Errno.EBADF, FileCalls.size(-1));
        assertEquals(-Errno.EBADF, FileCalls.fallocate(-1, 0, 0, 1));
        assertEquals(-Errno.EBADF, FileCalls.lseek(-1, 0, FileCalls.SEEK_SET));
    }

    @Test
    void refusesHeapAndClosedMemory() {
        MemorySegment heap = MemorySegment.ofArray(new byte[8]);
        assertThrows(IllegalArgumentException.class, () -> FileCalls.read(0, heap));
        MemorySegment closed;
        try (Arena arena = Arena.ofConfined()) {
            closed = arena.allocate(8);
        }
        assertThrows(IllegalArgumentException.class, () -> FileCalls.write(1, closed));
    }

    private int create(String name) {
        String path = folder.resolve(name).toString();
        int fd = FileCalls.open(path, FileCalls.O_RDWR | FileCalls.O_CREAT | FileCalls.O_CLOEXEC, 0600);
        assertTrue(fd >= 0, () -> Errno.name(-fd));
        return fd;
    }
}
