package dev.godwit.host.machine;

import dev.godwit.bindings.linux.ClockCalls;
import dev.godwit.host.boot.PvhEntryState;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.boot.PvhLoader;
import dev.godwit.host.device.Serial16550;
import dev.godwit.host.device.SerialLog;
import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.state.ElapsedTime;
import dev.godwit.host.state.MachineState;
import dev.godwit.host.tracking.AccessMechanism;
import dev.godwit.host.tracking.AccessSampler;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.host.tracking.DirtyTracker;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.host.vcpu.VcpuThread;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * A virtual machine: its RAM, vCPUs and devices, and the commands on them.
 *
 * <pre>
 *   create ─▶ PAUSED ⇄ RUNNING
 *                │        │   the guest ends, or stop()
 *                └─▶ STOPPED ─▶ close()
 * </pre>
 *
 * <p>Threading: all methods from any thread, on the machine's own vCPUs only in callbacks of {@link #whenStopped};
 * commands are serialised. {@link #close} last.
 */
public final class Machine implements AutoCloseable {
    /** Where a machine is. */
    public enum State {
        PAUSED,
        RUNNING,
        STOPPED
    }

    /** How often a pause that takes its time looks whether it is still wanted. */
    private static final long LOOK_NANOS = 20_000_000;

    private static final Duration FOREVER = Duration.ofNanos(Long.MAX_VALUE);

    private final MachineConfig config;
    private final Parts parts;
    private final List<VcpuThread> vcpus;
    private final CompletableFuture<StopReason> stopped = new CompletableFuture<>();
    private final InTurn dirtyTracking = new InTurn("dirty-tracking");
    private final InTurn accessTracking = new InTurn("access-tracking");
    private CpuId guestCpu;
    private volatile State state = State.PAUSED;
    private volatile StopReason stopReason;
    /** Guards the access tracker, apart from commands: it may take as long as a look. */
    private final Object accessLock = new Object();

    private AccessTracker accessTracker;
    private boolean accessClosed;
    private volatile boolean running;
    private boolean closed;

    private Machine(Kvm kvm, MachineConfig config) {
        this.config = config;
        this.parts = Parts.assemble(kvm, config);
        try {
            this.guestCpu = parts.guestCpu();
            this.vcpus = parts.startThreads((vcpu, reason) -> stop(reason));
        } catch (RuntimeException | Error e) {
            parts.close();
            throw e;
        }
    }

    /**
     * Builds a machine and loads an image into it; it is PAUSED at the image's entry.
     *
     * @throws dev.godwit.host.boot.ImageException when the image does not fit
     * @throws MachineConfigException when the host cannot build it
     */
    public static Machine boot(Kvm kvm, MachineConfig config, PvhImage image) {
        Machine machine = new Machine(kvm, config);
        try {
            long startInfo = PvhLoader.load(image, machine.parts.commandLine(), machine.memory());
            PvhEntryState.apply(machine.parts.vcpus().getFirst(), image.entry(), startInfo);
            return machine;
        } catch (RuntimeException | Error e) {
            machine.close();
            throw e;
        }
    }

    /**
     * Builds a machine with empty memory, whose state will be restored.
     *
     * @throws MachineConfigException when the host cannot build it
     */
    public static Machine empty(Kvm kvm, MachineConfig config) {
        return new Machine(kvm, config);
    }

    public MachineConfig config() {
        return config;
    }

    public GuestMemory memory() {
        return parts.memory();
    }

    /** What the guest wrote to its serial port. */
    public SerialLog serialLog() {
        return parts.serialLog();
    }

    /** The guest's serial port, for input. */
    public Serial16550 serial() {
        return parts.serial();
    }

    /** The machine's one dirty tracker. */
    public DirtyTracker dirtyTracker() {
        return parts.dirtyTracker();
    }

    /**
     * Starts the dirty tracker. KVM changes what it logs once each vCPU has left KVM's own code for a moment; one that
     * waits there for a page of its memory holds that up until the page has come, or the machine stops. So it is done on
     * a thread of its own, after all that was asked for before.
     *
     * @return completes when all memory counts as clean, or with what went wrong
     */
    public CompletableFuture<Void> startDirtyTracking() {
        return dirtyTracking.thenUrgently(dirtyTracker()::start);
    }

    /** Stops the dirty tracker, in the same way as {@link #startDirtyTracking}. */
    public CompletableFuture<Void> stopDirtyTracking() {
        return dirtyTracking.then(dirtyTracker()::stop);
    }

    /**
     * Starts tracking which pages the guest accesses, reads as well as writes, or goes on with other settings, and waits
     * until that is so. Once made, the tracker stays.
     *
     * @throws dev.godwit.bindings.linux.SystemCallException when this host offers no way of doing it
     * @throws IllegalStateException when the machine is closed
     */
    public AccessTracker trackAccesses(AccessTracking settings) {
        AccessTracker tracker = accessTracker(settings);
        var _ = resumeAccessTracking().join();
        return tracker;
    }

    /**
     * The machine's access tracker with these settings; {@link #resumeAccessTracking} starts it.
     *
     * @throws dev.godwit.bindings.linux.SystemCallException when this host offers no way of doing it
     * @throws IllegalStateException when the machine is closed
     */
    public AccessTracker accessTracker(AccessTracking settings) {
        synchronized (accessLock) {
            if (accessClosed) {
                throw new IllegalStateException("the machine is closed");
            }
            if (accessTracker == null) {
                List<Integer> threads = vcpuThreadIds();
                AccessSampler sampler = AccessMechanism.open(
                        memory(), parts.slots(), threads, config.disks().isEmpty() && memory().isWhole());
                accessTracker =
                        new AccessTracker(memory(), sampler, threads.size(), this::vcpuNanos, settings, () -> running);
            } else {
                accessTracker.settings(settings);
            }
            return accessTracker;
        }
    }

    /**
     * Stops the access tracker, if there is one, for as long as somebody has other use for the time. A look that is under
     * way may have to wait for a page that the guest waits for, as {@link #startDirtyTracking} does, and so this is done
     * on a thread of its own.
     *
     * @return completes when the guest is as if it were not tracked
     */
    public CompletableFuture<Void> suspendAccessTracking() {
        return accessTracking.then(() -> accessTracker().ifPresent(AccessTracker::stop));
    }

    /** The access tracker, if there is one, works from now on; once what was asked for before is done. */
    public CompletableFuture<Void> resumeAccessTracking() {
        return accessTracking.then(() -> accessTracker().ifPresent(AccessTracker::start));
    }

    /** The kernel's numbers of the vCPUs' threads, in the order of the vCPUs. */
    public List<Integer> vcpuThreadIds() {
        return vcpus.stream().map(VcpuThread::threadId).toList();
    }

    /** The CPU time that all vCPUs have used so far, the guest's own and what KVM did for it; of those that live. */
    public long vcpuNanos() {
        long sum = 0;
        for (VcpuThread vcpu : vcpus) {
            sum += Math.max(0, ClockCalls.threadCpuNanos(vcpu.threadId()));
        }
        return sum;
    }

    /** The machine's access tracker, if it was ever tracked. */
    public Optional<AccessTracker> accessTracker() {
        synchronized (accessLock) {
            return Optional.ofNullable(accessTracker);
        }
    }

    /** When the guest executed its first instructions ({@link System#nanoTime}), if its image marks them. */
    public OptionalLong firstInstructionNanos() {
        return parts.bootMark().firstWriteNanos();
    }

    /** The CPU of the guest: what this host gives, until a state is restored; then what it was first started with. */
    public synchronized CpuId guestCpu() {
        return guestCpu;
    }

    public State state() {
        return state;
    }

    /** Why it stopped: there as soon as it is STOPPED, and always the first reason. */
    public Optional<StopReason> stopReason() {
        return Optional.ofNullable(stopReason);
    }

    /**
     * Completes with the reason when the machine has stopped. Callbacks run on whatever thread stops it, which may be a
     * vCPU's; they may call any method here, {@link #close} too.
     */
    public CompletableFuture<StopReason> whenStopped() {
        return stopped.copy();
    }

    /**
     * Waits for the guest's end.
     *
     * @return the reason, or empty when {@code timeout} passed first
     */
    public Optional<StopReason> awaitStop(Duration timeout) throws InterruptedException {
        try {
            long nanos = timeout.compareTo(FOREVER) < 0 ? timeout.toNanos() : Long.MAX_VALUE;
            return Optional.of(stopped.get(nanos, TimeUnit.NANOSECONDS));
        } catch (TimeoutException e) {
            return Optional.empty();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    /** PAUSED → RUNNING. No effect in another state. */
    public synchronized void resume() {
        if (state == State.PAUSED) {
            state = State.RUNNING;
            vcpus.forEach(VcpuThread::resume);
            running = true;
        }
    }

    /**
     * RUNNING → PAUSED; at the return no vCPU runs and no device has anything in flight. No effect in another state.
     *
     * @return whether the machine is now PAUSED; false when the guest has ended
     */
    public boolean pause() {
        return pause(() -> false);
    }

    /**
     * As {@link #pause()}, of a guest that may wait for a page of its memory: where KVM waits for it in a way that no
     * signal ends, the guest can be paused only when the page has come.
     *
     * @param givenUp asked some times a second, while vCPUs have still to leave the guest, whether they are to run on
     * @return whether the machine is now PAUSED; false when the guest has ended, or the pause was given up
     */
    public synchronized boolean pause(BooleanSupplier givenUp) {
        if (state == State.RUNNING) {
            running = false;
            vcpus.forEach(VcpuThread::requestPause);
            for (VcpuThread vcpu : vcpus) {
                while (!vcpu.awaitOutside(LOOK_NANOS)) {
                    if (givenUp.getAsBoolean()) {
                        vcpus.forEach(VcpuThread::resume);
                        running = true;
                        return false;
                    }
                }
            }
            // A vCPU whose guest ended meanwhile waits for this lock to say so: this machine will not run again.
            if (vcpus.stream().allMatch(v -> v.state() == VcpuThread.State.PAUSED)) {
                state = State.PAUSED;
            }
        }
        return state == State.PAUSED;
    }

    /**
     * Saves the state of vCPUs, chips and devices of a PAUSED machine.
     *
     * @throws IllegalStateException when it is not PAUSED
     */
    public synchronized SavedMachine save() {
        requirePaused("saved");
        return parts.stateKeeper().save();
    }

    /**
     * Restores what {@link #save} gave into a PAUSED machine of the same make that has not run.
     *
     * @param elapsed whether the guest's clocks go on by the time that passed meanwhile
     * @return what could not be restored, each by name; empty when all is as it was
     * @throws dev.godwit.host.state.StateFormatException when the state is malformed or another machine's
     * @throws dev.godwit.host.device.DeviceStateException when a device's part is
     */
    public synchronized List<String> restore(MachineState state, ElapsedTime elapsed) {
        requirePaused("restored");
        List<String> notRestored = parts.stateKeeper().restore(state, elapsed);
        guestCpu = parts.guestCpu();
        return notRestored;
    }

    private void requirePaused(String what) {
        if (state != State.PAUSED) {
            throw new IllegalStateException("a machine is " + what + " while PAUSED, not " + state);
        }
    }

    /** Ends the guest; at the return no vCPU runs. No effect once STOPPED. */
    public void stop(StopReason reason) {
        // Not under the lock, which a pause may hold for as long as a page does not come. A vCPU that has been told to
        // stop never enters its guest again, so that nobody sees what is in the page's place when the wait ends.
        vcpus.forEach(VcpuThread::requestStop);
        memory().giveUpMissing();
        if (halt(reason)) {
            stopped.complete(reason);
        }
    }

    /** Whether it was this call that stopped it. */
    private synchronized boolean halt(StopReason reason) {
        if (state == State.STOPPED) {
            return false;
        }
        // The reason first: whoever sees STOPPED, without the lock, sees why.
        stopReason = reason;
        state = State.STOPPED;
        running = false;
        othersThanMe().forEach(VcpuThread::awaitOutside);
        parts.serialLog().end();
        return true;
    }

    /** All vCPUs but the one on whose thread this is called: that one has left its guest for good. */
    private Stream<VcpuThread> othersThanMe() {
        return vcpus.stream().filter(v -> !v.isCurrentThread());
    }

    /** Ends the guest if need be and gives everything back. No effect the second time. */
    @Override
    public void close() {
        stop(new StopReason(StopReason.Kind.STOPPED, 0, ""));
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        accessTracking.await();
        // Before the threads: a look that is under way needs nobody, and then nothing of the guest is used any more.
        synchronized (accessLock) {
            accessClosed = true;
            if (accessTracker != null) {
                accessTracker.close();
            }
        }
        othersThanMe().forEach(VcpuThread::join);
        dirtyTracking.await();
        parts.close();
    }
}
