package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Iterator;

/**
 * What is in a guest's pages: an array of what the guest of a {@link PagerModel} has written. Against it each page is
 * looked up where the page map says that it is.
 *
 * <p>Threading: the test's thread.
 */
final class ModelOracle {
    private final long pages;
    private final long[] words;
    private final boolean[] touched;

    /** Of a guest that has only zeros. */
    ModelOracle(long pages) {
        this.pages = pages;
        this.words = new long[Math.toIntExact(pages) * ModelHost.WORDS];
        this.touched = new boolean[Math.toIntExact(pages)];
    }

    long word(long page, int which) {
        return words[(int) page * ModelHost.WORDS + which];
    }

    /** A copy of all pages. */
    long[] words() {
        return words.clone();
    }

    /** The guest has been at this page. */
    void touched(long page) {
        touched[(int) page] = true;
    }

    boolean isTouched(long page) {
        return touched[(int) page];
    }

    /** Takes note of the touches that have ended: a read must have found what was written last. */
    void harvest(ModelHost host) throws Exception {
        for (Iterator<ModelHost.Touch> each = host.touches.iterator(); each.hasNext(); ) {
            ModelHost.Touch touch = each.next();
            if (touch.result().isDone()) {
                int at = (int) touch.page() * ModelHost.WORDS + touch.word();
                if (touch.write()) {
                    words[at] = touch.value();
                } else {
                    assertEquals(words[at], touch.result().get(), () -> "a read of page " + touch.page());
                }
                each.remove();
            }
        }
    }

    /** The invariant: each page is in one place, the one that the map says, and is what was written last. */
    void check(ModelHost host, ModelStore store, ModelSource source) {
        try (Arena arena = Arena.ofConfined()) {
            new Look(host, store, source, arena).all();
        }
    }

    /** One look at all the pages. */
    private final class Look {
        private final ModelHost host;
        private final ModelStore store;
        private final ModelSource source;
        private final PageSet here;
        private final PageSet aside;
        private final PageSet staged;

        Look(ModelHost host, ModelStore store, ModelSource source, Arena arena) {
            this.host = host;
            this.store = store;
            this.source = source;
            this.here = Backing.scan(arena, host.memory).resident();
            this.aside = Backing.scan(arena, host.pager.staging()).resident();
            this.staged = host.staged(arena);
        }

        void all() {
            long remote = 0;
            long atSource = 0;
            for (long page = 0; page < pages; page++) {
                Place place = host.pager.map().place(page);
                boolean elsewhere = place.hasStore() && !staged.contains(page);
                if (elsewhere || staged.contains(page)) {
                    assertFalse(here.contains(page), "in two places: page " + page + ", " + place);
                    assertFalse(
                            host.pager.isWhole((int) (page / PageSize.SMALL_PER_LARGE)),
                            "in a chunk that is all there: page " + page + ", " + place);
                }
                remote += elsewhere && place == Place.REMOTE ? 1 : 0;
                atSource += elsewhere && place == Place.AT_SOURCE ? 1 : 0;
                content(page, place);
            }
            for (MemorySegment used : host.kept) {
                long page = (used.address() - host.memory.hva()) >>> PageSize.SMALL_SHIFT;
                assertTrue(here.contains(page) && !staged.contains(page), "a device looks at it, and it left: " + page);
            }
            assertTrue(
                    host.pager.resident() <= pages,
                    () -> host.pager.resident() + " of " + pages + " pages take memory");
            assertEquals(remote, host.pager.elsewhere(Place.REMOTE), "pages in REMOTE");
            assertEquals(atSource, host.pager.elsewhere(Place.AT_SOURCE), "pages in AT_SOURCE");
            assertEquals(atSource, host.pager.elsewhere(), "pages that have still to come");
        }

        private void content(long page, Place place) {
            for (int which = 0; which < ModelHost.WORDS; which++) {
                long is = found(page, place, which);
                long wanted = word(page, which);
                if (is != wanted) {
                    throw new AssertionError("page " + page + ", " + place + (staged.contains(page) ? ", staged" : "")
                            + ": " + Long.toHexString(is) + " instead of " + Long.toHexString(wanted));
                }
            }
            if (place == Place.REMOTE && !staged.contains(page)) {
                assertEquals(
                        ModelStore.checksum(word(page, 0), word(page, 1)),
                        host.pager.map().frameIn(page, Place.REMOTE),
                        "checksum of page " + page);
            }
        }

        private long found(long page, Place place, int which) {
            if (staged.contains(page)) {
                return aside.contains(page) ? ModelHost.read(host.pager.staging(), page, which) : 0;
            }
            return switch (place) {
                case RESIDENT -> here.contains(page) ? ModelHost.read(host.memory, page, which) : 0;
                case ZERO -> 0;
                case REMOTE -> store.word(page, which);
                case AT_SOURCE -> source.word(page, which);
                default -> throw new AssertionError("page " + page + " is " + place);
            };
        }
    }
}
