package dev.godwit.agent.paging;

import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A store for tests: a copy of a guest's memory, delivered from several threads in random order, in random pieces, some
 * of them twice, what is asked for a little sooner than the rest.
 */
final class BackupStore implements PageStore, AutoCloseable {
    private final Pager pager;
    private final MemorySegment backup;
    private final Random random;
    private final ExecutorService threads = Executors.newFixedThreadPool(3);
    private final ExecutorService urgent = Executors.newSingleThreadExecutor();
    private final ExecutorService unfinished = Executors.newSingleThreadExecutor();
    private volatile boolean closing;
    private int requests;

    BackupStore(Pager pager, MemorySegment backup, Random random) {
        this.pager = pager;
        this.backup = backup;
        this.random = random;
    }

    @Override
    public void request(long first, int count) {
        requests++;
        urgent.execute(() -> deliver(first, count));
    }

    int requests() {
        return requests;
    }

    /** Begins to deliver all of {@code absent}. */
    void push(PageSet absent) {
        List<long[]> pieces = new ArrayList<>();
        for (long page = absent.next(0, absent.pages()); page < absent.pages(); ) {
            long limit = Math.min(absent.pages(), (page | (PageSize.SMALL_PER_LARGE - 1)) + 1);
            long stop = Math.min(absent.nextAbsent(page, limit), page + 1 + random.nextInt(200));
            pieces.add(new long[] {page, stop - page});
            if (random.nextInt(10) == 0) {
                pieces.add(new long[] {page, stop - page});
            }
            page = absent.next(stop, absent.pages());
        }
        java.util.Collections.shuffle(pieces, random);
        List<long[]> again = List.copyOf(pieces);
        long seed = random.nextLong();
        unfinished.execute(() -> beginAgain(again, new Random(seed)));
        pieces.forEach(piece -> threads.execute(() -> deliver(piece[0], piece[1])));
    }

    /** Frames that bring pages once more, and whose end never comes: they may be anywhere in staging memory at any time. */
    private void beginAgain(List<long[]> pieces, Random which) {
        while (!closing && !pieces.isEmpty()) {
            long[] piece = pieces.get(which.nextInt(pieces.size()));
            write(piece[0], piece[1]);
        }
    }

    private void write(long first, long count) {
        long from = first << PageSize.SMALL_SHIFT;
        long bytes = count << PageSize.SMALL_SHIFT;
        pager.staging().segment().asSlice(from, bytes).copyFrom(backup.asSlice(from, bytes));
    }

    private void deliver(long first, long count) {
        write(first, count);
        pager.arrived(Place.AT_SOURCE, first, count);
    }

    @Override
    public void close() {
        closing = true;
        unfinished.close();
        threads.close();
        urgent.close();
    }
}
