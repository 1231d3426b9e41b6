package dev.godwit.agent.paging;

import dev.godwit.bindings.linux.EventCalls;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A memory host of {@link PagerModelTest}: delivers on the pager's thread, as the real one's connection does, what the
 * test tells it to, when it tells it to: late, twice, in pieces, out of order. Content that the page map has another
 * checksum of is held back, as the real one does.
 */
final class ModelStore implements PageStore, AutoCloseable {
    /** Pages asked for. */
    record Wanted(long first, int count) {}

    /** Pages on their way, as they were when they were sent. */
    record Delivery(long first, long[] words) {
        int count() {
            return words.length / ModelHost.WORDS;
        }
    }

    private final Arena arena = Arena.ofShared();
    private final MemorySegment landing = arena.allocate(PageSize.LARGE, 4096);
    private final int event = EventCalls.eventfd(0, EventCalls.EFD_NONBLOCK | EventCalls.EFD_CLOEXEC);
    private final long[] words;
    private final List<Wanted> wanted = new ArrayList<>();
    private final List<Delivery> sent = new ArrayList<>();
    private volatile Pager pager;
    private boolean away;
    private int turns;

    ModelStore(long pages) {
        words = new long[Math.toIntExact(pages) * ModelHost.WORDS];
    }

    void serve(Pager to) {
        pager = to;
        synchronized (this) {
            wanted.clear();
        }
    }

    /** What the page map keeps of a page here. */
    static int checksum(long first, long last) {
        return (int) ((first * 0x9e3779b97f4a7c15L ^ Long.rotateLeft(last * 0xc2b2ae3d27d4eb4fL, 31)) >>> 36);
    }

    long word(long page, int which) {
        return words[(int) page * ModelHost.WORDS + which];
    }

    void store(long page, int which, long value) {
        words[(int) page * ModelHost.WORDS + which] = value;
    }

    void release(long page) {
        for (int which = 0; which < ModelHost.WORDS; which++) {
            store(page, which, 0);
        }
    }

    /** What is sent now of these pages. */
    Delivery delivery(long first, int count) {
        long[] content = new long[count * ModelHost.WORDS];
        System.arraycopy(words, (int) first * ModelHost.WORDS, content, 0, content.length);
        return new Delivery(first, content);
    }

    synchronized void goAway() {
        away = true;
        wanted.clear();
    }

    void comeBack() {
        synchronized (this) {
            away = false;
        }
        pager.askAgain();
    }

    synchronized boolean isAway() {
        return away;
    }

    @Override
    public synchronized void request(long first, int count) {
        if (!away) {
            wanted.add(new Wanted(first, count));
        }
    }

    /** Takes one of the requests, by a number that may be any; null when there is none. */
    synchronized Wanted takeRequest(int number) {
        return wanted.isEmpty() ? null : wanted.remove(number % wanted.size());
    }

    /** Delivers, and waits until the pager's thread has done all that it had to do. */
    void deliver(List<Delivery> deliveries) throws InterruptedException, TimeoutException {
        synchronized (this) {
            sent.addAll(deliveries);
        }
        awaitTurn();
        // What was to be looked at again is looked at after deliveries.
        awaitTurn();
    }

    private void awaitTurn() throws InterruptedException, TimeoutException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        synchronized (this) {
            int before = turns;
            EventCalls.add(event, 1);
            while (turns == before) {
                wait(1000);
                if (System.nanoTime() > deadline) {
                    throw new TimeoutException("the pager's thread takes no deliveries");
                }
            }
        }
    }

    @Override
    public int descriptor() {
        return event;
    }

    @Override
    public void receive() {
        EventCalls.take(event);
        List<Delivery> now;
        synchronized (this) {
            now = List.copyOf(sent);
            sent.clear();
        }
        now.forEach(this::land);
        synchronized (this) {
            turns++;
            notifyAll();
        }
    }

    private void land(Delivery delivery) {
        Pager to = pager;
        for (int i = 0; i < delivery.count(); ) {
            int stop = i;
            while (stop < delivery.count() && isAsGiven(to, delivery, stop)) {
                for (int which = 0; which < ModelHost.WORDS; which++) {
                    landing.set(
                            ValueLayout.JAVA_LONG,
                            (stop - i) * (long) PageSize.SMALL + which * (PageSize.SMALL - 8L),
                            delivery.words[stop * ModelHost.WORDS + which]);
                }
                stop++;
            }
            if (stop > i) {
                to.arrived(Place.REMOTE, delivery.first + i, stop - i, landing);
            }
            i = stop + 1;
        }
    }

    private static boolean isAsGiven(Pager to, Delivery delivery, int i) {
        int at = i * ModelHost.WORDS;
        return to.map().frameIn(delivery.first + i, Place.REMOTE)
                == checksum(delivery.words[at], delivery.words[at + 1]);
    }

    @Override
    public void close() {
        FileCalls.close(event);
        arena.close();
    }
}
