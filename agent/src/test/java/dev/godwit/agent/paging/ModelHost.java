package dev.godwit.agent.paging;

import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * One host of {@link PagerModelTest}: memory, its pager, and threads that touch pages as a guest does: by system calls, for
 * a thread must not wait for a page within Java. A page has two words that mean anything, its first and its last.
 */
final class ModelHost implements AutoCloseable {
    /** Of a page's words, those that the model knows. */
    static final int WORDS = 2;

    private static final int TOUCHERS = 3;
    private static final long[] OFFSETS = {0, PageSize.SMALL - Long.BYTES};

    /** Who touches a page. */
    enum Who {
        /** By a system call, as KVM does. */
        GUEST,
        /** The host's own code, once. */
        DEVICE,
        /** The same, again and again from then on. */
        RING
    }

    /** A touch under way: of a word, to write a value or to read it. */
    record Touch(long page, int word, boolean write, long value, Future<Long> result) {}

    final GuestMemory memory;
    final Pager pager;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment word = arena.allocate(ValueLayout.JAVA_LONG, TOUCHERS);
    /** One each: whoever writes one that is being written waits for the writer's page, too. */
    private final int[] files = new int[TOUCHERS];

    private final ExecutorService threads = Executors.newFixedThreadPool(TOUCHERS);
    private final List<Integer> slots = new ArrayList<>(List.of(0, 1, 2));
    final List<Touch> touches = new ArrayList<>();
    /** What of the memory is used by the host's own code again and again. */
    final List<MemorySegment> kept = Collections.synchronizedList(new ArrayList<>());

    ModelHost(long pages, LargePages largePages) {
        memory = GuestMemory.allocate(pages << PageSize.SMALL_SHIFT, largePages);
        pager = new Pager(memory);
        for (int i = 0; i < TOUCHERS; i++) {
            files[i] = SystemCallException.checkInt(
                    MemoryCalls.memfdCreate("touches", MemoryCalls.MFD_CLOEXEC), "memfd_create");
        }
    }

    private static long at(long page, int which) {
        return (page << PageSize.SMALL_SHIFT) + OFFSETS[which];
    }

    /** A page's word as it lies in memory that is there. */
    static long read(GuestMemory from, long page, int which) {
        return from.segment().get(ValueLayout.JAVA_LONG, at(page, which));
    }

    static void write(GuestMemory to, long page, int which, long value) {
        to.segment().set(ValueLayout.JAVA_LONG, at(page, which), value);
    }

    boolean isTouching(long page) {
        return touches.stream().anyMatch(touch -> touch.page == page);
    }

    boolean canTouch() {
        synchronized (slots) {
            return !slots.isEmpty();
        }
    }

    void touch(long page, int which, boolean write, long value) {
        touch(Who.GUEST, page, which, write, value);
    }

    void touch(Who who, long page, int which, boolean write, long value) {
        int slot;
        synchronized (slots) {
            slot = slots.removeLast();
        }
        MemorySegment guest = memory.segment().asSlice(at(page, which), Long.BYTES);
        touches.add(new Touch(page, which, write, value, threads.submit(() -> {
            try {
                return who == Who.GUEST
                        ? write ? write(slot, guest, value) : read(slot, guest)
                        : use(who, at(page, which), write, value);
            } finally {
                synchronized (slots) {
                    slots.add(slot);
                }
            }
        })));
    }

    private long write(int slot, MemorySegment guest, long value) {
        MemorySegment own = word.asSlice(slot * 8L, 8);
        own.set(ValueLayout.JAVA_LONG, 0, value);
        SystemCallException.check(FileCalls.pwrite(files[slot], own, 0), "pwrite");
        SystemCallException.check(FileCalls.pread(files[slot], guest, 0), "touch to write");
        return value;
    }

    private long read(int slot, MemorySegment guest) {
        MemorySegment own = word.asSlice(slot * 8L, 8);
        SystemCallException.check(FileCalls.pwrite(files[slot], guest, 0), "touch to read");
        SystemCallException.check(FileCalls.pread(files[slot], own, 0), "pread");
        return own.get(ValueLayout.JAVA_LONG, 0);
    }

    private long use(Who who, long offset, boolean write, long value) {
        MemorySegment used = who == Who.RING ? memory.keptSlice(offset, Long.BYTES) : memory.slice(offset, Long.BYTES);
        if (who == Who.RING) {
            kept.add(used);
        }
        if (write) {
            used.set(ValueLayout.JAVA_LONG, 0, value);
        }
        return used.get(ValueLayout.JAVA_LONG, 0);
    }

    /** Different pages that are being touched. */
    long pagesTouched() {
        return touches.stream().mapToLong(Touch::page).distinct().count();
    }

    /**
     * The pages whose content, or the absence of any, is in staging memory.
     *
     * @param arena owns the set
     */
    PageSet staged(Arena arena) {
        PageSet staged = new PageSet(arena, memory.pages());
        for (int chunk = 0; chunk < pager.chunks(); chunk++) {
            pager.leaving().collectStaged(chunk, staged);
        }
        return staged;
    }

    /** The pages that are being touched, and what is known of them, for people. */
    String touchedPages() {
        StringBuilder text = new StringBuilder();
        try (Arena own = Arena.ofConfined()) {
            PageSet here = Backing.scan(own, memory).resident();
            PageSet staged = staged(own);
            for (Touch touch : touches) {
                long page = touch.page();
                text.append(" page ")
                        .append(page)
                        .append(' ')
                        .append(pager.map().place(page));
                text.append(staged.contains(page) ? ", staged" : "");
                text.append(here.contains(page) ? ", here" : "");
                text.append(pager.isWhole((int) (page / PageSize.SMALL_PER_LARGE)) ? ", whole" : "");
            }
        }
        return text.toString();
    }

    @Override
    public void close() {
        // Whoever still waits, in a test that has failed, finds zeros.
        pager.close();
        threads.close();
        memory.close();
        for (int file : files) {
            FileCalls.close(file);
        }
        arena.close();
    }
}
