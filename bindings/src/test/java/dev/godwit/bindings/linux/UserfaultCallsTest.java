package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.linux.gen.linux_h;
import dev.godwit.bindings.linux.gen.uffd_msg;
import dev.godwit.bindings.linux.gen.uffdio_api;
import dev.godwit.bindings.linux.gen.uffdio_copy;
import dev.godwit.bindings.linux.gen.uffdio_register;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/** A missing page is filled by whoever reads the userfaultfd. */
class UserfaultCallsTest {
    private static final long PAGE = 4096;

    @Test
    void aMissingPageIsFilledOnItsFirstTouch() throws InterruptedException, ExecutionException, TimeoutException {
        int fd = UserfaultCalls.userfaultfd(FileCalls.O_CLOEXEC);
        if (fd == -Errno.EPERM || fd == -Errno.ENOSYS) {
            System.out.println("userfaultfd is not permitted here (" + Errno.name(-fd) + "): faults are not tested");
            return;
        }
        assertTrue(fd >= 0, () -> Errno.name(-fd));
        long memory = MemoryCalls.mmap(
                0,
                PAGE,
                MemoryCalls.PROT_READ | MemoryCalls.PROT_WRITE,
                MemoryCalls.MAP_PRIVATE | MemoryCalls.MAP_ANONYMOUS,
                -1,
                0);
        try (Arena arena = Arena.ofShared()) {
            register(fd, memory, arena);
            // the kernel touches the page: a thread that sleeps in a call does not hold the JVM up
            int file = MemoryCalls.memfdCreate("copy", MemoryCalls.MFD_CLOEXEC);
            CompletableFuture<Long> written = new CompletableFuture<>();
            Thread.ofPlatform()
                    .daemon()
                    .start(() -> written.complete(FileCalls.pwrite(ErrnoCapture.ofThread(), file, memory, PAGE, 0)));
            resolve(fd, memory, arena);
            assertEquals(PAGE, written.get(60, TimeUnit.SECONDS));
            MemorySegment back = arena.allocate(PAGE);
            assertEquals(PAGE, FileCalls.pread(file, back, 0));
            assertEquals("filled", back.getString(0));
            assertEquals(0, FileCalls.close(file));
        }
        assertEquals(0, FileCalls.close(fd));
        assertEquals(0, MemoryCalls.munmap(memory, PAGE));
    }

    private static void register(int fd, long memory, Arena arena) {
        MemorySegment api = arena.allocate(uffdio_api.layout());
        uffdio_api.api(api, linux_h.UFFD_API());
        assertEquals(0, Ioctl.ioctl(fd, UserfaultIoctl.UFFDIO_API, api));
        MemorySegment range = arena.allocate(uffdio_register.layout());
        range.set(ValueLayout.JAVA_LONG, 0, memory);
        range.set(ValueLayout.JAVA_LONG, 8, PAGE);
        uffdio_register.mode(range, linux_h.UFFDIO_REGISTER_MODE_MISSING());
        assertEquals(0, Ioctl.ioctl(fd, UserfaultIoctl.UFFDIO_REGISTER, range));
    }

    private static void resolve(int fd, long memory, Arena arena) {
        MemorySegment message = arena.allocate(uffd_msg.layout());
        assertEquals(message.byteSize(), FileCalls.read(fd, message));
        assertEquals(linux_h.UFFD_EVENT_PAGEFAULT(), uffd_msg.event(message));
        MemorySegment fault = uffd_msg.arg.pagefault(uffd_msg.arg(message));
        assertEquals(memory, uffd_msg.arg.pagefault.address(fault));
        MemorySegment content = arena.allocate(PAGE, PAGE);
        content.setString(0, "filled");
        MemorySegment copy = arena.allocate(uffdio_copy.layout());
        uffdio_copy.dst(copy, memory);
        uffdio_copy.src(copy, content.address());
        uffdio_copy.len(copy, PAGE);
        assertEquals(0, Ioctl.ioctl(fd, UserfaultIoctl.UFFDIO_COPY, copy));
        assertEquals(PAGE, uffdio_copy.copy(copy));
    }
}
