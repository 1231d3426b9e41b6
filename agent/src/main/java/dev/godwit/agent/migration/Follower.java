package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.paging.Pager;
import dev.godwit.agent.paging.Place;
import dev.godwit.agent.transport.ProcessIdentity;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.thread.Urgency;
import dev.godwit.host.vcpu.StopReason;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.Optional;
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
    private static final int PATIENCE = 10;
    private static final int LOOKS_A_STALL = 4;

    private final ProcessIdentity here = ProcessIdentity.own();
    private final Machine machine;
    private final SourcePages pages;
    private final PageSet written;
    private final Optional<RemoteMemory> remote;
    private final Pager pager;
    private PageSet large;
    private FaultSummary faultTimes;

    Follower(Machine machine, SourcePages pages, PageSet written, Optional<RemoteMemory> remote) {
        this.machine = machine;
        this.pages = pages;
        this.written = written;
        this.remote = remote;
        this.pager = remote.map(RemoteMemory::pager).orElseGet(() -> new Pager(machine.memory()));
        pager.tellApart(
                machine.vcpuThreadIds().stream().mapToInt(Integer::intValue).toArray());
    }

    /** These pages are still at the source: from now on a touch of one fetches it. */
    void begin(PageMapMessage map) {
        large = map.largeChunks();
        pager.preferLarge(large);
        pager.attach(Place.AT_SOURCE, pages);
        pager.locate(map.pages(), Place.AT_SOURCE);
        if (remote.isPresent()) {
            remote.get().comesBy(pages::end);
            remote.get().prepare();
        } else {
            pager.arm();
            pager.start();
        }
        pages.begin(pager, written);
    }

    /** Tells the source what is missing; see {@link SourcePages#ask}. */
    void ask(PageMapMessage map) {
        pages.ask(map.pages());
    }

    /**
     * Waits until all are here, or the guest has ended; it ends when the source has ended before.
     *
     * @param source the process that has the rest of the memory
     * @param stall how often it is looked at; a source elsewhere that has closed its connections is waited for ten
     *     times as long
     * @return false when the guest had to be ended for want of its memory
     */
    boolean awaitAll(ProcessIdentity source, Duration stall) throws InterruptedException, TransportException {
        pager.settleWhole();
        CompletableFuture<Object> over = CompletableFuture.anyOf(pager.complete(), machine.whenStopped());
        long before = -1;
        int still = 0;
        while (!isDone(over, stall.toMillis() / LOOKS_A_STALL)) {
            pages.ping();
            long elsewhere = pager.elsewhere();
            still = elsewhere == before ? still + 1 : 0;
            before = elsewhere;
            if (still > 0 && (!pages.isPushed() || still >= LOOKS_A_STALL)) {
                // The source had sent it all: lost is what was on a connection that broke at this end, or that brings
                // nothing any more.
                pages.startAgain();
                still = 0;
            }
            if (isGone(source, stall)) {
                giveUp((pager.elsewhere() >> 8) + " MiB of its memory are lost: its migration source has ended");
            }
        }
        boolean lost = machine.stopReason()
                .filter(reason -> reason.kind() == StopReason.Kind.PAGES_LOST)
                .isPresent();
        if (!lost) {
            pages.tellDone();
        }
        pages.end();
        long largePageBytes = 0;
        if (pager.elsewhere() == 0 && machine.state() != Machine.State.STOPPED) {
            // What is made whole next was not until now, and the report is to say so.
            largePageBytes = largeBytes(machine);
            finish();
        }
        faultTimes = FaultSummary.of(
                pager.faultTimes(), pager.blockedNanos(), pager.faultsAtOnce(), pager.brokenChunks(), largePageBytes);
        return !lost;
    }

    /** A guest with pages at a memory host keeps its pager. */
    private void finish() {
        if (remote.isPresent()) {
            // First of all: somebody may wait for room.
            remote.get().go();
            pager.makeLarge(large);
        } else {
            pager.finish(large);
        }
    }

    private boolean isGone(ProcessIdentity source, Duration stall) {
        boolean ended = !pages.isConnected() && source.isGone(here);
        return ended || pages.goneNanos() > stall.multipliedBy(PATIENCE).toNanos();
    }

    /** Ends the guest for want of its memory. */
    void giveUp(String why) {
        machine.stop(new StopReason(StopReason.Kind.PAGES_LOST, 0, why));
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

    Pager pager() {
        return pager;
    }

    /** Guest RAM in large pages right now, in bytes; the guest may run. */
    static long largeBytes(Machine machine) {
        try (Arena arena = Arena.ofConfined()) {
            return Backing.scan(arena, machine.memory()).largeBytes();
        }
    }

    FaultSummary faultTimes() {
        return faultTimes;
    }

    @Override
    public void close() {
        // Unmapping takes long.
        try (Urgency.Pause _ = Urgency.pause()) {
            end();
        }
    }

    private void end() {
        pages.end();
        try {
            if (pager.elsewhere() > 0 || pager.failure().isDone()) {
                // Whatever went wrong: it must not take a page that is missing for one of zeros. No effect on one that
                // ended.
                giveUp("its memory could not be brought here");
            }
        } finally {
            if (remote.isPresent()) {
                remote.get().comesBy(() -> {});
            } else {
                pager.close();
            }
        }
    }
}
