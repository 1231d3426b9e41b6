package dev.godwit.host.thread;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

/**
 * A daemon thread that begins at once. Whoever starts a thread waits, within Java, until that has had a processor for a
 * moment; on a host whose processors are all busy with guests an ordinary one gets that after milliseconds. So it is born
 * urgent, where {@link Urgency} is granted by CAP_SYS_NICE, and what it does then is ordinary unless it was asked for as
 * {@link #urgent}. Without CAP_SYS_NICE threads begin as others do.
 *
 * <p>Threading: any platform thread may start one.
 *
 * <p>Source: {@code sched(7)}; {@code os::create_thread} of the Java virtual machine.
 */
public final class PromptThread extends Thread {
    private static final long KEPT_SECONDS = 60;

    /** @param work done as the thread is born */
    PromptThread(String name, Runnable work) {
        super(work, name);
        setDaemon(true);
    }

    /** A thread that takes its turn once it has begun; not started yet. */
    public static Thread of(String name, Runnable work) {
        return of(name, Precedence.ORDINARY, work);
    }

    /** One that has that part of the processors for as long as it lives; not started yet. */
    public static Thread of(String name, Precedence precedence, Runnable work) {
        return new PromptThread(name, with(precedence, work));
    }

    /** One that is urgent for as long as it lives; not started yet. */
    public static Thread urgent(String name, Runnable work) {
        return new PromptThread(name, urgently(work));
    }

    /**
     * Does each task at once, on a thread that has nothing else to do, as {@link #of} makes them; it is kept for a minute
     * then.
     *
     * @param prefix of their names, which a number completes
     */
    public static ExecutorService pool(String prefix) {
        return pool(prefix, Precedence.ORDINARY);
    }

    /** As {@link #pool}, on threads that have that part of the processors. */
    public static ExecutorService pool(String prefix, Precedence precedence) {
        return pool(prefix, work -> with(precedence, work));
    }

    /** As {@link #pool}, on threads that are {@link #urgent}: to become so they would have to take their turn once more. */
    public static ExecutorService urgentPool(String prefix) {
        return pool(prefix, PromptThread::urgently);
    }

    private static ExecutorService pool(String prefix, UnaryOperator<Runnable> manner) {
        AtomicInteger made = new AtomicInteger();
        return pool(work -> new PromptThread(prefix + made.getAndIncrement(), manner.apply(work)));
    }

    static ExecutorService pool(ThreadFactory threads) {
        return new ThreadPoolExecutor(
                0, Integer.MAX_VALUE, KEPT_SECONDS, TimeUnit.SECONDS, new SynchronousQueue<>(), threads) {
            @Override
            public void execute(Runnable task) {
                // Its threads it starts by a way of Java's own, around their start().
                Urgency.handOn(() -> super.execute(task));
            }
        };
    }

    private static Runnable urgently(Runnable work) {
        return () -> {
            try (Urgency _ = Urgency.begin()) {
                Precedence.ORDINARY.set();
                work.run();
            }
        };
    }

    private static Runnable with(Precedence precedence, Runnable work) {
        return () -> {
            precedence.take();
            work.run();
        };
    }

    @Override
    public void start() {
        Urgency.handOn(super::start);
    }
}
