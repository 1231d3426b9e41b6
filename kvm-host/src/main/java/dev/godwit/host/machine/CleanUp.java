package dev.godwit.host.machine;

import java.util.ArrayDeque;
import java.util.Deque;

/** Gives parts back in the opposite order of taking them, all of them, whatever one of them says. */
final class CleanUp {
    private final Deque<Part> parts = new ArrayDeque<>();

    /** A part whose giving back throws nothing checked. */
    interface Part {
        void close();
    }

    <T extends AutoCloseable> T add(T part) {
        parts.push(() -> {
            try {
                part.close();
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        return part;
    }

    void close() {
        RuntimeException first = null;
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (RuntimeException e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        if (first != null) {
            throw first;
        }
    }
}
