package dev.godwit.agent.cli;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.migration.MigrationOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "migrate",
        description = "Moves a running guest to another agent. If that fails, the guest goes on where it is.",
        sortOptions = false,
        footer = {
            "",
            "Ctrl-C cancels the migration, as godwit cancel does, unless the guest has changed sides already. The"
                    + " report is also kept in the agent's directory.",
            "",
            "Example:",
            "  godwit --agent /tmp/a/api.sock migrate web --to 127.0.0.1:7001 --downtime 100ms --verify",
            "  godwit --agent /tmp/a/api.sock migrate web --to 127.0.0.1:7001 --mode hybrid --hot-bytes 64m",
            "",
            ExitCode.HELP
        })
final class MigrateCommand extends AgentAccess {
    @Parameters(paramLabel = "NAME", description = "The guest.")
    private String name;

    @Option(
            names = "--to",
            required = true,
            paramLabel = "HOST:PORT",
            description = "Where the other agent takes migrations: its --listen. Off the loopback its certificate must"
                    + " name HOST.")
    private String to;

    @Option(
            names = "--mode",
            paramLabel = "MODE",
            defaultValue = "auto",
            description = {
                "When the guest changes sides. Default: ${DEFAULT-VALUE}.",
                "precopy: when its memory is there but for what fits the downtime. It fails if that is never so.",
                "postcopy: at once; its memory follows it, first what it waits for.",
                "hybrid: once a round, of all or of the hottest pages, would hardly leave less; the rest follows it,",
                "or goes along if it is little.",
                "auto: precopy, unless it does not converge: then what is left follows it."
            })
    private String mode;

    @Option(
            names = "--hot-threshold",
            paramLabel = "RATE",
            description =
                    "With --mode hybrid: in the rounds before the guest, only pages that it accesses at least so many"
                            + " times a second, such as 0.5. It has to be tracked: see godwit heat --help.")
    private Double hotThreshold;

    @Option(
            names = "--hot-bytes",
            paramLabel = "SIZE",
            description = "The same, of its hottest pages so much. With both, whichever is less.")
    private String hotBytes;

    @Option(
            names = "--downtime",
            paramLabel = "TIME",
            defaultValue = "300ms",
            description = "The longest pause to plan for. Default: ${DEFAULT-VALUE}.")
    private String downtime;

    @Option(
            names = "--bandwidth",
            paramLabel = "SIZE",
            defaultValue = "0",
            description = "The most to send a second: 1g is 2^30 bytes a second; 0 is no limit. Default:"
                    + " ${DEFAULT-VALUE}.")
    private String bandwidth;

    @Option(
            names = "--streams",
            paramLabel = "N",
            defaultValue = "" + MigrationOptions.DEFAULT_STREAMS,
            description = "Data connections, 1 to 16; a quarter as many bring what follows a guest that has gone ahead."
                    + " Default: ${DEFAULT-VALUE}.")
    private int streams;

    @Option(names = "--verify", description = "Compare a hash of all guest RAM on both sides; the guest waits for it.")
    private boolean verify;

    @Option(
            names = "--max-time",
            paramLabel = "TIME",
            defaultValue = "1h",
            description =
                    "Give up when precopy has not converged after this time; with auto and hybrid, let the rest follow"
                            + " the guest. Default: ${DEFAULT-VALUE}.")
    private String maxTime;

    @Option(
            names = "--stall",
            paramLabel = "TIME",
            defaultValue = "10s",
            description = "A connection on which no byte moves for so long is broken: 100ms to 1h. Default:"
                    + " ${DEFAULT-VALUE}.")
    private String stall;

    @Option(names = "--json", description = "Print the report as JSON, and no progress.")
    private boolean json;

    @Override
    public Integer call() throws InterruptedException {
        HostPort.parseTarget("--to", to);
        ApiClient client = client();
        MigrationView started = client.migrate(
                name,
                new MigrateRequest(
                        to, // as it is: off the loopback the target's certificate must name it so
                        mode,
                        Durations.parse("--downtime", downtime).toMillis(),
                        Sizes.parse("--bandwidth", bandwidth),
                        streams,
                        verify,
                        Durations.parse("--max-time", maxTime).toMillis(),
                        hotThreshold,
                        hotBytes == null ? null : Sizes.parse("--hot-bytes", hotBytes),
                        Durations.parse("--stall", stall).toMillis()));
        MigrationView done = watch(client, started);
        if (json) {
            printJson(done.report());
        } else if (done.error() == null) {
            ReportText.print(done, out());
        }
        if (done.error() != null) {
            throw Failure.failed("guest " + name + " is not migrated: " + done.error());
        }
        return ExitCode.OK;
    }

    private MigrationView watch(ApiClient client, MigrationView started) {
        try (OnInterrupt _ = new OnInterrupt(() -> client.cancel(started.id()));
                ProgressLine line = new ProgressLine(console(), !json)) {
            MigrationView now = started;
            while (!now.done()) {
                now = client.migration(started.id(), line.interval());
                line.show(now);
            }
            return now;
        }
    }
}
