package dev.godwit.agent.migration;

import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.HeatMap;
import java.lang.foreign.Arena;
import java.util.Optional;

/**
 * Which pages a hybrid migration sends before the guest changes sides: the hottest ones, as far as both limits allow.
 *
 * @param threshold accesses a second that such a page has at least, to an eighth of an octave, as exactly as heat is kept;
 *     0 is no threshold
 * @param bytes the most memory, at least a page; 0 is no limit
 */
public record HotPages(double threshold, long bytes) {
    /** All of memory, hot or not. */
    public static final HotPages ALL = new HotPages(0, 0);

    public HotPages {
        if (!(threshold >= 0 && threshold < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "the hot threshold is a number of accesses a second above 0, not " + threshold);
        }
        if (bytes < 0 || (bytes > 0 && bytes < PageSize.SMALL)) {
            throw new IllegalArgumentException(
                    "the hottest pages are at least one page of " + PageSize.SMALL + " bytes, not " + bytes + " bytes");
        }
    }

    /** Whether not all of memory is meant. */
    public boolean isLimited() {
        return threshold > 0 || bytes > 0;
    }

    /** Those pages, by what is known of the guest. */
    PageSet choose(Arena arena, HeatMap heat) {
        long most = heat.pages();
        if (threshold > 0) {
            most = heat.countAtLeast(HeatMap.levelOf(threshold));
        }
        if (bytes > 0) {
            most = Math.min(most, bytes >> PageSize.SMALL_SHIFT);
        }
        return heat.hottest(arena, most);
    }

    /**
     * Why it cannot be told which pages of this guest are hot, and what to do; empty if it can, or need not.
     *
     * @param name the guest's
     */
    public Optional<String> problem(Machine machine, String name) {
        boolean known =
                machine.accessTracker().map(AccessTracker::cost).stream().anyMatch(cost -> cost.accesses() > 0);
        return known || !isLimited()
                ? Optional.empty()
                : Optional.of("nothing is known of which pages of guest " + name + " are hot: track it for a while, by"
                        + " 'godwit heat " + name + "', or from its start by 'godwit start --access-tracking'");
    }
}
