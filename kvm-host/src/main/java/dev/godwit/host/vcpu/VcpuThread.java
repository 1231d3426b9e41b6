package dev.godwit.host.vcpu;

import dev.godwit.bindings.linux.ProcessCalls;
import dev.godwit.bindings.linux.SignalCalls;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.kvm.VcpuExit;
import dev.godwit.host.thread.Precedence;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.thread.Uninterruptibly;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;

/**
 * One vCPU on its own platform thread.
 *
 * <pre>
 *             resume            pause, kick
 *   PAUSED ───────────▶ RUNNING ───────────▶ PAUSED …
 *     │ stop               │ stop, kick, or the guest ended
 *     └──────▶ STOPPED ◀───┘
 * </pre>
 *
 * <p>The thread leaves the guest only when KVM says {@link VcpuExit.Interrupted}, so that a pending {@code in} or MMIO
 * access is complete whenever the vCPU is PAUSED: its state can then be saved.
 *
 * <p>Threading: commands from any thread; they return when the vCPU is in the state asked for. Not from the vCPU's own
 * thread, except {@link #requestStop}.
 */
public final class VcpuThread {
    /** Where a vCPU is. */
    public enum State {
        PAUSED,
        RUNNING,
        STOPPED
    }

    private final Vcpu vcpu;
    private final ExitHandler handler;
    private final BiConsumer<VcpuThread, StopReason> onStop;
    private final Thread thread;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    private volatile State wanted = State.PAUSED;
    private State state = State.PAUSED;
    private int threadId;

    /**
     * A vCPU that starts PAUSED.
     *
     * @param name the thread's name
     * @param handler serves its exits
     * @param onStop told once, on the vCPU's thread, when the guest itself ends
     */
    public VcpuThread(Vcpu vcpu, String name, ExitHandler handler, BiConsumer<VcpuThread, StopReason> onStop) {
        KickSignal.prepare();
        this.vcpu = vcpu;
        this.handler = handler;
        this.onStop = onStop;
        this.thread = PromptThread.of(name, this::loop);
        this.thread.start();
    }

    public Vcpu vcpu() {
        return vcpu;
    }

    /** Whether the caller is this vCPU's thread. */
    public boolean isCurrentThread() {
        return Thread.currentThread().equals(thread);
    }

    /** The kernel's number of its thread. */
    public int threadId() {
        lock.lock();
        try {
            while (threadId == 0) {
                changed.awaitUninterruptibly();
            }
            return threadId;
        } finally {
            lock.unlock();
        }
    }

    public State state() {
        lock.lock();
        try {
            return state;
        } finally {
            lock.unlock();
        }
    }

    /** Lets the guest run; no effect once STOPPED. */
    public void resume() {
        lock.lock();
        try {
            if (wanted == State.PAUSED) {
                wanted = State.RUNNING;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Asks the vCPU to pause, without waiting: pausing several costs one wait, not one each. */
    public void requestPause() {
        request(State.PAUSED);
    }

    /** Asks the vCPU to stop for good, without waiting. */
    public void requestStop() {
        request(State.STOPPED);
    }

    private void request(State target) {
        lock.lock();
        try {
            if (wanted == State.STOPPED) {
                return;
            }
            wanted = target;
            vcpu.requestExit();
            // Inside the guest only a signal gets it out; in between, immediate_exit is enough.
            if (state == State.RUNNING && !isCurrentThread()) {
                KickSignal.send(ProcessCalls.getpid(), threadId);
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Waits until the vCPU is out of the guest: PAUSED or STOPPED. */
    public void awaitOutside() {
        lock.lock();
        try {
            while (state == State.RUNNING) {
                changed.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * As {@link #awaitOutside()}, but no longer than this: a vCPU that waits for a page of its guest's own page tables
     * leaves KVM only when that has come.
     *
     * @return whether it is out of the guest
     */
    public boolean awaitOutside(long nanos) {
        long deadline = System.nanoTime() + nanos;
        boolean interrupted = false;
        lock.lock();
        try {
            for (long left = nanos; state == State.RUNNING && left > 0; left = deadline - System.nanoTime()) {
                try {
                    var _ = changed.awaitNanos(left);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            return state != State.RUNNING;
        } finally {
            lock.unlock();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Waits until the thread has ended, after {@link #requestStop}. */
    public void join() {
        Uninterruptibly.join(thread);
    }

    /**
     * Does something on the calling vCPU's thread with the kick held back until it is done: for a system call that the
     * kernel leaves half-done when a signal is pending. The kick is not lost: the vCPU leaves the guest at its next entry.
     */
    public static void undisturbed(Runnable work) {
        KickSignal.block();
        try {
            work.run();
        } finally {
            KickSignal.unblock();
        }
    }

    private void loop() {
        Precedence.GUEST.take();
        announceThread();
        while (awaitRunning()) {
            StopReason reason = runGuest();
            if (reason != null) {
                enterStopped();
                onStop.accept(this, reason);
                return;
            }
        }
        enterStopped();
    }

    private void announceThread() {
        lock.lock();
        try {
            threadId = SignalCalls.gettid();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Waits for RUNNING; false when the vCPU is to stop. */
    private boolean awaitRunning() {
        lock.lock();
        try {
            while (wanted == State.PAUSED) {
                state = State.PAUSED;
                changed.signalAll();
                changed.awaitUninterruptibly();
            }
            if (wanted == State.STOPPED) {
                return false;
            }
            vcpu.clearExitRequest();
            state = State.RUNNING;
            changed.signalAll();
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Runs until another state is wanted (null) or the guest ends. */
    private StopReason runGuest() {
        try {
            while (true) {
                VcpuExit exit = vcpu.run();
                if (exit instanceof VcpuExit.Interrupted) {
                    // Cleared before the look: a request that comes in between sets it again.
                    vcpu.clearExitRequest();
                    if (wanted != State.RUNNING) {
                        return null;
                    }
                } else {
                    StopReason reason = handler.handle(exit);
                    if (reason != null) {
                        return reason;
                    }
                }
            }
        } catch (RuntimeException | Error e) {
            // One guest's trouble stays its own: the agent and its other guests go on.
            return new StopReason(StopReason.Kind.AGENT_ERROR, 0, e.toString());
        }
    }

    /** For good: no later command wants anything else, nor touches the vCPU, which may be closed from here on. */
    private void enterStopped() {
        lock.lock();
        try {
            wanted = State.STOPPED;
            state = State.STOPPED;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
