package dev.godwit.agent.migration;

import dev.godwit.agent.paging.Pager;
import dev.godwit.agent.paging.Place;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.vcpu.StopReason;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Sees to it, at the target, that the memory of a guest that runs already follows it.
 *
 * <p>Threading: the session's thread.
 */
final class Follower implements AutoCloseable {
    private final Machine machine;
    private final SourcePages pages;
    private final PageSet written;
    private final Pager pager;
    private FaultSummary faultTimes;

    Follower(Machine machine, SourcePages pages, PageSet written) {
        this.machine = machine;
        this.pages = pages;
        this.written = written;
        this.pager = new Pager(machine.memory());
    }

    /** These pages are still at the source: from now on a touch of one fetches it. */
    void begin(PageSet absent) {
        pager.arm(absent, Place.AT_SOURCE);
        pager.start(pages);
        pages.begin(pager, written);
    }

    /**
     * Waits until all are here, or the guest has ended; it ends when the source has ended before.
     *
     * @param stall how long a source that has closed its connections is waited for
     */
    void awaitAll(Duration stall) throws InterruptedException, TransportException {
        CompletableFuture<Object> over = CompletableFuture.anyOf(pager.complete(), machine.whenStopped());
        while (!isDone(over, stall.toMillis() / 4)) {
            pages.ping();
            if (pages.goneNanos() > stall.toNanos()) {
                machine.stop(new StopReason(
                        StopReason.Kind.PAGES_LOST,
                        0,
                        (pager.elsewhere() >> 8) + " MiB of its memory are lost: its migration source has ended"));
            }
        }
        pages.tellDone();
        pages.end();
        if (pager.elsewhere() == 0 && machine.state() != Machine.State.STOPPED) {
            pager.finish();
        }
        faultTimes = FaultSummary.of(pager.faultTimes(), pager.brokenChunks());
    }

    private static boolean isDone(CompletableFuture<Object> over, long millis)
            throws InterruptedException, TransportException {
        try {
            over.get(millis, TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            throw new TransportException(Kind.BROKEN, "the pager failed: " + e.getCause());
        }
    }

    FaultSummary faultTimes() {
        return faultTimes;
    }

    @Override
    public void close() {
        pages.end();
        if (pager.elsewhere() > 0) {
            // Whatever went wrong: it must not take a page that is missing for one of zeros. No effect on one that
            // ended.
            machine.stop(new StopReason(StopReason.Kind.PAGES_LOST, 0, "its memory could not be brought here"));
        }
        pager.close();
    }
}
