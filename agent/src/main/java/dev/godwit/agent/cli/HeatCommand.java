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
import java.time.Duration;
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
            description = "The share of the guest's time that this may cost; default 0.02, or 2%.")
    private String share;

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
        boolean was = client().heat(name, 0).tracking();
        if (!was && !stop) {
            track(wait, most);
        }
        HeatView heat = client().heat(name, svg != null || json ? HeatGrid.FINE : HeatGrid.COARSE);
        if (stop) {
            heat = client().heat(name, HeatGrid.COARSE);
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
        }
        return ExitCode.OK;
    }

    private void track(Duration wait, Double most) {
        client().track(name, new HeatRequest(most, null));
        try {
            Thread.sleep(wait);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            client().track(name, new HeatRequest(0.0, null));
        }
    }

    private static void write(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw Failure.badInput("--svg: " + file + ": " + FileErrors.text(e));
        }
    }
}
