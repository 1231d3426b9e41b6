package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What may leave a guest, and what comes back as it was. Needs a userfaultfd, no KVM. */
@Tag("kvm")
@Timeout(60)
class TakeOutTest {
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final long OLD = 0x01d;
    private static final long NEW = 0x9e3;

    /** A Java thread that waits for a page cannot be stopped for a collection, which may stop whoever brings it. */
    @Test
    void whatJavaCodeUsesDoesNotLeave() throws Exception {
        try (ModelHost host = new ModelHost(3L * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofConfined()) {
            for (long page = 0; page < 3L * PER_CHUNK; page++) {
                ModelHost.write(host.memory, page, 0, NEW);
            }
            host.pager.arm();
            host.pager.start();
            MemorySegment kept = host.memory.keptSlice(PageSize.SMALL, PageSize.SMALL);
            var _ = host.memory.slice(PageSize.LARGE, PageSize.SMALL);
            PageSet cold = new PageSet(arena, 3L * PER_CHUNK);
            cold.addAll();
            assertEquals(0, host.pager.leaving().takeOut(0, cold));
            assertEquals(0, host.pager.leaving().takeOut(1, cold));
            assertEquals(PER_CHUNK, host.pager.leaving().takeOut(2, cold));
            host.pager.leaving().settle(2);
            assertFalse(host.pager.leaving().mayLeave(0));
            while (!host.pager.leaving().mayLeave(1)) {
                Thread.onSpinWait();
            }
            assertEquals(PER_CHUNK, host.pager.leaving().takeOut(1, cold));
            assertFalse(host.pager.leaving().mayLeave(0));
            host.memory.release(kept);
            assertTrue(host.pager.leaving().mayLeave(0));
        }
    }

    /** Whoever ends it once more finds it unmapped, or another guest at its addresses. */
    @Test
    void aGuestThatIsEndedTwiceIsLetGoOnce() {
        GuestMemory memory = GuestMemory.allocate(PageSize.LARGE, LargePages.THP);
        try (Pager pager = new Pager(memory)) {
            pager.arm();
            pager.start();
            memory.giveUpMissing();
            memory.close();
            memory.giveUpMissing();
        }
    }

    /** The source sends a page twice, the second time while the guest's whole chunk is put together. */
    @Test
    void aPageThatComesOnceMoreDoesNotReplaceWhatTheGuestWrote() throws Exception {
        for (int i = 0; i < 20; i++) {
            try (ModelHost host = new ModelHost(PER_CHUNK, LargePages.THP);
                    Arena arena = Arena.ofShared()) {
                PageSet large = new PageSet(arena, 1);
                large.add(0);
                PageSet absent = new PageSet(arena, PER_CHUNK);
                absent.addAll();
                host.pager.preferLarge(large);
                host.pager.attach(Place.AT_SOURCE, new Nobody());
                host.pager.locate(absent, Place.AT_SOURCE);
                host.pager.arm();
                host.pager.start();
                host.touch(0, 0, true, NEW);
                while (host.pager.waiting() == 0) {
                    Thread.onSpinWait();
                }
                var first = arena.allocate(PageSize.SMALL, PageSize.SMALL);
                first.set(java.lang.foreign.ValueLayout.JAVA_LONG, 0, OLD);
                host.pager.arrived(Place.AT_SOURCE, 0, 1, first);
                var _ = host.touches.getFirst().result().get();
                deliverTheRest(host);
                assertTrue(host.pager.complete().isDone());
                assertEquals(NEW, ModelHost.read(host.memory, 0, 0));
                assertEquals(OLD, ModelHost.read(host.memory, PER_CHUNK - 1, 0));
            }
        }
    }

    /** While the first page comes again and again, by another thread. */
    private static void deliverTheRest(ModelHost host) throws InterruptedException {
        GuestMemory staging = host.pager.staging();
        Thread again = Thread.ofPlatform().start(() -> {
            while (!Thread.currentThread().isInterrupted()) {
                ModelHost.write(staging, 0, 0, OLD);
            }
        });
        try {
            for (long page = 1; page < PER_CHUNK; page++) {
                ModelHost.write(staging, page, 0, OLD);
            }
            host.pager.arrived(Place.AT_SOURCE, 1, PER_CHUNK - 1);
        } finally {
            again.interrupt();
            again.join();
        }
    }
}
