package dev.godwit.agent.memoryhost;

import dev.godwit.agent.paging.Pager;
import dev.godwit.agent.paging.Place;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.vcpu.StopReason;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * The memory of a guest of which a part is at a memory host: its pager, which lasts as long as the guest, what brings its
 * pages and what takes them away.
 *
 * <pre>
 *   create ──────────────────────────────────────────▶ the guest runs ── hold ── offer ── handOver ──▶ close
 *   standBy ── expect ── expectOnly ── prepare ── take ── go ──▶  ▲ ▲           │       │ the guest stays
 *                                                                 │ └── resume ─┘       │
 *                                                                 └─────── takeBack ────┘
 * </pre>
 *
 * <p>A memory host that is away makes the guest wait for the pages that it touches, for as long as it takes. One that has
 * the pages no more, or others, ends the guest.
 *
 * <p>Threading: {@link #status}, {@link #isSettled}, {@link #go} and {@link #close} from any thread; all else from one at
 * a time.
 */
public final class RemoteMemory implements AutoCloseable {
    /** A memory host that moves no byte for so long is taken for away. */
    private static final Duration STALL = Duration.ofSeconds(5);

    /** Pages that the memory host may have to hold besides those that the map names. */
    private static final long SLACK = 1024;

    private final Arena arena = Arena.ofShared();
    private final Allowance allowance;
    private final Machine machine;
    private final RemoteConfig config;
    private final RegionLink link;
    private final Pager pager;
    private final RemotePages pages;
    private final Evictor evictor;
    /** Of a guest that comes: the pages that were named, and the epoch of the one who owns them until then. */
    private PageSet named;

    private long from;
    private Runnable endArrivals = () -> {};
    private volatile boolean settled;
    private boolean closed;

    private RemoteMemory(Machine machine, RegionCaller caller, HostRoom room) {
        this.allowance = new Allowance(caller.config(), caller.pages(), room);
        this.machine = machine;
        this.config = caller.config();
        this.pager = new Pager(machine.memory());
        try {
            this.link = new RegionLink(caller, pager::storeChanged, this::lost);
            this.pages = new RemotePages(arena, pager, link, this::lost);
            this.evictor = new Evictor(arena, machine, pager, link, pages, allowance);
        } catch (RuntimeException | Error e) {
            pager.close();
            arena.close();
            throw e;
        }
    }

    /** Who calls the memory host of a guest with so much RAM. */
    static RegionCaller caller(RemoteConfig config, long memoryBytes, Credentials credentials) {
        long all = PageSize.pagesIn(memoryBytes);
        long local = Allowance.given(config, all);
        return new RegionCaller(config, credentials, all, Math.min(all, all - local + local / 4 + SLACK), STALL);
    }

    /**
     * Of a guest that has just been built, and is PAUSED with all that it has here.
     *
     * @param room of this host, for as long as the guest moves
     * @throws TransportException when the memory host cannot be reached, or has no room
     */
    public static RemoteMemory create(Machine machine, RemoteConfig config, Credentials credentials, HostRoom room)
            throws TransportException {
        RemoteMemory memory =
                new RemoteMemory(machine, caller(config, machine.memory().size(), credentials), room);
        try {
            memory.link.create();
            memory.pager.arm();
            memory.start();
            memory.evictor.bound();
            memory.go();
            return memory;
        } catch (TransportException | RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    /**
     * Of a guest that may come here: its pages are looked at, and belong to another.
     *
     * @param room of this host, for as long as the guest moves
     * @throws TransportException when the memory host cannot be reached, or does not have them
     */
    public static RemoteMemory standBy(Machine machine, StandBy call, HostRoom room) throws TransportException {
        RemoteMemory memory = new RemoteMemory(machine, call.caller(), room);
        try {
            memory.link.standBy(call.take());
            machine.memory().preferLarge(false);
            return memory;
        } catch (TransportException | RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    /**
     * The guest may come: these of its pages are at the memory host. Others come here meanwhile, and it does not run.
     *
     * @throws IllegalStateException the second time
     */
    public void expect(RemoteMap map) {
        if (named != null) {
            throw new IllegalStateException("the pages have been named");
        }
        named = new PageSet(arena, map.pages().pages());
        named.addAll(map.pages());
        pager.locate(named, Place.REMOTE, map.checksums());
    }

    /** The pages that are expected to be at the memory host when the guest comes. */
    public PageSet expected() {
        return named;
    }

    /**
     * Of the pages that were named these are there; the others have gone back to the guest, and come here with it.
     *
     * @param epoch of the one who owns them until now
     * @param here pages that have come from the source by now, about
     */
    public void expectOnly(PageSet there, long epoch, long here) {
        from = epoch;
        pager.leaving().residentIs(here);
        named.removeAll(there);
        pager.unlocate(named, Place.REMOTE);
        named.clear();
        named.addAll(there);
    }

    /**
     * Of a guest that runs before all of its memory has come: what brings the rest writes to memory that {@link #close}
     * gives back, so that ends it first.
     *
     * @param end returns when nothing is brought any more; from any thread, also when that has ended by itself
     */
    public synchronized void comesBy(Runnable end) {
        endArrivals = end;
    }

    /** The guest comes: from now on a touch of a page that is expected waits for it. The machine is PAUSED. */
    public void prepare() {
        machine.memory().preferLarge(true);
        pager.arm();
        start();
    }

    private void start() {
        pager.attach(Place.REMOTE, pages);
        pager.heat(evictor::heatOf);
        // It would wait for its pages for ever.
        var _ = pager.failure().thenAccept(why -> lost("the pager failed: " + why));
        pager.start();
    }

    /**
     * The guest is here: its pages at the memory host belong to this side from now on, and to nobody else.
     *
     * @throws TransportException when the memory host cannot be reached, or another has taken them
     */
    public void take() throws TransportException {
        link.take(from);
        // Not sooner: to be restored the guest may need a page that it has no room for.
        evictor.bound();
        evictor.releaseAllBut(named);
    }

    /** All of the guest's memory that was to come here of its own accord has: from now on pages may leave. */
    public synchronized void go() {
        // The guest may have ended, and been closed, as soon as it ran.
        if (!closed && pager.elsewhere() == 0) {
            evictor.start();
            settled = true;
        }
    }

    /** Whether all of the guest's memory is here or at the memory host: not before {@link #go}. */
    public boolean isSettled() {
        return settled;
    }

    /**
     * Lets nothing leave the guest any more, so that it can be copied; what it touches comes back all the same. Its pages
     * at the memory host are this side's then.
     *
     * @param givenUp asked some times a second while something is still on its way, to a memory host that may not answer:
     *     whether to return all the same, and {@link #resume} or another try follows
     * @return false when it was given up
     */
    public boolean hold(BooleanSupplier givenUp) throws InterruptedException {
        return link.hold(givenUp) && evictor.hold(givenUp);
    }

    /** After {@link #unbound}: the guest has no more than the host has room for, and waits for the rest. */
    public void bound() {
        evictor.bound();
    }

    /** After {@link #hold}: the guest has what it touches, room or not, since it would be waited for. */
    public void unbound() {
        evictor.unbound();
    }

    /** After {@link #hold}: the guest stays here. */
    public void resume() {
        link.stay();
        evictor.resume();
    }

    /**
     * After {@link #hold}: from now on another may take the pages, at any moment, until {@link #takeBack} or {@link
     * #handOver} says what has come of it. Meanwhile they are not this side's to delete.
     */
    public void offer() {
        link.offer();
    }

    /** After {@link #offer}: the guest stays here, and whoever may have taken its pages does not run it. */
    public void takeBack() {
        link.takeBack();
        evictor.resume();
    }

    /** After {@link #offer}: the pages are another's, or may be. */
    public void handOver() {
        link.handOver();
    }

    /** Of a guest that comes, with so many pages from its source: false when this host does not have room for them. */
    public boolean hasRoomFor(long pages) {
        return allowance.growTo(pages);
    }

    /** What the guest takes of this host at most, in bytes. */
    public long hostBytes() {
        return allowance.most() << PageSize.SMALL_SHIFT;
    }

    /** Which pages are at the memory host now, and what they are. */
    public RemoteMap map(Arena into) {
        return RemoteMap.of(into, pager.map());
    }

    /** Which of the owners of these pages this side is, counted from 1. */
    public long epoch() {
        return link.epoch();
    }

    /** Which pages are at the memory host now. */
    public PageSet there(Arena into) {
        PageSet pages = new PageSet(into, pager.map().pages());
        pager.map().collectPages(Place.REMOTE, pages);
        return pages;
    }

    /** Whose memory it is. */
    public Machine machine() {
        return machine;
    }

    public RemoteConfig config() {
        return config;
    }

    /** The guest's pager. */
    public Pager pager() {
        return pager;
    }

    /** Pages of the guest that are on its own host, about. */
    public long resident() {
        return Math.min(pager.resident(), machine.memory().pages());
    }

    public RemoteStatus status() {
        return new RemoteStatus(
                config.at(),
                link.awayNanos() / 1_000_000,
                pager.resident(),
                pager.elsewhere(Place.REMOTE),
                evictor.storedPages(),
                pages.fetchedPages(),
                evictor.isWithoutRoom(),
                evictor.waitsForRoom());
    }

    /** Whether the guest waits for pages, and the memory host is away. */
    public boolean isStuck() {
        return link.awayNanos() > 0 && pager.waiting() > 0;
    }

    private void lost(String why) {
        machine.stop(new StopReason(StopReason.Kind.PAGES_LOST, 0, why));
    }

    /** The machine has stopped: gives everything back, the pages at the memory host too if they are still this guest's. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        endArrivals.run();
        evictor.close();
        link.sayGone();
        link.close();
        pager.close();
        arena.close();
    }
}
