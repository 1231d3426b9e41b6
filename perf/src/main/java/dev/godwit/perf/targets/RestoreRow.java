package dev.godwit.perf.targets;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.agent.config.Sizes;
import dev.godwit.perf.report.Comparison;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.scenario.GuestKind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Snapshots of a quarter of the RAM, of it, and of four times as much, all of it unique content, restored in turns: from
 * the command until the agent answers, when the guest runs, and until the guest itself has answered over its serial port.
 */
final class RestoreRow {
    private static final String NAME = "bench-restore";

    private final TargetBench bench;
    private final ApiClient agent;

    private RestoreRow(TargetBench bench) {
        this.bench = bench;
        this.agent = bench.agents().getFirst().client();
    }

    static List<TargetLine> measure(TargetBench bench) {
        return new RestoreRow(bench).measure();
    }

    private record Times(double running, double speaks) {}

    private List<TargetLine> measure() {
        List<Long> sizes = List.of(bench.memory() / 4, bench.memory(), 4 * bench.memory());
        List<Path> files = sizes.stream().map(this::snapshot).toList();
        List<List<Times>> times = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        for (int turn = -bench.scenario().warmups(); turn < bench.scenario().runs(); turn++) {
            for (int i = 0; i < files.size(); i++) {
                Times one = restore(files.get(i));
                bench.progress()
                        .accept("  " + Sizes.human(sizes.get(i)) + ": running after " + Figures.of(one.running)
                                + " ms, speaks after " + Figures.of(one.speaks) + " ms");
                if (turn >= 0) {
                    times.get(i).add(one);
                }
            }
        }
        files.forEach(RestoreRow::delete);
        TargetRow row = TargetRow.RESTORE;
        Comparison running = compare(times, t -> t.running);
        Comparison speaks = compare(times, t -> t.speaks);
        return List.of(
                TargetLine.ratio(row.text(), row.what(), row.limit(), running, text(sizes, times, t -> t.running)),
                TargetLine.ratio(
                        row.text(),
                        "the same until the guest has answered",
                        row.limit(),
                        speaks,
                        text(sizes, times, t -> t.speaks)));
    }

    private static Comparison compare(List<List<Times>> times, java.util.function.ToDoubleFunction<Times> figure) {
        return Comparison.of(
                "restore",
                "ms",
                "the largest",
                times.getLast().stream().mapToDouble(figure).toArray(),
                "a sixteenth of the RAM",
                times.getFirst().stream().mapToDouble(figure).toArray(),
                null);
    }

    private static String text(
            List<Long> sizes, List<List<Times>> times, java.util.function.ToDoubleFunction<Times> figure) {
        List<String> parts = new ArrayList<>();
        for (int i = 0; i < sizes.size(); i++) {
            double[] all = times.get(i).stream().mapToDouble(figure).toArray();
            parts.add(Sizes.human(sizes.get(i)) + " "
                    + Figures.of(dev.godwit.perf.report.Distribution.of(all).median()) + " ms");
        }
        return String.join(", ", parts);
    }

    private Path snapshot(long bytes) {
        bench.progress().accept("  Snapshot of " + Sizes.human(bytes) + " …");
        Path file = bench.stage().directory().resolve("snapshot-" + bytes);
        agent.start(new StartRequest(
                NAME, GuestKind.IDLE.image(), bytes, 1, GuestKind.IDLE.commandLine(1, 0), null, null, null, null));
        new MeasuringGuest(NAME, agent).awaitReady();
        agent.snapshot(NAME, file);
        agent.remove(NAME);
        return file;
    }

    private Times restore(Path file) {
        long from = System.nanoTime();
        agent.restore(NAME, file, false);
        long running = System.nanoTime();
        new MeasuringGuest(NAME, agent).zero();
        long speaks = System.nanoTime();
        agent.remove(NAME);
        return new Times((running - from) / 1e6, (speaks - from) / 1e6);
    }

    private static void delete(Path file) {
        try {
            Files.delete(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
