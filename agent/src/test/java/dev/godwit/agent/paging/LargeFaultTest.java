package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Large pages stay what they are while pages are missing and somebody waits: not only once all is over. */
@Timeout(120)
class LargeFaultTest {
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final int CHUNKS = 6;
    private static final long WORD = 0x9e3;

    @Test
    void chunksThatSomebodyWaitedForGoInAsLargePages() throws Exception {
        try (ModelHost host = new ModelHost((long) CHUNKS * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            PageSet absent = new PageSet(arena, host.memory.pages());
            PageSet large = new PageSet(arena, CHUNKS);
            for (long page = 0; page < host.memory.pages(); page++) {
                ModelHost.write(host.memory, page, 0, WORD + page);
            }
            for (int chunk = 0; chunk < CHUNKS; chunk++) {
                absent.add((long) chunk * PER_CHUNK);
                large.add(chunk);
            }
            long before = Backing.scan(arena, host.memory).largeBytes();
            host.pager.preferLarge(large);
            host.pager.locate(absent, Place.AT_SOURCE);
            host.pager.arm();
            assertTrue(Backing.scan(arena, host.pager.staging()).largeBytes() >= before, "they are aside as they were");
            host.pager.attach(Place.AT_SOURCE, new Nobody());
            host.pager.start();
            host.touch(0, 0, true, WORD);
            host.touch(PER_CHUNK + 7, 0, true, WORD + PER_CHUNK + 7);
            while (host.pager.waiting() < 2) {
                Thread.onSpinWait();
            }
            MemorySegment content = arena.allocate(PageSize.SMALL, PageSize.SMALL);
            for (int chunk = 0; chunk < CHUNKS; chunk++) {
                content.set(ValueLayout.JAVA_LONG, 0, WORD + (long) chunk * PER_CHUNK);
                host.pager.arrived(Place.AT_SOURCE, (long) chunk * PER_CHUNK, 1, content);
            }
            for (ModelHost.Touch touch : host.touches) {
                var _ = touch.result().get();
            }
            host.pager.complete().get();
            assertTrue(Backing.scan(arena, host.memory).largeBytes() >= before, "they are back as they were");
            for (long page = 0; page < host.memory.pages(); page++) {
                assertEquals(WORD + page, ModelHost.read(host.memory, page, 0), "page " + page);
            }
            host.pager.finish(large);
        }
    }

    /** A merge takes it away for a moment, in which a thread in Java would wait where no collection can stop it. */
    @Test
    void aChunkThatJavaCodeUsesIsNotMerged() throws Exception {
        try (ModelHost host = new ModelHost(2L * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            fill(host);
            PageSet large = new PageSet(arena, 2);
            PageSet absent = new PageSet(arena, host.memory.pages());
            for (int chunk = 0; chunk < 2; chunk++) {
                large.add(chunk);
                absent.addRange((long) chunk * PER_CHUNK, 2L * Chunks.FEW);
            }
            host.pager.preferLarge(large);
            host.pager.locate(absent, Place.AT_SOURCE);
            host.pager.arm();
            host.pager.attach(Place.AT_SOURCE, new Nobody());
            host.pager.start();
            MemorySegment content = arena.allocate(PageSize.SMALL, PageSize.SMALL);
            for (int chunk = 0; chunk < 2; chunk++) {
                long first = (long) chunk * PER_CHUNK;
                host.touch(first, 0, false, 0);
                while (host.pager.waiting() == 0) {
                    Thread.onSpinWait();
                }
                host.pager.arrived(Place.AT_SOURCE, first, 1, content);
                var _ = host.touches.getLast().result().get();
            }
            // Of pages that are here: to get at others would wait for them.
            MemorySegment used = host.memory.keptSlice(0, PageSize.SMALL);
            for (int chunk = 0; chunk < 2; chunk++) {
                for (int page = 1; page < 2 * Chunks.FEW; page++) {
                    host.pager.arrived(Place.AT_SOURCE, (long) chunk * PER_CHUNK + page, 1, content);
                }
                assertTrue(host.pager.isWhole(chunk));
            }
            assertTrue(host.pager.isCollapsible(0), "it went in page by page");
            assertFalse(host.pager.isCollapsible(1), "it was merged");
            host.memory.release(used);
            host.pager.finish(large);
            assertEquals(0, ModelHost.read(host.memory, 0, 0));
            assertTrue(Backing.scan(arena, host.memory).largeChunks().contains(0), "it is large in the end");
        }
    }

    /** Its addresses may be another's by the time that chunks would be collapsed. */
    @Test
    void nothingIsDoneToTheMemoryOfAGuestThatHasEnded() {
        try (ModelHost host = new ModelHost((long) CHUNKS * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            PageSet all = new PageSet(arena, CHUNKS);
            all.addAll();
            host.memory.preferLarge(false);
            fill(host);
            host.pager.arm();
            host.pager.start();
            host.memory.giveUpMissing();
            host.memory.preferLarge(true);
            host.pager.finish(all);
            assertEquals(0, Backing.scan(arena, host.memory).largeChunks().cardinality());
            assertTrue(host.memory.isWhole());
        }
    }

    /** It would have to be got and cleared again, while somebody waits for what is to be in it. */
    @Test
    void memoryThatHoldsNothingButStaleContentIsKept() {
        try (ModelHost host = new ModelHost((long) CHUNKS * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            fill(host);
            PageSet before = Backing.scan(arena, host.memory).largeChunks();
            assertTrue(before.contains(1) && before.contains(2), "this host has no large pages");
            host.pager.locate(secondAndThird(arena, host), Place.AT_SOURCE);
            host.pager.arm();
            Backing aside = Backing.scan(arena, host.pager.staging());
            assertEquals(2, aside.largeChunks().cardinality());
            assertTrue(aside.largeChunks().contains(1) && aside.largeChunks().contains(2));
        }
    }

    /** Of content that nobody wants it does not matter what the kernel cannot move; it must be out of sight all the same. */
    @Test
    void whatCannotBeKeptIsGivenBack() {
        try (ModelHost host = new ModelHost((long) CHUNKS * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            fill(host);
            // In the way.
            ModelHost.write(host.pager.staging(), PER_CHUNK + 100, 0, WORD);
            host.pager.locate(secondAndThird(arena, host), Place.AT_SOURCE);
            host.pager.arm();
            PageSet seen = Backing.scan(arena, host.memory).resident();
            assertEquals(3L * PER_CHUNK, seen.next(PER_CHUNK, host.memory.pages()), "chunks 1 and 2 are out of sight");
            assertEquals(PER_CHUNK, seen.nextAbsent(0, host.memory.pages()), "and nothing else is");
            assertTrue(Backing.scan(arena, host.pager.staging()).largeChunks().contains(2), "what can be kept is");
        }
    }

    /** Its memory is others' while it is elsewhere. */
    @Test
    void memoryOfWhatStaysElsewhereIsGivenBack() {
        try (ModelHost host = new ModelHost((long) CHUNKS * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            fill(host);
            host.pager.locate(secondAndThird(arena, host), Place.REMOTE);
            host.pager.arm();
            assertTrue(Backing.scan(arena, host.pager.staging()).resident().isEmpty());
            assertEquals(
                    3L * PER_CHUNK, Backing.scan(arena, host.memory).resident().next(PER_CHUNK, host.memory.pages()));
        }
    }

    /** A move of nothing would leave an empty table of small pages there. */
    @Test
    void whereThereIsNothingALargePageHasRoom() {
        try (ModelHost host = new ModelHost((long) CHUNKS * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            host.pager.locate(secondAndThird(arena, host), Place.AT_SOURCE);
            host.pager.arm();
            host.pager.staging().populateLarge(PER_CHUNK);
            assertTrue(Backing.scan(arena, host.pager.staging()).largeChunks().contains(1));
        }
    }

    /** Of a guest of which nothing is here yet: what comes is put together in large pages. */
    @Test
    void stagingMemoryIsLargeWhateverTouchesAre() {
        try (ModelHost host = new ModelHost(2L * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            host.pager.locate(absent(arena, host, 0, host.memory.pages()), Place.AT_SOURCE);
            host.pager.arm();
            host.pager.staging().populateLarge(0);
            assertTrue(Backing.scan(arena, host.pager.staging()).largeChunks().contains(0));
        }
    }

    /** Others wait for the rest of their chunk, which can go in as one then. */
    @Test
    void pagesThatComeAheadAreWithTheGuestAtOnce() throws Exception {
        try (ModelHost host = new ModelHost(2L * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            host.pager.locate(absent(arena, host, 0, host.memory.pages()), Place.AT_SOURCE);
            host.pager.arm();
            host.pager.attach(Place.AT_SOURCE, new Nobody());
            host.pager.start();
            for (long page = 0; page < host.memory.pages(); page++) {
                ModelHost.write(host.pager.staging(), page, 0, WORD + page);
            }
            host.pager.arrived(Place.AT_SOURCE, PER_CHUNK, 7);
            host.pager.arrived(Place.AT_SOURCE, 3, 2, true);
            PageSet here = Backing.scan(arena, host.memory).resident();
            assertEquals(2, here.cardinality());
            assertTrue(here.contains(3) && here.contains(4));
            host.pager.arrived(Place.AT_SOURCE, 0, PER_CHUNK);
            host.pager.arrived(Place.AT_SOURCE, PER_CHUNK, PER_CHUNK);
            host.pager.complete().get();
            for (long page = 0; page < host.memory.pages(); page++) {
                assertEquals(WORD + page, ModelHost.read(host.memory, page, 0), "page " + page);
            }
        }
    }

    /** A chunk that lacks a few pages goes in as one when they are here, hot or not. */
    @Test
    void aHotPageOfAChunkThatIsNearlyWholeWaitsForTheOthers() {
        try (ModelHost host = new ModelHost(2L * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            fill(host);
            host.pager.locate(absent(arena, host, 0, Chunks.FEW), Place.AT_SOURCE);
            host.pager.arm();
            host.pager.arrived(Place.AT_SOURCE, 3, 1, true);
            assertTrue(Backing.scan(arena, host.memory).resident().next(0, PER_CHUNK) == PER_CHUNK, "all is aside");
            assertEquals(0, host.pager.brokenChunks());
        }
    }

    /** What nobody ever had comes in small pages while others are missing, and is large in the end. */
    @Test
    void newMemoryIsLargeInTheEnd() throws Exception {
        try (ModelHost host = new ModelHost(2L * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            host.pager.locate(absent(arena, host, 0, 1), Place.AT_SOURCE);
            host.pager.arm();
            host.pager.attach(Place.AT_SOURCE, new Nobody());
            host.pager.start();
            host.touch(PER_CHUNK + 5, 0, true, WORD);
            var _ = host.touches.getFirst().result().get();
            host.pager.arrived(Place.AT_SOURCE, 0, 1, arena.allocate(PageSize.SMALL, PageSize.SMALL));
            host.pager.complete().get();
            host.pager.finish(new PageSet(arena, 2));
            assertTrue(Backing.scan(arena, host.memory).largeChunks().contains(1));
            assertEquals(WORD, ModelHost.read(host.memory, PER_CHUNK + 5, 0));
            assertEquals(0, ModelHost.read(host.memory, PER_CHUNK + 6, 0));
        }
    }

    private static void fill(ModelHost host) {
        for (long page = 0; page < host.memory.pages(); page++) {
            ModelHost.write(host.memory, page, 0, WORD);
        }
    }

    /** The pages of chunks 1 and 2, of which the guest lacks everything. */
    private static PageSet secondAndThird(Arena arena, ModelHost host) {
        return absent(arena, host, PER_CHUNK, 2L * PER_CHUNK);
    }

    private static PageSet absent(Arena arena, ModelHost host, long first, long count) {
        PageSet absent = new PageSet(arena, host.memory.pages());
        absent.addRange(first, count);
        return absent;
    }
}
