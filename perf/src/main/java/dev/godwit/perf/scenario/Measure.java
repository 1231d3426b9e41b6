package dev.godwit.perf.scenario;

import java.util.Locale;

/** What is measured of one migration. Of all with a better side, less is better, except coverage. */
public enum Measure {
    /** From the beginning until all is across, as the migrating side reports it. */
    TOTAL("total time", "ms", Better.LESS),
    /** From the command to the answer that it is over, by the benchmark's clock. */
    ANSWER("until the answer, from outside", "ms", Better.LESS),
    /** Until the guest runs at the target. */
    RESUME("time to resume", "ms", Better.LESS),
    /** The longest gap in the guest's own loop, by its own counter. */
    GUEST_GAP("longest gap the guest saw", "ms", Better.LESS),
    /** What the migrating side calls downtime. */
    DOWNTIME("downtime as reported", "ms", Better.LESS),
    /** From the stop at the source to the run at the target, by the host's clock. */
    PAUSE("pause seen from outside", "ms", Better.LESS),
    /** Everything that went over the wire. */
    BYTES("bytes", "MiB", Better.LESS),
    /** Pages sent over distinct pages. */
    RESENT("re-sent factor", "", Better.LESS),
    /** Turns of the guest's loop in the second before the command. */
    WORK_BEFORE("guest's work, before", "k/s", Better.NONE),
    /** The same in the second after all is across. */
    WORK_AFTER("guest's work, after", "k/s", Better.MORE),
    /** How deep the guest's work fell, over 20 ms at least. */
    DIP_DEPTH("throughput dip, depth", "%", Better.LESS),
    /** Time with less than 90 % of the work done before. */
    DIP_LENGTH("throughput dip, length", "ms", Better.LESS),
    /** The work lost, as time without any. */
    DIP_LOST("throughput dip, work lost", "ms", Better.LESS),
    /** Processor time of both processes without their vCPUs. */
    CPU("migration CPU time", "ms", Better.LESS),
    COVERAGE_BEFORE("2 MiB coverage, source", "%", Better.NONE),
    /** When either says that it is over; Godwit has made whole by then what came in small pages. */
    COVERAGE_AFTER("2 MiB coverage, right after", "%", Better.MORE),
    COVERAGE_LATER("2 MiB coverage, 1 s after", "%", Better.MORE),
    /** Postcopy: how long the vCPU that waited longest waited for pages, all its waits together. */
    BLOCKED("most blocked vCPU in postcopy", "ms", Better.LESS),
    /** The same of the one that waited least; of a guest with one vCPU it says nothing more. */
    BLOCKED_LEAST("least blocked vCPU in postcopy", "ms", Better.LESS),
    /** Of faults for which a page had to come. */
    FAULT_P50("postcopy fault, median", "µs", Better.LESS),
    FAULT_P99("postcopy fault, p99", "µs", Better.LESS),
    /** The longest gap in a quiet moment before: what this host does to a guest that nobody migrates. */
    NOISE("longest gap before, unmoved", "ms", Better.NONE);

    /** Which way is better. */
    public enum Better {
        LESS,
        MORE,
        NONE
    }

    private final String label;
    private final String unit;
    private final Better better;

    Measure(String label, String unit, Better better) {
        this.label = label;
        this.unit = unit;
        this.better = better;
    }

    /** Its name in JSON. */
    public String key() {
        StringBuilder key = new StringBuilder();
        for (String word : name().toLowerCase(Locale.ROOT).split("_", -1)) {
            key.append(key.isEmpty() ? word : word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1));
        }
        return key.toString();
    }

    public String label() {
        return label;
    }

    public String unit() {
        return unit;
    }

    public Better better() {
        return better;
    }
}
