package dev.godwit.host.tracking;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.thread.Uninterruptibly;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * Keeps the heat of a guest's pages while the guest runs, at a bounded cost.
 *
 * <p>It looks now and then, as often as the share of the guest's time allows: at 2 MiB regions first, then at the small
 * pages of some regions, hot ones and those it has not looked at for long. A look costs what the guest's faults in it
 * cost, which the sampler measures; that is paid from an allowance that grows with time.
 *
 * <p>Threading: {@link #start}, {@link #stop} and {@link #close} from one thread at a time; the rest from any thread. A
 * thread of its own does the work. Nothing is tracked while the guest does not run.
 */
public final class AccessTracker implements AutoCloseable {
    private static final long ALLOWANCE_SPAN = 8_000_000_000L;
    /** Few long looks tell more than many short ones, and beginning and ending one has its price. */
    private static final long LOOK_PERIOD = 750_000_000L;

    private static final long LONGEST_PERIOD = 6_000_000_000L;
    /** Faults for each page that is seen: with more, too few are seen for what a look costs by itself. */
    private static final int WASTEFUL = 3;

    /** After this time a smaller look, which costs more for what it tells, is better than none. */
    private static final long SELDOM = 3_000_000_000L;

    private static final int SMALL_LOOK = 8;
    /** Waking takes a CPU from a guest on a busy host. */
    private static final long MOST_WAIT = 200_000_000L;

    private static final long NOTHING_WAIT = 5_000_000L;
    private static final long LONGEST_REGION_LOOK = 20_000_000L;
    private static final int SMALL_LOOKS_PER_REGION_LOOK = 8;
    private static final double MOST_FAULTS_A_SIGHTING = 16;
    private static final int ENOUGH_SIGHTINGS = 16;
    private static final long SETTLING = 20_000_000L;
    /** Of the time of a look at small pages, lost to the smaller mappings: an allowance for what cannot be measured. */
    private static final int SMALL_MAPPINGS = 20;

    /** And at most such a part of what its faults cost: a guest that accesses little is not slowed by them. */
    private static final int MOST_SLOWED = 4;

    /**
     * Of what a look costs, lost again afterwards to caches that the host has used meanwhile, which leaves no trace to
     * count: a guest of 32 MiB at random lost a tenth, sometimes a seventh.
     */
    private static final int COLD_CACHES = 5;

    private final GuestMemory memory;
    private final AccessSampler sampler;
    private final BooleanSupplier runs;
    private final int cpus;
    private final LongSupplier vcpuNanos;
    private final Arena arena = Arena.ofShared();
    private final Heat heat;
    private final Look look;
    private final LookChoice choice;
    private long looks;
    private long accesses;
    private long spent;
    private long vcpuTime;
    private volatile AccessTracking settings;
    private double allowance;
    private double faultsPerSighting = 2;
    private long ofLook;
    private long period = LOOK_PERIOD;
    private long restedAt = System.nanoTime();
    private int turn;
    private volatile boolean stopped = true;
    private volatile Throwable failure;
    private Thread thread;
    private boolean closed;

    /**
     * A tracker that is not started; it owns the sampler.
     *
     * @param cpus the guest's vCPUs
     * @param vcpuNanos the CPU time that they have used so far: what others on the host take from a guest is not its
     *     to spend
     * @param settings of which a share is of that time
     * @param runs whether the guest runs now
     */
    public AccessTracker(
            GuestMemory memory,
            AccessSampler sampler,
            int cpus,
            LongSupplier vcpuNanos,
            AccessTracking settings,
            BooleanSupplier runs) {
        this.memory = memory;
        this.sampler = sampler;
        this.cpus = cpus;
        this.vcpuNanos = vcpuNanos;
        this.settings = settings;
        this.runs = runs;
        this.heat = new Heat(arena, memory.pages(), settings.halfLife().toNanos(), System.nanoTime());
        this.look = new Look(memory.pages());
        this.choice = new LookChoice(arena, memory, heat, sampler);
    }

    /**
     * Starts, or goes on after {@link #stop} with what is known. No effect if started, nor if a look has failed that still
     * has memory of the guest: another would not find it again.
     */
    public synchronized void start() {
        if (closed || (thread != null && thread.isAlive()) || sampler.holdsMemory()) {
            return;
        }
        Thread looks = PromptThread.of("access-tracker", this::loop);
        failure = null;
        stopped = false;
        try {
            looks.start();
        } catch (OutOfMemoryError e) {
            stopped = true;
            throw e;
        }
        thread = looks;
    }

    /** Stops; at the return the guest's memory is as if it had never been tracked, unless {@link #holdsMemory}. */
    public synchronized void stop() {
        if (thread == null) {
            return;
        }
        stopped = true;
        thread.interrupt();
        Uninterruptibly.join(thread);
        thread = null;
    }

    /** Whether it works now: started, and the host has not stopped it. */
    public boolean isTracking() {
        return !stopped && failure == null;
    }

    /** Why it gave up, or null. */
    public String problem() {
        Throwable why = failure;
        return why == null ? null : Objects.requireNonNullElseGet(why.getMessage(), why::toString);
    }

    /** Whether memory of the guest is where only its faults find it: during a look, or when one went wrong. */
    public boolean holdsMemory() {
        return sampler.holdsMemory();
    }

    /** Whether a look moves memory away from the guest, to where nobody else finds it until {@link #stop} returns. */
    public boolean movesMemory() {
        return sampler.splitsLargePages();
    }

    public String mechanism() {
        return sampler.name();
    }

    public AccessTracking settings() {
        return settings;
    }

    /** From now on; what is known stays. */
    public void settings(AccessTracking changed) {
        synchronized (heat) {
            heat.halfLife(changed.halfLife().toNanos(), System.nanoTime());
        }
        settings = changed;
    }

    public AccessCost cost() {
        synchronized (heat) {
            return new AccessCost(looks, accesses, spent, vcpuTime, sampler.faultNanos());
        }
    }

    /**
     * Waits until there have been so many looks in all.
     *
     * @return whether there have; false when the time has passed first
     */
    public boolean awaitLooks(long count, Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        synchronized (heat) {
            for (long left; looks < count && (left = deadline - System.nanoTime()) > 0; ) {
                heat.wait(Math.max(1, left / 1_000_000));
            }
            return looks >= count;
        }
    }

    /**
     * Adds what a dirty tracker has collected: each of these pages was written at least once.
     *
     * @param nanos since the collection before
     */
    public void written(PageSet pages, long nanos) {
        synchronized (heat) {
            heat.at(System.nanoTime());
            long end = pages.pages();
            for (long page = pages.next(0, end); page < end; page = pages.next(page + 1, end)) {
                heat.written(page, nanos);
            }
        }
    }

    /** How hot each page is now. */
    public HeatMap map() {
        HeatMap map = new HeatMap(memory.pages());
        synchronized (heat) {
            heat.levels(map);
        }
        return map;
    }

    private void loop() {
        try {
            try {
                track();
                // What the last look has left behind is over after a moment; the interrupt that ended it was heard.
                Thread.interrupted();
                LockSupport.parkNanos(SETTLING);
                pay(sampler.aftermath());
            } finally {
                sampler.rest();
            }
        } catch (RuntimeException | Error e) {
            failure = e;
        }
    }

    private void track() {
        long last = vcpuNanos.getAsLong();
        long lookedLast = System.nanoTime();
        while (!stopped) {
            pay(sampler.aftermath());
            if (!runs.getAsBoolean()) {
                LockSupport.parkNanos(MOST_WAIT);
                last = vcpuNanos.getAsLong();
                continue;
            }
            long used = vcpuNanos.getAsLong();
            earn(last, used);
            last = used;
            long now = System.nanoTime();
            double share = settings.share();
            double least = share * cpus * period;
            if (now - lookedLast > Math.max(SELDOM, 2 * period)) {
                // A guest that uses little of its time.
                least = share * cpus * LOOK_PERIOD / SMALL_LOOK;
            }
            if (allowance < least) {
                LockSupport.parkNanos((long) Math.min(MOST_WAIT, (least - allowance) / (share * cpus)));
                continue;
            }
            if (now < restedAt) {
                LockSupport.parkNanos(Math.min(MOST_WAIT, restedAt - now));
                continue;
            }
            lookedLast = now;
            choice.refresh(now);
            look(turn++ % (SMALL_LOOKS_PER_REGION_LOOK + 1) != 0);
        }
        earn(last, vcpuNanos.getAsLong());
    }

    private void earn(long from, long to) {
        double share = settings.share();
        // Less when a vCPU has ended.
        long gained = Math.max(0, to - from);
        allowance = Math.min(allowance + share * gained, share * cpus * ALLOWANCE_SPAN);
        synchronized (heat) {
            vcpuTime += gained;
        }
    }

    private void pay(long cost) {
        if (cost != 0) {
            allowance -= cost;
            ofLook += cost;
            synchronized (heat) {
                spent += cost;
            }
        }
    }

    /** Learns from the last look, whose cost is known by now, what one sighting costs. */
    private void learn() {
        if (look.small()) {
            double its = ofLook / (Math.max(1, look.sightings()) * (double) sampler.faultNanos());
            // Of a guest that accesses little, a larger look after a longer time tells more for the same.
            period = its > WASTEFUL ? Math.min(2 * period, LONGEST_PERIOD) : Math.max(period / 2, LOOK_PERIOD);
            if (look.sightings() >= ENOUGH_SIGHTINGS) {
                faultsPerSighting = (faultsPerSighting + Math.clamp(its, 1, MOST_FAULTS_A_SIGHTING)) / 2;
            }
        }
        ofLook = 0;
    }

    private void look(boolean small) {
        learn();
        int faults = (int) Math.max(1, allowance / (sampler.faultNanos() * faultsPerSighting));
        look.begin(small);
        long more = choice.choose(look, faults);
        if (look.count() == 0) {
            LockSupport.parkNanos(NOTHING_WAIT);
            return;
        }
        long begin = vcpuNanos.getAsLong();
        int most = small ? Math.min(faults, choice.enough(look)) : faults;
        long started = System.nanoTime();
        long longest = small ? choice.longestLook() : LONGEST_REGION_LOOK;
        long cost = sampler.sample(look, most, longest) + more;
        if (small) {
            // Only between looks does KVM map large pages again: without, each page would be a fault in the next look.
            long ended = System.nanoTime();
            restedAt = ended + (ended - started);
        }
        long took = Math.max(0, vcpuNanos.getAsLong() - begin);
        long slowed = small ? Math.min(took / SMALL_MAPPINGS, cost / MOST_SLOWED) : 0;
        pay(cost + cost / COLD_CACHES + slowed);
        synchronized (heat) {
            // A guest that paused meanwhile has not shown anything.
            if (runs.getAsBoolean()) {
                look.addTo(heat);
            }
            looks++;
            accesses += look.sightings();
            heat.notifyAll();
        }
    }

    /** Stops and gives everything back; heat is gone. No effect the second time. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            stop();
            sampler.close();
            synchronized (heat) {
                arena.close();
            }
        }
    }
}
