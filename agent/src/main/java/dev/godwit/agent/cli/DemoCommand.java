package dev.godwit.agent.cli;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.Json;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.SecretFile;
import dev.godwit.agent.config.Sizes;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.images.DirtierOptions;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "demo",
        description =
                "Shows a live migration on this machine: starts two agents, and on one of them a guest that rewrites"
                    + " and checks its memory all the time; migrates it back and forth while it does so; shows what it"
                    + " noticed.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit demo --memory 2g --runs 3", "", ExitCode.HELP})
final class DemoCommand implements Callable<Integer> {
    private static final String GUEST = "demo";
    /** What the guest needs for itself: its program, stacks and tables. */
    private static final long GUEST_OVERHEAD = 4 << 20;

    private static final int MAX_RUNS = 10_000;

    @ParentCommand
    private Godwit godwit;

    @Option(
            names = {"-m", "--memory"},
            paramLabel = "SIZE",
            defaultValue = "1g",
            description = "Guest RAM. Default: ${DEFAULT-VALUE}.")
    private String memory;

    @Option(
            names = "--working-set",
            paramLabel = "SIZE",
            defaultValue = "64m",
            description = "What the guest rewrites without pause; it fills the rest once and checks it. Default:"
                    + " ${DEFAULT-VALUE}.")
    private String workingSet;

    @Option(
            names = "--runs",
            paramLabel = "N",
            defaultValue = "5",
            description = "Migrations. Default: ${DEFAULT-VALUE}.")
    private int runs;

    @Option(names = "--json", description = "Print the result as JSON, and nothing else.")
    private boolean json;

    @Override
    public Integer call() {
        long memoryBytes = Sizes.parse("--memory", memory);
        long workingSetBytes = Sizes.parse("--working-set", workingSet);
        MachineConfig.of(memoryBytes); // says what is wrong with it before anything starts
        if (workingSetBytes > memoryBytes - GUEST_OVERHEAD) {
            throw Failure.badInput("--working-set: " + Sizes.human(workingSetBytes)
                    + " and the guest itself do not fit " + Sizes.human(memoryBytes) + " of memory");
        }
        if (runs < 1 || runs > MAX_RUNS) {
            throw Failure.badInput("--runs: 1 to " + MAX_RUNS + " are right, not " + runs);
        }
        Kvm.open().close(); // says what is wrong with this host before anything starts
        try (TemporaryDirectory directory = new TemporaryDirectory("godwit-demo")) {
            List<AgentProcess> agents = new CopyOnWriteArrayList<>();
            try (OnInterrupt _ = new OnInterrupt(() -> end(agents, directory))) {
                say("Starting two agents and a guest of " + Sizes.human(memoryBytes) + " that rewrites "
                        + Sizes.human(workingSetBytes) + " of it …");
                startAgents(agents, directory.path());
                show(play(agents, memoryBytes, workingSetBytes));
            } finally {
                agents.forEach(AgentProcess::close);
            }
        }
        return ExitCode.OK;
    }

    private static void startAgents(List<AgentProcess> agents, Path directory) {
        Path secret = directory.resolve("secret");
        SecretFile.readOrCreate(secret);
        for (String name : List.of("a", "b")) {
            agents.add(
                    AgentProcess.start(directory.resolve(name), "127.0.0.1:0", List.of("--secret", secret.toString())));
        }
    }

    private static void end(List<AgentProcess> agents, TemporaryDirectory directory) {
        ProcessHandle.current().children().forEach(ProcessHandle::destroy); // one may be just starting
        agents.forEach(AgentProcess::close);
        directory.close();
    }

    private DemoResult play(List<AgentProcess> agents, long memoryBytes, long workingSetBytes) {
        ApiClient first = agents.getFirst().client();
        String cmdline = DirtierOptions.DEFAULT
                .withWorkingSet(workingSetBytes)
                .withCold(DirtierOptions.ALL)
                .commandLine();
        first.start(new StartRequest(GUEST, "dirtier", memoryBytes, 1, cmdline, null, null, null, null));
        MeasuringGuest guest = new MeasuringGuest(GUEST, first);
        say(guest.awaitReady());
        List<DemoResult.Run> done = new ArrayList<>();
        for (int i = 0; i < runs; i++) {
            AgentProcess from = agents.get(i % 2);
            AgentProcess to = agents.get((i + 1) % 2);
            guest.zero();
            MigrationView migration = migrate(from.client(), to.address());
            guest.movedTo(to.client());
            DemoResult.Run run = new DemoResult.Run(migration.report(), guest.report());
            say("run " + (i + 1) + " of " + runs + ": "
                    + Durations.human(migration.report().totalMicros())
                    + ", downtime "
                    + Durations.human(migration.report().downtime().total()) + ", the guest saw "
                    + Durations.human(run.guest().maxGapMicros()));
            done.add(run);
        }
        return DemoResult.of(memoryBytes, workingSetBytes, done, guest.verify());
    }

    private MigrationView migrate(ApiClient from, String target) {
        MigrationView migration = from.migrate(GUEST, new MigrateRequest(target, null, null, null, null, null, null));
        try (ProgressLine line =
                new ProgressLine(godwit.console(), !json && godwit.console().terminal())) {
            while (!migration.done()) {
                migration = from.migration(migration.id(), line.interval());
                line.show(migration);
            }
        }
        if (migration.error() != null) {
            throw Failure.failed("the migration failed: " + migration.error());
        }
        return migration;
    }

    private void show(DemoResult result) {
        PrintStream out = godwit.console().out();
        if (json) {
            out.println(Json.pretty(result));
        } else {
            DemoText.print(result, out);
        }
    }

    private void say(String line) {
        if (!json) {
            godwit.console().out().println(line);
            godwit.console().out().flush();
        }
    }
}
