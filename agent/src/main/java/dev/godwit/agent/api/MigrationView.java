package dev.godwit.agent.api;

import dev.godwit.agent.inventory.MigrationJob;
import dev.godwit.agent.migration.MigrationProgress;
import dev.godwit.agent.migration.MigrationReport;
import java.util.List;
import java.util.Locale;

/**
 * A migration as the API shows it; null where there is nothing to say.
 *
 * @param done whether it is over
 * @param error one line on why it failed
 * @param errorKind the sort of that: {@link dev.godwit.agent.migration.MigrationException.Kind} in lower case
 * @param directory where the agent keeps the report
 */
public record MigrationView(
        String id,
        String guest,
        String target,
        String startedAt,
        boolean done,
        Progress progress,
        MigrationReport report,
        String error,
        String errorKind,
        String directory) {

    /** All of them, the oldest first. */
    public record Page(List<MigrationView> migrations) {}

    /**
     * A moment of it.
     *
     * @param expectedDowntimeMicros the pause if the switchover came now; null while unknown
     */
    public record Progress(
            String phase,
            int round,
            long sentBytes,
            long remainingBytes,
            long totalBytes,
            long dirtyBytesPerSecond,
            long bytesPerSecond,
            Long expectedDowntimeMicros,
            long elapsedMicros) {
        static Progress of(MigrationProgress p) {
            return new Progress(
                    p.phase().text(),
                    p.round(),
                    p.sentBytes(),
                    p.remainingBytes(),
                    p.totalBytes(),
                    p.dirtyRate(),
                    p.bandwidth(),
                    p.expectedDowntime().isNegative()
                            ? null
                            : p.expectedDowntime().toNanos() / 1000,
                    p.elapsed().toNanos() / 1000);
        }
    }

    static MigrationView of(MigrationJob job) {
        MigrationJob.Outcome outcome = job.outcome().orElse(null);
        boolean failed = outcome != null && !outcome.succeeded();
        return new MigrationView(
                job.id(),
                job.guest(),
                job.target(),
                job.startedAt().toString(),
                outcome != null,
                Progress.of(job.progress()),
                outcome == null ? null : outcome.report(),
                failed ? outcome.error().getMessage() : null,
                failed ? outcome.error().kind().name().toLowerCase(Locale.ROOT).replace('_', '-') : null,
                outcome == null ? null : outcome.directory());
    }
}
