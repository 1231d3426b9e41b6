package dev.godwit.host.thread;

import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A daemon thread that begins at once. Whoever starts a thread waits, within Java, until that has had a processor for a
 * moment; on a host whose processors are all busy with guests an ordinary one gets that after milliseconds. So it is born
 * urgent, as {@link Urgency} says, and what it does then is ordinary unless it was asked for as {@link #urgent}.
 *
 * <p>Threading: may be started by any platform thread but a vCPU's.
 *
 * <p>Source: {@code sched(7)}; {@code os::create_thread} of the Java virtual machine.
 */
public final class PromptThread extends Thread {
    private final boolean urgent;

    private PromptThread(String name, boolean urgent, Runnable work) {
        super(work, name);
        this.urgent = urgent;
        setDaemon(true);
    }

    /** A thread that takes its turn once it has begun; not started yet. */
    public static Thread of(String name, Runnable work) {
        return new PromptThread(name, false, work);
    }

    /** One that is urgent for as long as it lives; not started yet. */
    public static Thread urgent(String name, Runnable work) {
        return new PromptThread(name, true, work);
    }

    /**
     * Makes threads as {@link #of} does.
     *
     * @param prefix of their names, which a number completes
     */
    public static ThreadFactory factory(String prefix) {
        AtomicInteger made = new AtomicInteger();
        return work -> of(prefix + made.getAndIncrement(), work);
    }

    @Override
    public void start() {
        Urgency.handOn(super::start);
    }

    @Override
    public void run() {
        if (urgent) {
            try (Urgency _ = Urgency.begin()) {
                super.run();
            }
        } else {
            Urgency.beOrdinary();
            super.run();
        }
    }
}
