package dev.godwit.perf.scenario;

import com.fasterxml.jackson.annotation.JsonIgnore;
import dev.godwit.perf.report.Distribution;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Migrations of several guests under several limits, by several contestants in turns.
 *
 * @param date when it began, ISO 8601
 * @param host processor, memory, kernel
 * @param command how to do it again
 * @param contests one a case
 */
public record PeerResult(String date, String host, String command, List<Contest> contests) {

    /**
     * One case.
     *
     * @param key short and unique, see {@link MigrationCase#key}
     * @param title for people
     * @param memoryBytes the guest's RAM
     * @param commandLine what the guest was told
     * @param entries one a contestant, in the order of their turns
     */
    public record Contest(String key, String title, long memoryBytes, String commandLine, List<Entry> entries) {
        /** Of all trials of each contestant, in the order of their turns. */
        public static Contest of(MigrationCase c, Map<Contestant, List<Trial>> trials) {
            List<Entry> entries = new ArrayList<>();
            trials.forEach((who, what) -> entries.add(Entry.of(who.name(), who.version(), who.isOwn(), what)));
            return new Contest(c.key(), c.title(), c.memoryBytes(), c.commandLine(), entries);
        }

        /** The rival with the best median of a measure; empty when none has any, or nothing is better. */
        public Optional<Entry> bestRival(Measure measure) {
            return best(entries.stream().filter(e -> !e.own()).toList(), measure);
        }
    }

    /** Who has the best median of a measure, if anybody has one. */
    public static Optional<Entry> best(List<Entry> entries, Measure measure) {
        return entries.stream()
                .filter(e -> e.of(measure).isPresent())
                .reduce((a, b) -> isBetter(measure, b, a) ? b : a)
                .filter(e -> measure.better() != Measure.Better.NONE);
    }

    private static boolean isBetter(Measure measure, Entry a, Entry b) {
        double x = a.of(measure).orElseThrow().median();
        double y = b.of(measure).orElseThrow().median();
        return measure.better() == Measure.Better.MORE ? x > y : x < y;
    }

    /**
     * What one contestant did in a case.
     *
     * @param name see {@link Contestant#name}
     * @param version what exactly it is
     * @param own whether it is Godwit
     * @param failures trials that failed
     * @param figures of those that did not, by {@link Measure#key}
     * @param trials all, in order
     */
    public record Entry(
            String name,
            String version,
            boolean own,
            int failures,
            Map<String, Distribution> figures,
            List<Trial> trials) {
        static Entry of(String name, String version, boolean own, List<Trial> trials) {
            Map<String, Distribution> figures = new LinkedHashMap<>();
            for (Measure measure : Measure.values()) {
                double[] values = trials.stream()
                        .map(t -> t.figures().get(measure.key()))
                        .filter(v -> v != null)
                        .mapToDouble(v -> v)
                        .toArray();
                if (values.length > 0) {
                    figures.put(measure.key(), Distribution.of(values));
                }
            }
            int failures = (int) trials.stream().filter(t -> t.error() != null).count();
            return new Entry(name, version, own, failures, figures, new ArrayList<>(trials));
        }

        /** Of the trials that did not fail and could tell. */
        public Optional<Distribution> of(Measure measure) {
            return Optional.ofNullable(figures.get(measure.key()));
        }

        /** What the failed trials said, each once. */
        @JsonIgnore
        public List<String> errors() {
            return trials.stream()
                    .map(Trial::error)
                    .filter(e -> e != null)
                    .distinct()
                    .toList();
        }
    }
}
