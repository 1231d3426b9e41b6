package dev.godwit.agent.cli;

import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.config.Sizes;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "ps",
        description = "Lists an agent's guests, and of one whose memory is not all here how much is elsewhere.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit --agent /tmp/a/api.sock ps --all", "", ExitCode.HELP})
final class PsCommand extends AgentAccess {
    @Option(
            names = {"-a", "--all"},
            description = "Also those that migrated to other agents.")
    private boolean all;

    @Option(names = "--json", description = "Print a JSON array.")
    private boolean json;

    @Override
    public Integer call() {
        List<GuestView> guests = client().guests(all);
        if (json) {
            printJson(guests);
            return ExitCode.OK;
        }
        TextTable table = new TextTable("NAME", "STATE", "MEMORY", "CPUS", "AGE", "IMAGE");
        for (GuestView guest : guests) {
            table.row(
                    guest.name(),
                    GuestText.state(guest),
                    Sizes.human(guest.memoryBytes()),
                    Integer.toString(guest.cpus()),
                    GuestText.age(Duration.between(Instant.parse(guest.createdAt()), Instant.now())),
                    guest.image());
        }
        table.print(out());
        return ExitCode.OK;
    }
}
