package dev.godwit.agent.migration;

import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.thread.Uninterruptibly;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets a guest's memory follow it: serves its pages, and when the connections break connects again, for as long as the
 * target has the guest.
 *
 * <p>Order: {@link #open} while the guest still runs, {@link #begin} when it is paused for good, {@link #await}.
 *
 * <p>Threading: one thread; {@link #giveUp} and the counters from any.
 */
final class PageService implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PageService.class);
    private static final long AGAIN_MILLIS = 250;

    private final SourceLink link;
    private final Machine machine;
    private final MigrationOptions options;
    private final RateLimit limit;
    private final PageSet following;
    private final PageSet largeChunks;
    private final PageOrder order;
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    private PageServer server;
    private boolean aborted;
    private boolean givenUp;
    private volatile boolean goneAhead;
    private int reconnects;
    private long contentBefore;
    private long zeroBefore;
    private long wireBefore;
    private long urgentBefore;
    private Thread thread;

    /**
     * A service that is not open.
     *
     * @param limit of the migration
     * @param following the pages that follow the guest, once it is paused
     */
    PageService(
            SourceLink link,
            Machine machine,
            MigrationOptions options,
            RateLimit limit,
            PageSet following,
            PageSet largeChunks,
            PageOrder order) {
        this.link = link;
        this.limit = limit;
        this.machine = machine;
        this.options = options;
        this.following = following;
        this.largeChunks = largeChunks;
        this.order = order;
    }

    /** Connects. */
    void open() throws TransportException {
        DataStreams push = new DataStreams(machine.memory(), limit.another());
        Connection requests = null;
        PageServer made;
        try {
            requests = link.connectPages(0);
            for (int i = 1; i <= options.pageStreams(); i++) {
                push.add(link.connectPages(i));
            }
            made = new PageServer(
                    machine.memory(), following, requests, push, limit.anotherInAHurry(), largeChunks, order);
        } catch (TransportException | RuntimeException | Error e) {
            push.close();
            if (requests != null) {
                requests.close();
            }
            throw e;
        }
        synchronized (this) {
            server = made;
            if (goneAhead) {
                server.goneAhead();
            }
            if (aborted) {
                server.abort();
            }
        }
    }

    /** Begins to serve. */
    void begin() {
        thread = PromptThread.urgent("migration-pages", () -> {
            try {
                serveOn();
                done.complete(null);
            } catch (MigrationException | RuntimeException | Error e) {
                done.completeExceptionally(e);
            }
        });
        thread.start();
    }

    private void serveOn() throws MigrationException {
        while (true) {
            try {
                server.serve();
                return;
            } catch (TransportException e) {
                LOG.warn("the memory of guest {} cannot follow it: {}", link.guestName(), e.getMessage());
            } catch (RuntimeException | Error e) {
                // A shortage here, of threads say, may pass; the guest would not come back.
                LOG.error("the memory of guest {} cannot follow it", link.guestName(), e);
            }
            boolean heard = server.hasHeard();
            if (heard) {
                reached();
            }
            retire();
            if (!reconnect(heard)) {
                return;
            }
        }
    }

    /** It was not as it seemed to whoever gave the guest up. */
    private synchronized void reached() {
        givenUp = false;
    }

    private synchronized void retire() {
        contentBefore += server.contentPages();
        zeroBefore += server.zeroPages();
        wireBefore += server.wireBytes();
        urgentBefore += server.urgentPages();
        PageServer old = server;
        server = null;
        old.close();
    }

    /**
     * False when the target says that it needs nothing more.
     *
     * @param promising whether the connections before worked, so that it is only the way that broke
     */
    private boolean reconnect(boolean promising) throws MigrationException {
        for (boolean now = promising; ; now = true) {
            if (isAborted()) {
                throw new MigrationException(
                        Kind.LOST, "its pages were given up, and the guest at the target with them");
            }
            // Also when it has been given up meanwhile: it may be reached again.
            if (now && opened()) {
                return true;
            }
            if (goneAhead) {
                switch (link.ask()) {
                    case COMPLETE -> {
                        return false;
                    }
                    case NOT_RUNNING ->
                        throw new MigrationException(
                                Kind.LOST,
                                "the target has ended, and the guest with it: its memory was not all across");
                    case LOST ->
                        throw new MigrationException(
                                Kind.LOST, "the target gave the guest up before its memory was across");
                    case RUNNING, STRANGER, UNKNOWN -> {
                        // Then it is worth another try, for as long as it takes.
                    }
                }
            }
            checkGivenUp();
            pause();
        }
    }

    private boolean opened() {
        try {
            open();
            synchronized (this) {
                reconnects++;
            }
            return true;
        } catch (TransportException | RuntimeException | Error e) {
            LOG.debug("not yet: {}", e.getMessage());
            return false;
        }
    }

    private synchronized void pause() {
        long until = System.nanoTime() + AGAIN_MILLIS * 1_000_000;
        try {
            for (long left = AGAIN_MILLIS;
                    !givenUp && !aborted && left > 0;
                    left = (until - System.nanoTime()) / 1_000_000) {
                wait(left);
            }
        } catch (InterruptedException e) {
            // Giving up would lose the guest: only an order does.
            LOG.debug("interrupted, and goes on", e);
        }
    }

    private synchronized void checkGivenUp() throws MigrationException {
        if (givenUp) {
            long left = Math.max(0, following.cardinality() - contentPages() - zeroPages());
            throw new MigrationException(
                    Kind.LOST,
                    "given up while the target could not be reached: the guest there lacks at least "
                            + Sizes.human(left << PageSize.SMALL_SHIFT) + " of its memory");
        }
    }

    /** The target runs the guest: only from now on may it be asked, since a guest that it is asked about too soon stays here. */
    synchronized void goneAhead() {
        goneAhead = true;
        if (server != null) {
            server.goneAhead();
        }
    }

    /**
     * Waits until all memory is across.
     *
     * @throws MigrationException when that cannot be any more, and the guest is lost
     */
    void await() throws MigrationException {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    done.get();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    if (e.getCause() instanceof MigrationException known) {
                        throw known;
                    }
                    throw new MigrationException(Kind.INTERNAL, "serving pages failed: " + e.getCause(), e.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * Ends it, unless the target is reached.
     *
     * @return false when it is: then it goes on, also when the connections break later
     */
    synchronized boolean giveUp() {
        // Somebody else may listen at its address by now, who accepts a connection and closes it.
        if (server != null && server.hasHeard()) {
            return false;
        }
        givenUp = true;
        notifyAll();
        return true;
    }

    /** Breaks the connections before the guest has gone: it stays here. */
    synchronized void abort() {
        aborted = true;
        notifyAll();
        if (server != null) {
            server.abort();
        }
    }

    private synchronized boolean isAborted() {
        return aborted;
    }

    /** How often the connections had to be made again. */
    synchronized int reconnects() {
        return reconnects;
    }

    synchronized long urgentPages() {
        return urgentBefore + (server == null ? 0 : server.urgentPages());
    }

    synchronized long contentPages() {
        return contentBefore + (server == null ? 0 : server.contentPages());
    }

    synchronized long zeroPages() {
        return zeroBefore + (server == null ? 0 : server.zeroPages());
    }

    synchronized long wireBytes() {
        return wireBefore + (server == null ? 0 : server.wireBytes());
    }

    @Override
    public void close() {
        abort();
        if (thread != null) {
            Uninterruptibly.join(thread);
        }
        synchronized (this) {
            if (server != null) {
                retire();
            }
        }
    }
}
