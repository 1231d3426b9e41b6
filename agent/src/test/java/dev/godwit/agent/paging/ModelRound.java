package dev.godwit.agent.paging;

import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Some pages of a {@link PagerModel} on their way out to its memory host: what an evictor does in one batch, step by
 * step, with a checksum of each as it was taken out.
 *
 * <p>Threading: the test's thread.
 */
final class ModelRound implements AutoCloseable {
    private final ModelHost host;
    private final Arena arena = Arena.ofShared();
    private final List<Integer> chunks = new ArrayList<>();
    private final PageSet pages;
    private final int[] checksums;
    private boolean sent;

    /** Takes out up to three chunks, or some of their pages. */
    ModelRound(Random random, ModelHost host) {
        this.host = host;
        long all = host.memory.pages();
        PageSet cold = new PageSet(arena, all);
        int share = random.nextInt(3) == 0 ? 100 : 1 + random.nextInt(60);
        for (long page = 0; page < all; page++) {
            if (random.nextInt(100) < share) {
                cold.add(page);
            }
        }
        pages = new PageSet(arena, all);
        checksums = new int[(int) all];
        for (int i = random.nextInt(3); i >= 0; i--) {
            int chunk = random.nextInt(host.pager.chunks());
            if (!chunks.contains(chunk)) {
                chunks.add(chunk);
                if (host.pager.leaving().takeOut(chunk, cold) > 0) {
                    host.pager.leaving().collectStaged(chunk, pages);
                }
            }
        }
        for (long page = pages.next(0, all); page < all; page = pages.next(page + 1, all)) {
            checksums[(int) page] = checksum(page);
        }
    }

    /** Of what is staged; -1 of zeros. */
    private int checksum(long page) {
        long first = ModelHost.read(host.pager.staging(), page, 0);
        long last = ModelHost.read(host.pager.staging(), page, 1);
        return (first | last) == 0 ? -1 : ModelStore.checksum(first, last);
    }

    boolean isSent() {
        return sent;
    }

    /** Sends all of them: what the guest has had back in the meantime too, whatever is in its place. */
    void send(ModelStore to) {
        for (long page = pages.next(0, pages.pages());
                page < pages.pages();
                page = pages.next(page + 1, pages.pages())) {
            for (int which = 0; which < ModelHost.WORDS; which++) {
                to.store(page, which, ModelHost.read(host.pager.staging(), page, which));
            }
        }
        sent = true;
    }

    /** The memory host has answered. */
    void stored() {
        for (int chunk : chunks) {
            host.pager.leaving().stored(chunk, pages, (map, page) -> {
                int sum = checksums[(int) page];
                map.set(page, sum < 0 ? Place.ZERO : Place.REMOTE, Math.max(0, sum));
            });
        }
    }

    /** They could not be stored. */
    void fail() {
        chunks.forEach(host.pager.leaving()::settle);
    }

    @Override
    public void close() {
        arena.close();
    }
}
