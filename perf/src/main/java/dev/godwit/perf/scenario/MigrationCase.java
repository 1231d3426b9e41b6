package dev.godwit.perf.scenario;

import dev.godwit.agent.config.Sizes;
import java.time.Duration;
import java.util.Locale;

/**
 * What is migrated and within which limits, the same for all who compete.
 *
 * @param guest which guest
 * @param memoryBytes its RAM
 * @param cpus its vCPUs
 * @param bandwidth bytes a second, 0 for no limit
 * @param downtime the pause that precopy may plan for
 * @param maxTime a migration that takes longer is given up, and counts as failed
 * @param tscKhz frequency of the time stamp counter, told to the guest because QEMU does not
 * @param readyBytes memory that is there at Godwit's target before the guest comes; unless 0, all of it is at QEMU's
 * @param reserved whether its RAM is in reserved large pages (hugetlb)
 */
public record MigrationCase(
        GuestKind guest,
        long memoryBytes,
        int cpus,
        long bandwidth,
        Duration downtime,
        Duration maxTime,
        long tscKhz,
        long readyBytes,
        boolean reserved) {
    private static final double MEGA = 1e6;

    /** The vCPUs are those that the guest has. */
    public MigrationCase {
        cpus = guest.cpus(cpus);
    }

    String commandLine() {
        return guest.commandLine(cpus, tscKhz);
    }

    /** Short and unique in a run, fit for the name of a file: {@code idle-unlimited}, {@code steady-125}. */
    public String key() {
        return guest.text() + "-" + (bandwidth == 0 ? "unlimited" : Long.toString(Math.round(bandwidth / MEGA)));
    }

    /** For people. */
    public String title() {
        return String.format(
                Locale.ROOT,
                "%s, %s%s, %d vCPU%s, %s",
                guest.text(),
                Sizes.human(memoryBytes),
                reserved ? " of reserved large pages" : "",
                cpus,
                cpus == 1 ? "" : "s",
                bandwidth == 0 ? "no limit" : Math.round(bandwidth / MEGA) + " MB/s");
    }
}
