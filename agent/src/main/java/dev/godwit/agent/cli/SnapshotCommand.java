package dev.godwit.agent.cli;

import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.migration.SnapshotReport;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "snapshot",
        description =
                "Writes a guest to a file; the guest goes on. Its disks are not in the file. Not of one with pages at"
                        + " a memory host.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit --agent /tmp/a/api.sock snapshot web web.snap", "", ExitCode.HELP})
final class SnapshotCommand extends AgentAccess {
    @Parameters(index = "0", paramLabel = "NAME", description = "The guest.")
    private String name;

    @Parameters(index = "1", paramLabel = "FILE", description = "A file that does not exist yet, on the agent's host.")
    private Path file;

    @Option(names = "--json", description = "Print what it did as JSON.")
    private boolean json;

    @Override
    public Integer call() {
        SnapshotReport report = client().snapshot(name, filePath(file));
        if (json) {
            printJson(report);
            return ExitCode.OK;
        }
        out().println("guest " + name + " is in " + report.file() + ": " + Sizes.human(report.fileBytes()) + " in "
                + Durations.human(report.totalMicros()) + ", paused for " + Durations.human(report.pauseMicros()));
        if (!report.notSaved().isEmpty()) {
            out().println("not saved: " + String.join(", ", report.notSaved()));
        }
        return ExitCode.OK;
    }
}
