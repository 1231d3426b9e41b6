package dev.godwit.host.kvm;

import dev.godwit.bindings.linux.FileCalls;

/**
 * A file descriptor that is closed once and not used afterwards: its number may by then be another file's, or another
 * guest's.
 *
 * <p>Threading: any thread. A call that is under way while another thread closes is the owner's to prevent.
 */
final class Descriptor {
    private static final int CLOSED = -1;

    private final String what;
    private volatile int number;

    /** Owns an open descriptor; {@code what} names it in messages. */
    Descriptor(String what, int number) {
        this.what = what;
        this.number = number;
    }

    /**
     * Its number.
     *
     * @throws IllegalStateException once closed
     */
    int number() {
        int now = number;
        if (now == CLOSED) {
            throw new IllegalStateException(what + " is closed");
        }
        return now;
    }

    /** Closes it; no effect the second time. */
    synchronized void close() {
        if (number != CLOSED) {
            int last = number;
            number = CLOSED;
            FileCalls.close(last);
        }
    }
}
