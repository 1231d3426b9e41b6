package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.inventory.Guest;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.tracking.AccessCost;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.HeatMap;
import java.util.ArrayList;
import java.util.List;

/**
 * How hot a guest's memory is; null is unknown.
 *
 * @param cellBytes memory of a cell, a power of two
 * @param levels of each cell in address order, see {@link HeatMap}: the mean of its pages
 */
public record HeatView(
        String name,
        boolean tracking,
        String mechanism,
        Double share,
        Long halfLifeSeconds,
        Double measuredShare,
        Double faultMicros,
        Long looks,
        Long accesses,
        String problem,
        long memoryBytes,
        long cellBytes,
        List<Integer> levels) {
    static final int CELLS = 4096;
    static final int MOST_CELLS = 1 << 20;
    private static final double NANOS_PER_MICRO = 1000;

    static HeatView of(Guest guest, long cells) {
        AccessTracker tracker = guest.accessTracker().orElse(null);
        long bytes = guest.description().config().memoryBytes();
        if (tracker == null) {
            return new HeatView(
                    guest.name(), false, null, null, null, null, null, null, null, null, bytes, 0, List.of());
        }
        long pagesPerCell = 1;
        while (cells > 0 && PageSize.pagesIn(bytes) > cells * pagesPerCell) {
            pagesPerCell *= 2;
        }
        AccessCost cost = tracker.cost();
        return new HeatView(
                guest.name(),
                tracker.isTracking(),
                tracker.mechanism(),
                tracker.settings().share(),
                tracker.settings().halfLife().toSeconds(),
                cost.share(),
                cost.faultNanos() / NANOS_PER_MICRO,
                cost.looks(),
                cost.accesses(),
                tracker.problem(),
                bytes,
                pagesPerCell * PageSize.SMALL,
                cells == 0 ? List.of() : levels(guest, tracker, pagesPerCell));
    }

    private static List<Integer> levels(Guest guest, AccessTracker tracker, long pagesPerCell) {
        List<Integer> levels = new ArrayList<>();
        try {
            HeatMap map = tracker.map();
            for (long first = 0; first < map.pages(); first += pagesPerCell) {
                long end = Math.min(map.pages(), first + pagesPerCell);
                double sum = 0;
                for (long page = first; page < end; page++) {
                    sum += HeatMap.rateOf(map.level(page));
                }
                levels.add(HeatMap.levelOf(sum / (end - first)));
            }
            return levels;
        } catch (IllegalStateException e) {
            // Its memory was given back just now.
            throw Failure.conflict("guest " + guest.name() + " has ended");
        }
    }
}
