package dev.godwit.host.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.raw.RawGuest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each way of tracking against the plain oracle: memory before and after. */
@Tag("kvm")
@Timeout(120)
class DirtyTrackerTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());

    /** The ways, the poorer ones forced. */
    enum Way {
        LOG(0),
        LOG_MANUAL(kvm_h.KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE()),
        LOG_INITIALLY_SET(kvm_h.KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE() | kvm_h.KVM_DIRTY_LOG_INITIALLY_SET()),
        RING(DirtyRingTracker.DEFAULT_BYTES),
        /** So small that it is full all the time. */
        SMALL_RING(1 << 14);

        private final long parameter;

        Way(long parameter) {
            this.parameter = parameter;
        }

        boolean isRing() {
            return this == RING || this == SMALL_RING;
        }

        RawGuest guest(GuestMemory memory, int vcpus) {
            return new RawGuest(memory, vcpus, false, vm -> isRing() ? DirtyRingTracker.enable(vm, parameter) : 0);
        }

        DirtyTracker tracker(RawGuest guest) {
            return isRing()
                    ? new DirtyRingTracker(guest.vm, guest.slots, guest.memory, guest.vcpus, guest.prepared)
                    : new DirtyLogTracker(guest.vm, guest.slots, guest.memory, (int) parameter);
        }
    }

    private final AtomicInteger ringFull = new AtomicInteger();

    @ParameterizedTest
    @EnumSource(Way.class)
    void reportsWhatChangedAndNothingElse(Way way) {
        Random random = new Random(SEED);
        try (GuestMemory memory = Writer.memory();
                RawGuest guest = way.guest(memory, 2);
                Arena arena = Arena.ofConfined()) {
            Writer.load(guest, SEED);
            DirtyTracker tracker = way.tracker(guest);
            PageSet dirty = new PageSet(arena, memory.pages());
            Windows before = new Windows(arena, memory);

            // Written before the start: of no interest.
            guest.vcpus.forEach(vcpu -> Writer.write(vcpu, 3000, DirtyTrackerTest::noRingExpected));
            tracker.start();
            before.copyAll();
            PageSet peeked = new PageSet(arena, memory.pages());
            boolean canPeek = way == Way.LOG_MANUAL || way == Way.LOG_INITIALLY_SET;
            long peeks = 0;
            long low = 0;
            long high = 0;
            for (int round = 0; round < 12; round++) {
                for (Vcpu vcpu : guest.vcpus) {
                    Writer.write(vcpu, 1 + random.nextInt(round % 3 == 0 ? 20000 : 200), full(tracker));
                }
                agentWrites(memory, random, random.nextInt(20));

                String context = tracker.name() + ", round " + round + ", seed " + SEED;
                peeked.clear();
                assertEquals(canPeek, tracker.peek(peeked), context);
                peeks += peeked.cardinality();
                dirty.clear();
                if (canPeek && round % 2 == 1) {
                    collectSome(tracker, guest, random, dirty, context);
                }
                long some = dirty.cardinality();
                long count = tracker.collect(dirty);

                if (some == 0) {
                    assertEquals(dirty.cardinality(), count, context);
                }
                if (some == 0 && canPeek) {
                    assertEquals(count, peeked.cardinality(), "a peek sees less than there is: " + context);
                }
                peeked.removeAll(dirty);
                assertEquals(0, peeked.cardinality(), "seen by a peek, and not collected by " + context);
                assertEquals(List.of(), before.changedPagesNotIn(dirty), "missed by " + context);
                // The stored words never repeat: what is reported in the windows has changed.
                assertEquals(0, before.unchangedPagesIn(dirty), "too much from " + context);
                assertTrue(
                        count - Windows.reportedLow(dirty) - Windows.reportedHigh(dirty) <= scaffolding(dirty),
                        "pages nobody writes, from " + context);
                before.copyAll();
                low += Windows.reportedLow(dirty);
                high += Windows.reportedHigh(dirty);
            }
            assertTrue(low > 1000 && high > 1000, low + " and " + high + " pages in the two slots");
            assertEquals(canPeek, peeks > 1000, peeks + " pages seen by peeks of " + tracker.name());
            assertEquals(0, tracker.collect(dirty), "nothing was written, seed " + SEED);
            assertEquals(way == Way.SMALL_RING, ringFull.get() > 0, "rings were full " + ringFull);
            tracker.stop();
        }
    }

    /** Half of all pages, and what is written after that: it is seen again where it was collected, and nowhere forgotten. */
    private void collectSome(DirtyTracker tracker, RawGuest guest, Random random, PageSet dirty, String context) {
        try (Arena arena = Arena.ofConfined()) {
            PageSet which = new PageSet(arena, dirty.pages());
            PageSet before = new PageSet(arena, dirty.pages());
            PageSet after = new PageSet(arena, dirty.pages());
            for (long i = 0; i < which.wordCount(); i++) {
                which.setWord(i, random.nextLong());
            }
            tracker.peek(before);
            tracker.collectOf(which, dirty);
            tracker.peek(after);
            for (long i = 0; i < which.wordCount(); i++) {
                assertEquals(before.word(i) & which.word(i), dirty.word(i), context);
                assertEquals(before.word(i) & ~which.word(i), after.word(i), context);
            }
            guest.vcpus.forEach(vcpu -> Writer.write(vcpu, 500, full(tracker)));
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void missesNothingOfRunningVcpus(Way way) throws Exception {
        Random random = new Random(SEED);
        try (GuestMemory memory = Writer.memory();
                RawGuest guest = way.guest(memory, 2);
                Arena arena = Arena.ofConfined();
                ExecutorService threads = Executors.newFixedThreadPool(2)) {
            Writer.load(guest, SEED);
            DirtyTracker tracker = way.tracker(guest);
            PageSet dirty = new PageSet(arena, memory.pages());
            Windows copy = new Windows(arena, memory);
            AtomicBoolean stop = new AtomicBoolean();
            AtomicInteger bursts = new AtomicInteger();
            List<Future<?>> running = new ArrayList<>();
            for (Vcpu vcpu : guest.vcpus) {
                running.add(threads.submit(() -> {
                    while (!stop.get()) {
                        Writer.write(vcpu, 500, full(tracker));
                        bursts.incrementAndGet();
                    }
                }));
            }
            try {
                tracker.start();
                copy.copyAll();
                for (int round = 0; round < 60; round++) {
                    int seen = bursts.get();
                    agentWrites(memory, random, 3);
                    dirty.clear();
                    tracker.collect(dirty);
                    copy.copy(dirty);
                    while (bursts.get() == seen && running.stream().noneMatch(Future::isDone)) {
                        Thread.onSpinWait();
                    }
                }
            } finally {
                stop.set(true);
            }
            for (Future<?> vcpu : running) {
                vcpu.get(30, TimeUnit.SECONDS);
            }
            dirty.clear();
            tracker.collect(dirty);
            copy.copy(dirty);
            dirty.clear();
            assertEquals(List.of(), copy.changedPagesNotIn(dirty), "missed by " + tracker.name() + ", seed " + SEED);
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void startsCleanEveryTimeAndIsSilentWhenStopped(Way way) {
        try (GuestMemory memory = Writer.memory();
                RawGuest guest = way.guest(memory, 1);
                Arena arena = Arena.ofConfined()) {
            Writer.load(guest, SEED);
            Vcpu vcpu = guest.vcpus.getFirst();
            DirtyTracker tracker = way.tracker(guest);
            PageSet dirty = new PageSet(arena, memory.pages());
            for (int i = 0; i < 3; i++) {
                tracker.start();
                assertEquals(0, tracker.collect(dirty), tracker.name());
                Writer.write(vcpu, 100, full(tracker));
                assertFalse(tracker.collect(dirty) == 0);
                Writer.write(vcpu, 100, full(tracker));
                memory.markWritten(0, 1);
                tracker.stop();
                Writer.write(vcpu, 20000, DirtyTrackerTest::noRingExpected);
                dirty.clear();
            }
            // Two collections add up, and what the set held does not change the count.
            tracker.start();
            Writer.write(vcpu, 50, full(tracker));
            long first = tracker.collect(dirty);
            long before = dirty.cardinality();
            assertEquals(before, first);
            memory.markWritten(memory.addressOf(dirty.next(0, memory.pages())).value(), 1);
            assertEquals(1, tracker.collect(dirty));
            assertEquals(before, dirty.cardinality());
            tracker.stop();
        }
    }

    private Runnable full(DirtyTracker tracker) {
        return () -> {
            ringFull.incrementAndGet();
            ((DirtyRingTracker) tracker).onRingFull();
        };
    }

    private static void agentWrites(GuestMemory memory, Random random, int count) {
        for (int i = 0; i < count; i++) {
            long page = (random.nextBoolean() ? Writer.LOW : Writer.HIGH) + random.nextInt(Writer.WINDOW - 1);
            long gpa = memory.addressOf(page).value() + random.nextInt(PageSize.SMALL / 8) * 8L;
            int words = 1 + random.nextInt(PageSize.SMALL / 8);
            MemorySegment target = memory.slice(gpa, words * 8L);
            for (int word = 0; word < words; word++) {
                target.setAtIndex(ValueLayout.JAVA_LONG, word, random.nextLong());
            }
            memory.markWritten(gpa, words * 8L);
        }
    }

    /** Reported pages in the guest's page tables and code: processors and KVM keep accessed bits there. */
    private static long scaffolding(PageSet dirty) {
        return dirty.cardinality(0, 16);
    }

    /** What a vCPU whose writes are not tracked must not need. */
    private static void noRingExpected() {
        throw new AssertionError("a ring filled while tracking was off");
    }

    /** A copy of the two windows. */
    private static final class Windows {
        private final GuestMemory memory;
        private final MemorySegment copy;

        Windows(Arena arena, GuestMemory memory) {
            this.memory = memory;
            this.copy = arena.allocate(2L * Writer.WINDOW * PageSize.SMALL, PageSize.SMALL);
        }

        private static long page(int index) {
            return index < Writer.WINDOW ? Writer.LOW + index : Writer.HIGH + index - Writer.WINDOW;
        }

        private MemorySegment now(int index) {
            return memory.segment().asSlice(page(index) * PageSize.SMALL, PageSize.SMALL);
        }

        private MemorySegment then(int index) {
            return copy.asSlice((long) index * PageSize.SMALL, PageSize.SMALL);
        }

        private boolean changed(int index) {
            return now(index).mismatch(then(index)) >= 0;
        }

        void copyAll() {
            for (int i = 0; i < 2 * Writer.WINDOW; i++) {
                then(i).copyFrom(now(i));
            }
        }

        void copy(PageSet pages) {
            for (int i = 0; i < 2 * Writer.WINDOW; i++) {
                if (pages.contains(page(i))) {
                    then(i).copyFrom(now(i));
                }
            }
        }

        List<Long> changedPagesNotIn(PageSet reported) {
            List<Long> missed = new ArrayList<>();
            for (int i = 0; i < 2 * Writer.WINDOW; i++) {
                if (!reported.contains(page(i)) && changed(i)) {
                    missed.add(page(i));
                }
            }
            return missed;
        }

        int unchangedPagesIn(PageSet reported) {
            int count = 0;
            for (int i = 0; i < 2 * Writer.WINDOW; i++) {
                count += reported.contains(page(i)) && !changed(i) ? 1 : 0;
            }
            return count;
        }

        static long reportedLow(PageSet reported) {
            return reported.cardinality(Writer.LOW, Writer.LOW + Writer.WINDOW);
        }

        static long reportedHigh(PageSet reported) {
            return reported.cardinality(Writer.HIGH, Writer.HIGH + Writer.WINDOW);
        }
    }
}
