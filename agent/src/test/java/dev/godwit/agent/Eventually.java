package dev.godwit.agent;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** For what comes in its own time: a minute is far more than a busy host needs, and a test that fails still ends. */
public final class Eventually {
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long POLL_NANOS = 5_000_000;

    private Eventually() {}

    /**
     * Waits until it is so.
     *
     * @param otherwise what is said when it does not come to that
     */
    public static void await(BooleanSupplier condition, Supplier<String> otherwise) {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < deadline, otherwise);
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    /** As {@link #await(BooleanSupplier, Supplier)}, with what is waited for. */
    public static void await(BooleanSupplier condition, String what) {
        await(condition, () -> "it does not come that " + what);
    }
}
