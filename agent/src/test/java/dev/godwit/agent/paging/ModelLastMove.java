package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.LongStream;

/**
 * The last move of a guest of {@link PagerModelTest}, to a host where all of its memory is to be: several threads bring
 * pages, some of them again and again, while the guest touches them, and goes on to when the pager ends. Then each page is
 * looked at.
 *
 * <p>Threading: the test's thread, and its own.
 */
final class ModelLastMove {
    private static final int PUSHERS = 2;
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(60);

    private final Random random;
    private final ModelOracle oracle;
    private final ModelHost host;
    private final ModelSource source;
    private final long pages;
    private long version = 1L << 32;

    /** To that host, which has the place of each page and does not look after them yet. */
    ModelLastMove(Random random, ModelOracle oracle, ModelHost host, ModelSource source) {
        this.random = random;
        this.oracle = oracle;
        this.host = host;
        this.source = source;
        this.pages = host.memory.pages();
    }

    void run() throws Exception {
        host.pager.arm();
        host.pager.start();
        CompletableFuture<?>[] pushers = new CompletableFuture<?>[PUSHERS];
        for (int i = 0; i < PUSHERS; i++) {
            Random own = new Random(random.nextLong());
            pushers[i] = begin(() -> push(own));
        }
        touchUntil(CompletableFuture.allOf(pushers));
        host.pager.complete().get(PATIENCE, TimeUnit.NANOSECONDS);
        touchUntil(begin(this::finish));
        touchUntil(CompletableFuture.completedFuture(null));
        for (long page = 0; page < pages; page++) {
            for (int which = 0; which < ModelHost.WORDS; which++) {
                long at = page;
                assertEquals(
                        oracle.word(page, which),
                        ModelHost.read(host.memory, page, which),
                        () -> "page " + at + ", when its pager has ended");
            }
        }
    }

    private static CompletableFuture<Void> begin(Runnable work) {
        return CompletableFuture.runAsync(work, task -> Thread.ofPlatform().start(task));
    }

    private void push(Random own) {
        while (host.pager.elsewhere() > 0) {
            long first = own.nextLong(pages);
            int most = (int) Math.min(pages - first, PER_CHUNK - first % PER_CHUNK);
            source.push(host.pager, first, 1 + own.nextInt(most), own.nextBoolean());
        }
    }

    private void finish() {
        try (Arena arena = Arena.ofConfined()) {
            PageSet large = new PageSet(arena, host.pager.chunks());
            large.addAll();
            host.pager.finish(large);
        }
    }

    /** The guest goes on until that has ended, and then until nobody waits any more. */
    private void touchUntil(CompletableFuture<?> end) throws Exception {
        long deadline = System.nanoTime() + PATIENCE;
        while (!end.isDone() || !host.touches.isEmpty()) {
            if (!end.isDone() && host.canTouch()) {
                touch();
            }
            oracle.harvest(host);
            if (System.nanoTime() > deadline) {
                throw new TimeoutException("touched are" + host.touchedPages());
            }
        }
        end.get();
    }

    /** Not where nothing is missing: it may have been taken aside with the rest, and nobody is to be told that but the pager. */
    private boolean isSpared(long page) {
        long first = page / PER_CHUNK * PER_CHUNK;
        long end = Math.min(first + PER_CHUNK, pages);
        return LongStream.range(first, end).noneMatch(source::has);
    }

    private void touch() {
        long page = random.nextLong(pages);
        if (!host.isTouching(page) && !isSpared(page)) {
            ModelHost.Who who = random.nextInt(4) == 0 ? ModelHost.Who.DEVICE : ModelHost.Who.GUEST;
            host.touch(who, page, random.nextInt(ModelHost.WORDS), random.nextBoolean(), page << 40 | ++version);
        }
    }
}
