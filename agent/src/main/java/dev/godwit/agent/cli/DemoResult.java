package dev.godwit.agent.cli;

import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.images.DirtierReport;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * What a demonstration showed.
 *
 * @param memoryBytes guest RAM
 * @param workingSetBytes what the guest rewrites all the time
 * @param runs the migrations, in order
 * @param medianDowntimeMicros the guest's pause as the agents saw it
 * @param medianGuestGapMicros its longest gap as the guest saw it, while it migrated
 * @param pagesChecked pages the guest checked and found right at the end
 * @param errors pages it found wrong
 */
public record DemoResult(
        long memoryBytes,
        long workingSetBytes,
        List<Run> runs,
        long medianDowntimeMicros,
        long medianGuestGapMicros,
        long pagesChecked,
        long errors) {

    /**
     * One migration.
     *
     * @param migration what the agents say
     * @param guest what the guest says of the time around it
     */
    public record Run(MigrationReport migration, DirtierReport guest) {}

    static DemoResult of(long memory, long workingSet, List<Run> runs, long pagesChecked) {
        return new DemoResult(
                memory,
                workingSet,
                List.copyOf(runs),
                median(runs, r -> r.migration().downtime().total()),
                median(runs, r -> r.guest().maxGapMicros()),
                pagesChecked,
                runs.stream().mapToLong(r -> r.guest().errors()).sum());
    }

    static long median(List<Run> runs, ToLongFunction<Run> figure) {
        List<Run> sorted =
                runs.stream().sorted(Comparator.comparingLong(figure)).toList();
        return sorted.isEmpty() ? 0 : figure.applyAsLong(sorted.get(sorted.size() / 2));
    }
}
