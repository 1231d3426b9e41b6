package dev.godwit.perf.scenario;

import dev.godwit.agent.cli.MeasuringGuest;
import java.util.Map;
import java.util.function.Consumer;

/** One way of migrating. */
public interface Contestant {
    /** For tables and files: {@code godwit precopy}, {@code qemu multifd-4}. */
    String name();

    /** What exactly it is. */
    String version();

    /** Whether it is Godwit. */
    boolean isOwn();

    /** Boots the guest of a case at the source, and has a target ready. */
    Session start(MigrationCase c);

    /** One guest with one migration before it. */
    interface Session extends AutoCloseable {
        MeasuringGuest guest();

        /** Waits until the guest is as it is to be when it is migrated. */
        default void awaitReady() {
            guest().awaitReady();
        }

        long sourcePid();

        long targetPid();

        /**
         * Migrates, and returns when all is across and {@link #guest} speaks with the target.
         *
         * @throws dev.godwit.agent.config.Failure when it failed or took too long
         */
        Moved migrate(Consumer<Trial.Sample> samples);

        @Override
        void close();
    }

    /**
     * What came of it.
     *
     * @param figures those that only the contestant knows
     * @param details all that it says
     */
    record Moved(Map<Measure, Double> figures, Object details) {}
}
