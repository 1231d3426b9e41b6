package dev.godwit.agent.cli;

import dev.godwit.agent.api.HeatRequest;
import dev.godwit.agent.api.HeatView;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.FileErrors;
import dev.godwit.agent.config.Shares;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows where a guest's memory is hot. */
@Command(
        name = "heat",
        description = {
            "Shows how often a guest accesses which part of its memory, reads and writes.",
            "A guest that is not tracked is tracked for a while first."
        },
        sortOptions = false,
        footer = {
            "",
            "Example:",
            "  godwit --agent /tmp/a/api.sock heat web --for 30s",
            "  godwit --agent /tmp/a/api.sock heat web --svg web.svg",
            "",
            ExitCode.HELP
        })
final class HeatCommand extends AgentAccess {
    @Parameters(paramLabel = "NAME", description = "The guest.")
    private String name;

    @Option(
            names = "--for",
            paramLabel = "TIME",
            defaultValue = "10s",
            description = "How long to track a guest that is not tracked yet. Default: ${DEFAULT-VALUE}.")
    private String time;

    @Option(
            names = "--share",
            paramLabel = "SHARE",
            description =
                    "The share of the guest's time that this may cost, such as 2%%. Default: what it is, or 2%% if it"
                            + " is not tracked yet.")
    private String share;

    @Option(
            names = "--half-life",
            paramLabel = "TIME",
            description = "After this time, in whole seconds, what was seen counts half: longer for guests that change"
                    + " little. Default: what it is, or 60s if it is not tracked yet.")
    private String halfLife;

    @Option(names = "--stop", description = "End tracking of a guest that was started with it.")
    private boolean stop;

    @Option(names = "--svg", paramLabel = "FILE", description = "Write a picture.")
    private Path svg;

    @Option(names = "--json", description = "Print JSON: the level of each cell in address order.")
    private boolean json;

    @Override
    public Integer call() {
        Duration wait = Durations.parse("--for", time);
        Double most = share == null ? null : Shares.parse("--share", share);
        Long seconds = halfLife == null ? null : wholeSeconds("--half-life", halfLife);
        if (stop && (share != null || halfLife != null)) {
            throw Failure.badInput("--stop ends tracking; --share and --half-life say how to go on with it");
        }
        boolean was = client().heat(name, 0).tracking();
        if (svg != null) {
            checkWritable(svg);
        }
        if (!was && !stop) {
            track(wait, new HeatRequest(most, seconds, true));
        } else if (share != null || halfLife != null) {
            boolean stays = client().guest(name).accessTracking() != null;
            client().track(name, new HeatRequest(most, seconds, !stays));
        }
        HeatView heat = client().heat(name, svg != null || json ? HeatGrid.FINE : HeatGrid.COARSE);
        if (stop) {
            client().track(name, new HeatRequest(0.0, null));
        }
        if (heat.levels().isEmpty()) {
            throw Failure.conflict("guest " + name + " has not been tracked");
        }
        if (svg != null) {
            write(svg, HeatSvg.picture(HeatGrid.of(heat)));
        }
        if (json) {
            printJson(heat);
        } else if (svg == null) {
            boolean colours = console().terminal() && !console().environment().noColor();
            out().print(HeatText.text(HeatGrid.of(heat), colours));
            if (stop) {
                out().println("guest " + name + " is not tracked any more");
            }
        }
        return ExitCode.OK;
    }

    private void track(Duration wait, HeatRequest settings) {
        client().track(name, settings);
        try (OnInterrupt _ = new OnInterrupt(this::untrack)) {
            Thread.sleep(wait);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            untrack();
        }
    }

    private void untrack() {
        client().track(name, new HeatRequest(0.0, null, true));
    }

    private static long wholeSeconds(String option, String text) {
        Duration d = Durations.parse(option, text);
        if (!d.equals(Duration.ofSeconds(d.toSeconds()))) {
            throw Failure.badInput(option + ": whole seconds are right, not " + text);
        }
        return d.toSeconds();
    }

    /** Before it is waited for. What there is stays, and what there is not does not appear. */
    private static void checkWritable(Path file) {
        if (file.toString().toLowerCase(Locale.ROOT).endsWith(".png")) {
            throw Failure.badInput(
                    "--svg: " + file + ": an SVG picture is written; name it so that viewers know, .svg");
        }
        try {
            boolean isNew = Files.notExists(file);
            Files.writeString(file, "", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            if (isNew) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw unwritable(file, e);
        }
    }

    private static void write(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw unwritable(file, e);
        }
    }

    private static Failure unwritable(Path file, IOException e) {
        return Failure.badInput("--svg: " + file + ": " + FileErrors.text(e));
    }
}
