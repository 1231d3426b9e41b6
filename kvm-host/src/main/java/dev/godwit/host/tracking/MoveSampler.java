package dev.godwit.host.tracking;

import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.memory.Userfault;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.thread.Uninterruptibly;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/**
 * Sees accesses by moving memory aside with {@code UFFDIO_MOVE}: who touches it waits until it is moved back, which is
 * at once, and what came back was accessed.
 *
 * <p>A look at regions moves 2 MiB out and back as one page: no large page is split. A look at small pages moves the
 * chunk out as one and back page by page as they are touched, then the rest; a large page is made whole again
 * afterwards ({@code MADV_COLLAPSE}). Content is in exactly one of two places at any time, and {@link #away} says which.
 *
 * <p>Only native code may touch what is away: a Java thread that waits for a page inside an ordinary access cannot reach
 * a safepoint, and a safepoint would stop the thread that has the page. A machine whose devices read guest memory in
 * Java is therefore not sampled this way.
 *
 * <p>Threading: one thread samples. Faults come on a thread of its own; both take the lock.
 *
 * <p>Source: {@code UFFDIO_MOVE} in {@code ioctl_userfaultfd(2)}.
 */
public final class MoveSampler implements AccessSampler {
    private static final long LARGE = PageSize.LARGE;
    private static final long SMALL = PageSize.SMALL;
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final long TAKE_NANOS = 20_000;
    private static final long GIVE_BACK_NANOS = 10_000_000_000L;
    private static final int CALIBRATIONS = 9;
    private static final int MESSAGES = 16;
    private static final int POLL_MILLIS = 100;
    /** After a fault the next one is often near: waiting awake for it is much quicker than being woken. */
    private static final long SPIN_NANOS = 50_000;
    /** How often at once, and at the end, a large page is tried to be made whole again before others have their turn. */
    private static final int COLLAPSES = 8;

    private static final int LAST_COLLAPSES = 500;
    private static final long COLLAPSE_AGAIN_NANOS = 1_000_000;
    private static final long TRY_AGAIN_NANOS = 250_000_000;

    private static final long POLL_NANOS = 500_000;

    private final GuestMemory memory;
    private final Userfault userfault;
    private final int cpus;
    private final Arena arena = Arena.ofShared();
    private final Object lock = new Object();
    private final PageSet away;
    private final PageSet split;
    private final Thread faults;
    private volatile boolean closed;
    private Look look;
    private long aside;
    private int faultCount;
    private int registered;
    private long triedAt;
    private FaultCost fault = new FaultCost(150_000, 2_000, 2_000_000);

    /**
     * Of memory that no other userfaultfd is registered for.
     *
     * @param cpus the guest's vCPUs
     * @throws SystemCallException when this host does not allow it
     */
    public MoveSampler(GuestMemory memory, int cpus) {
        this(memory, cpus, openMoving());
    }

    private static Userfault openMoving() {
        Userfault userfault = Userfault.open();
        if (!userfault.canMove()) {
            userfault.close();
            throw new SystemCallException("UFFDIO_MOVE", "Linux 6.8", Errno.ENOSYS);
        }
        return userfault;
    }

    private MoveSampler(GuestMemory memory, int cpus, Userfault userfault) {
        this.memory = memory;
        this.cpus = cpus;
        this.userfault = userfault;
        this.away = new PageSet(arena, memory.pages());
        this.split = Backing.emptyChunks(arena, memory);
        this.faults = PromptThread.of("access-faults", this::serve);
        faults.start();
        calibrate();
    }

    @Override
    public String name() {
        return "page moves";
    }

    @Override
    public boolean splitsLargePages() {
        return true;
    }

    @Override
    public boolean holdsMemory() {
        synchronized (lock) {
            return !away.isEmpty();
        }
    }

    @Override
    public long faultNanos() {
        synchronized (lock) {
            return fault.nanos();
        }
    }

    @Override
    public long sample(Look at, int mostFaults, long mostNanos) {
        long begin = System.nanoTime();
        long bytes = at.count() * LARGE;
        aside = map(bytes);
        synchronized (lock) {
            look = at;
            faultCount = 0;
            registered = 0;
            fault.from(0);
        }
        boolean[] large = new boolean[at.count()];
        try {
            userfault.register(aside, bytes);
            try (Arena scan = Arena.ofConfined()) {
                PageSet largeChunks = Backing.scan(scan, memory).largeChunks();
                for (int slot = 0; slot < at.count(); slot++) {
                    large[slot] = largeChunks.contains(at.chunk(slot));
                    take(slot);
                }
            }
            while (faultsSoFar() < mostFaults
                    && System.nanoTime() - begin < mostNanos
                    && !Thread.currentThread().isInterrupted()) {
                LockSupport.parkNanos(Math.min(POLL_NANOS, mostNanos));
            }
        } finally {
            synchronized (lock) {
                at.end(System.nanoTime());
                giveBackAll();
                fault.update();
                at.heldUp(faultCount * fault.nanos() / cpus);
            }
            // Only when all is back: if that failed, what is aside is the guest's only copy.
            MemoryCalls.munmap(aside, bytes);
            for (int slot = 0; slot < registered; slot++) {
                userfault.unregister(hvaOf(at.chunk(slot)), bytesOf(at.chunk(slot)));
            }
        }
        for (int slot = 0; slot < large.length; slot++) {
            if (large[slot] && at.sawAny(slot)) {
                split.add(at.chunk(slot));
            }
        }
        long faultNanos;
        synchronized (lock) {
            faultNanos = fault.takeCharged();
        }
        return faultNanos + makeWhole(COLLAPSES);
    }

    /** Now and then tries again what could not be made whole. */
    @Override
    public long aftermath() {
        long now = System.nanoTime();
        if (now - triedAt < TRY_AGAIN_NANOS) {
            return 0;
        }
        triedAt = now;
        return makeWhole(1);
    }

    @Override
    public void rest() {
        makeWhole(LAST_COLLAPSES);
    }

    /**
     * Makes large pages that were split whole again: those that the kernel does not use just now, the others later. The
     * host may have no large page left: then coverage tells.
     *
     * @return how long the kernel took, during which their pages cannot be accessed
     */
    private long makeWhole(int tries) {
        long took = 0;
        for (long chunk = split.next(0, split.pages());
                chunk < split.pages();
                chunk = split.next(chunk + 1, split.pages())) {
            int result = -Errno.EAGAIN;
            // Any other error is no matter of a moment.
            for (int i = 0; i < tries && result == -Errno.EAGAIN; i++) {
                if (i > 0) {
                    LockSupport.parkNanos(COLLAPSE_AGAIN_NANOS);
                }
                long begin = System.nanoTime();
                result = MemoryCalls.madvise(hvaOf((int) chunk), LARGE, MemoryCalls.MADV_COLLAPSE);
                took += System.nanoTime() - begin;
                if (result >= 0) {
                    split.remove(chunk);
                }
            }
        }
        return took;
    }

    private int faultsSoFar() {
        synchronized (lock) {
            return faultCount;
        }
    }

    /** Moves a chunk aside. */
    private void take(int slot) {
        int chunk = look.chunk(slot);
        long first = (long) chunk * PER_CHUNK;
        long bytes = bytesOf(chunk);
        synchronized (lock) {
            userfault.register(hvaOf(chunk), bytes);
            registered++;
            look.armed(slot, System.nanoTime());
            // What cannot be moved just now, because the kernel is using it, stays.
            long done = move(asideOf(slot), hvaOf(chunk), bytes, TAKE_NANOS);
            if (done > 0) {
                away.addRange(first, done / SMALL);
            }
        }
    }

    private void giveBackAll() {
        for (int slot = 0; slot < look.count(); slot++) {
            int chunk = look.chunk(slot);
            giveBack(slot, (long) chunk * PER_CHUNK, (long) chunk * PER_CHUNK + look.pagesOf(chunk));
        }
    }

    /** Moves back what is away among some pages of one chunk. */
    private void giveBack(int slot, long from, long end) {
        long first = (long) look.chunk(slot) * PER_CHUNK;
        for (long page = away.next(from, end); page < end; page = away.next(page, end)) {
            long stop = away.nextAbsent(page, end);
            long done = move(
                    memory.hva() + page * SMALL,
                    asideOf(slot) + (page - first) * SMALL,
                    (stop - page) * SMALL,
                    GIVE_BACK_NANOS);
            if (done <= 0) {
                // Nobody else puts pages there, and what is aside is nobody else's: this cannot be.
                throw new SystemCallException("UFFDIO_MOVE", "back to page " + page, (int) Math.max(1, -done));
            }
            away.removeRange(page, done / SMALL);
        }
    }

    /** Tries again while the kernel says so: bytes done, or {@code -errno}. */
    private long move(long to, long from, long bytes, long patience) {
        long done = 0;
        long begin = System.nanoTime();
        while (done < bytes) {
            long result = userfault.move(to + done, from + done, bytes - done);
            if (result > 0) {
                done += result;
            } else if ((result != -Errno.EAGAIN && result != -Errno.EBUSY) || System.nanoTime() - begin > patience) {
                return done > 0 ? done : result;
            } else {
                Thread.onSpinWait();
            }
        }
        return done;
    }

    /** Whether the page, which was touched, was away; it is back then. */
    private boolean bringBack(long page) {
        if (!away.contains(page)) {
            return false;
        }
        int chunk = (int) (page / PER_CHUNK);
        long now = System.nanoTime();
        look.seen(page, now);
        faultCount++;
        fault.fault(now);
        int slot = look.slotOf(chunk);
        if (look.small()) {
            giveBack(slot, page, page + 1);
        } else {
            giveBack(slot, (long) chunk * PER_CHUNK, (long) chunk * PER_CHUNK + look.pagesOf(chunk));
        }
        return true;
    }

    /** The fault thread. */
    private void serve() {
        MemorySegment messages = arena.allocate(Userfault.MESSAGE * MESSAGES, 8);
        long awakeUntil = 0;
        while (!closed) {
            int n = userfault.read(messages);
            if (n > 0) {
                for (int i = 0; i < n; i++) {
                    if (Userfault.isFault(messages, i)) {
                        serve(Userfault.faultAddress(messages, i));
                    }
                }
                awakeUntil = System.nanoTime() + SPIN_NANOS;
            } else if (System.nanoTime() < awakeUntil) {
                Thread.onSpinWait();
            } else {
                userfault.await(POLL_MILLIS);
            }
        }
    }

    private void serve(long address) {
        long page = (address - memory.hva()) >> PageSize.SMALL_SHIFT;
        boolean ofGuest = page >= 0 && page < memory.pages();
        // To the end: what is back already could be away again by then, and zeros would take its place.
        synchronized (lock) {
            if (!ofGuest || !bringBack(page)) {
                // There was nothing yet, or it is back already.
                long result = userfault.zero(address, SMALL);
                if (result < 0) {
                    userfault.wake(address, SMALL);
                }
            }
        }
    }

    /** What a fault costs here: from a touch to the page being there, woken threads and all. */
    private void calibrate() {
        long[] took = new long[CALIBRATIONS];
        long page = map(SMALL);
        try {
            userfault.register(page, SMALL);
            for (int i = 0; i < CALIBRATIONS; i++) {
                MemoryCalls.madvise(page, SMALL, MemoryCalls.MADV_DONTNEED);
                long begin = System.nanoTime();
                MemoryCalls.madvise(page, SMALL, MemoryCalls.MADV_POPULATE_READ);
                took[i] = System.nanoTime() - begin;
            }
        } finally {
            MemoryCalls.munmap(page, SMALL);
        }
        Arrays.sort(took);
        fault = new FaultCost(took[CALIBRATIONS / 2], 2_000, 2_000_000);
    }

    /** Anonymous memory whose start is aligned to 2 MiB. */
    private static long map(long bytes) {
        long address = SystemCallException.check(
                MemoryCalls.mmap(
                        0,
                        bytes + LARGE,
                        MemoryCalls.PROT_READ | MemoryCalls.PROT_WRITE,
                        MemoryCalls.MAP_PRIVATE | MemoryCalls.MAP_ANONYMOUS | MemoryCalls.MAP_NORESERVE,
                        -1,
                        0),
                "mmap",
                "bytes",
                bytes + LARGE);
        long aligned = (address + LARGE - 1) & -LARGE;
        if (aligned > address) {
            MemoryCalls.munmap(address, aligned - address);
        }
        if (aligned < address + LARGE) {
            MemoryCalls.munmap(aligned + bytes, address + LARGE - aligned);
        }
        return aligned;
    }

    private long hvaOf(int chunk) {
        return memory.hva() + chunk * LARGE;
    }

    private long bytesOf(int chunk) {
        return look.pagesOf(chunk) * SMALL;
    }

    private long asideOf(int slot) {
        return aside + slot * LARGE;
    }

    @Override
    public void close() {
        closed = true;
        Uninterruptibly.join(faults);
        userfault.close();
        arena.close();
    }
}
