package dev.godwit.host.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.ErrnoCapture;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SignalCalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Pages go aside and come back with what they held, and who touches a missing one is told of and waits. */
class UserfaultTest {
    private static final int SMALL = PageSize.SMALL;
    private static final int LARGE = PageSize.LARGE;

    @Test
    void largePagesMoveAsideAndBackWhole() {
        try (GuestMemory memory = GuestMemory.allocate(4 * LARGE, LargePages.THP);
                GuestMemory aside = GuestMemory.allocate(4 * LARGE, LargePages.THP);
                Userfault userfault = Userfault.open();
                Arena arena = Arena.ofConfined()) {
            memory.segment().fill((byte) 7);
            long large = Backing.scan(arena, memory).largeBytes();
            userfault.register(memory.hva(), memory.size());
            userfault.register(aside.hva(), aside.size());
            assertTrue(userfault.canMove(), "Linux 6.8");
            assertEquals(memory.size(), userfault.move(aside.hva(), memory.hva(), memory.size()));
            assertTrue(Backing.scan(arena, memory).resident().isEmpty());
            assertTrue(Backing.scan(arena, aside).largeBytes() >= large);
            assertEquals(-Errno.EEXIST, userfault.move(aside.hva(), aside.hva() + LARGE, LARGE));
            assertEquals(memory.size(), userfault.move(memory.hva(), aside.hva(), memory.size()));
            assertTrue(Backing.scan(arena, memory).largeBytes() >= large);
            assertEquals((byte) 7, memory.segment().get(ValueLayout.JAVA_BYTE, memory.size() - 1));
        }
    }

    /** Who touches a missing page in vain leaves a page table, which must not be in the way of a large page. */
    @Test
    void aLargePageGoesWhereSomebodyWaitsForASmallOne() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(LARGE, LargePages.THP);
                GuestMemory aside = GuestMemory.allocate(LARGE, LargePages.THP);
                Userfault userfault = Userfault.open();
                Arena arena = Arena.ofConfined()) {
            aside.populateLarge(0);
            aside.segment().fill((byte) 5);
            long large = Backing.scan(arena, aside).largeBytes();
            memory.expectFaults(true);
            assertEquals(Userfault.freesTables(), memory.hasSmallFaults());
            if (!memory.hasSmallFaults()) {
                // Such a kernel goes on making large pages of zeros first.
                return;
            }
            userfault.register(memory.hva(), memory.size());
            int file = MemoryCalls.memfdCreate("touch", MemoryCalls.MFD_CLOEXEC);
            CompletableFuture<Long> touched = touch(file, memory.hva() + SMALL, SMALL);
            assertTrue(userfault.await(60_000));
            assertEquals(0, MemoryCalls.madvise(memory.hva(), LARGE, MemoryCalls.MADV_DONTNEED));
            assertEquals(LARGE, userfault.move(memory.hva(), aside.hva(), LARGE));
            assertEquals(SMALL, touched.get(60, TimeUnit.SECONDS));
            assertEquals(large, Backing.scan(arena, memory).largeBytes());
            userfault.unregister(memory.hva(), memory.size());
            memory.expectFaults(false);
            assertFalse(memory.hasSmallFaults());
            FileCalls.close(file);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "6.14.0, true",
        "6.13.99-rc1, false",
        "7.0-x, true",
        "5.20.1, false",
        "6.18.44-fc-v595, true",
        "odd, false"
    })
    void kernelsThatFreeTablesAreTold(String release, boolean frees) {
        assertEquals(frees, Userfault.isSince(release, 6, 14));
    }

    @Test
    void whoTouchesAMissingPageWaitsForIt() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(LARGE, LargePages.NONE);
                GuestMemory source = GuestMemory.allocate(LARGE, LargePages.NONE);
                Userfault userfault = Userfault.open();
                Arena arena = Arena.ofConfined()) {
            source.segment().fill((byte) 9);
            userfault.register(memory.hva(), memory.size());
            MemorySegment messages = arena.allocate(Userfault.MESSAGE * 4, 8);
            assertEquals(0, userfault.read(messages));
            int file = MemoryCalls.memfdCreate("touch", MemoryCalls.MFD_CLOEXEC);
            CompletableFuture<Integer> thread = new CompletableFuture<>();
            CompletableFuture<Long> written = touch(file, memory.hva() + SMALL, 2 * SMALL, thread);
            assertTrue(userfault.await(60_000));
            assertEquals(1, userfault.read(messages));
            assertTrue(Userfault.isFault(messages, 0));
            assertEquals(memory.hva() + SMALL, Userfault.faultAddress(messages, 0));
            assertTrue(!Userfault.isWrite(messages, 0));
            assertEquals(thread.get(), Userfault.faultThread(messages, 0));
            // One page of two comes from the kernel's zeros.
            assertEquals(SMALL, userfault.zero(memory.hva() + 2 * SMALL, SMALL));
            assertEquals(SMALL, userfault.copy(memory.hva() + SMALL, source.hva(), SMALL));
            assertEquals(2L * SMALL, written.get(60, TimeUnit.SECONDS));
            assertEquals(-Errno.EEXIST, userfault.copy(memory.hva() + SMALL, source.hva(), SMALL));
            MemorySegment back = arena.allocate(2 * SMALL);
            FileCalls.pread(file, back, 0);
            assertEquals((byte) 9, back.get(ValueLayout.JAVA_BYTE, SMALL - 1));
            assertEquals((byte) 0, back.get(ValueLayout.JAVA_BYTE, SMALL));
            FileCalls.close(file);
            userfault.unregister(memory.hva(), memory.size());
            assertEquals((byte) 0, memory.segment().get(ValueLayout.JAVA_BYTE, 0));
        }
    }

    /** By the kernel, which writes it into a file: a thread that waits inside a call does not hold the JVM up. */
    private static CompletableFuture<Long> touch(int file, long hva, int bytes) {
        return touch(file, hva, bytes, new CompletableFuture<>());
    }

    /** @param thread completed with the number of the thread that does it */
    private static CompletableFuture<Long> touch(int file, long hva, int bytes, CompletableFuture<Integer> thread) {
        CompletableFuture<Long> written = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            thread.complete(SignalCalls.gettid());
            written.complete(FileCalls.pwrite(ErrnoCapture.ofThread(), file, hva, bytes, 0));
        });
        return written;
    }
}
