package dev.godwit.perf.scenario;

import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.images.DirtierReport;
import dev.godwit.perf.report.Distribution;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What a number of migrations of one guest did. Times are in milliseconds, rates in bytes a second.
 *
 * @param guest which guest
 * @param memoryBytes its RAM
 * @param cpus its vCPUs
 * @param streams data connections
 * @param runs the migrations, in order
 * @param total from the first connection attempt to the word that it runs
 * @param downtime the pause as the agents saw it
 * @param guestGap the longest gap in the guest's own loop
 * @param rate content sent over the total time
 * @param rawOne what TCP over the loopback carries between two buffers of 2 MiB, one connection
 * @param rawStreams the same with as many connections as the migration has
 * @param rawMemory the same between memories as large as the guest's, up to 1 GiB: no more can be had
 * @param rawFresh the same to memory that nobody has touched yet
 * @param touch what touching free memory of this host for the first time gives, before each run
 * @param share rate over rawStreams of the same run
 * @param shareOfMemory rate over rawMemory of the same run
 * @param shareOfFresh rate over rawFresh of the same run
 * @param coverageBefore share of guest RAM in 2 MiB pages at the source
 * @param coverageAfter the same at the target when the migration ended: what came in small pages had been made whole
 * @param coverageLater the same a second after that, by the kernel's own accounting
 * @param workBefore turns of the guest's loop a second, in the second before; 0 for an idle guest
 * @param workAfter the same in the second after
 * @param pagesVerified pages the guest checked and found right after the last run
 */
public record MigrateResult(
        String guest,
        long memoryBytes,
        int cpus,
        int streams,
        List<Run> runs,
        Distribution total,
        Distribution downtime,
        Distribution guestGap,
        Distribution rate,
        Distribution rawOne,
        Distribution rawStreams,
        Distribution rawMemory,
        Distribution rawFresh,
        Distribution touch,
        Distribution share,
        Distribution shareOfMemory,
        Distribution shareOfFresh,
        Distribution coverageBefore,
        Distribution coverageAfter,
        Distribution coverageLater,
        Distribution workBefore,
        Distribution workAfter,
        long pagesVerified) {

    /**
     * One migration, and what TCP could do just before it.
     *
     * @param migration what the agents say
     * @param guest what the guest says
     * @param rawOne bytes a second
     * @param rawStreams bytes a second
     * @param rawMemory bytes a second
     * @param rawFresh bytes a second
     * @param touch bytes a second
     * @param coverageLater 0 to 1, a second after
     * @param workBefore turns of its loop a second
     * @param workAfter turns of its loop a second
     */
    public record Run(
            MigrationReport migration,
            DirtierReport guest,
            double rawOne,
            double rawStreams,
            double rawMemory,
            double rawFresh,
            double touch,
            double coverageLater,
            double workBefore,
            double workAfter) {
        double rate() {
            return migration.sentBytes() * 1e6 / migration.totalMicros();
        }
    }

    static MigrateResult of(MigrateScenario scenario, List<Run> runs, long pagesVerified) {
        double memory = scenario.memoryBytes();
        return new MigrateResult(
                scenario.guest().text(),
                scenario.memoryBytes(),
                scenario.guest().cpus(scenario.cpus()),
                scenario.streams(),
                List.copyOf(runs),
                of(runs, r -> r.migration().totalMicros() / 1e3),
                of(runs, r -> r.migration().downtime().total() / 1e3),
                of(runs, r -> r.guest().maxGapMicros() / 1e3),
                of(runs, Run::rate),
                of(runs, Run::rawOne),
                of(runs, Run::rawStreams),
                of(runs, Run::rawMemory),
                of(runs, Run::rawFresh),
                of(runs, Run::touch),
                of(runs, r -> r.rate() / r.rawStreams()),
                of(runs, r -> r.rate() / r.rawMemory()),
                of(runs, r -> r.rate() / r.rawFresh()),
                of(runs, r -> r.migration().largePagesBefore() / memory),
                of(runs, r -> r.migration().largePagesAfter() / memory),
                of(runs, Run::coverageLater),
                of(runs, Run::workBefore),
                of(runs, Run::workAfter),
                pagesVerified);
    }

    private static Distribution of(List<Run> runs, ToDoubleFunction<Run> figure) {
        return Distribution.of(runs.stream().mapToDouble(figure).toArray());
    }
}
