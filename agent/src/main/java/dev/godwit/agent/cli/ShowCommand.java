package dev.godwit.agent.cli;

import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Shares;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.memoryhost.RemoteStatus;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "show",
        description = "Shows all about a guest.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit --agent /tmp/a/api.sock show web", "", ExitCode.HELP})
final class ShowCommand extends AgentAccess {
    @Parameters(paramLabel = "NAME", description = "The guest.")
    private String name;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Override
    public Integer call() {
        GuestView guest = client().guest(name);
        if (json) {
            printJson(guest);
            return ExitCode.OK;
        }
        line("name", guest.name());
        line("state", GuestText.state(guest));
        line("detail", guest.detail());
        line("image", guest.image());
        line("memory", Sizes.human(guest.memoryBytes()) + ", large pages: " + guest.largePages());
        RemoteStatus there = guest.memoryHost();
        if (there != null) {
            line(
                    "memory host",
                    there.host() + ": " + Sizes.human(there.remotePages() << 12) + " there, "
                            + Sizes.human(there.localPages() << 12) + " here"
                            + trouble(there));
        }
        line("cpus", Integer.toString(guest.cpus()));
        line("cmdline", guest.cmdline());
        for (StartRequest.Disk disk : guest.disks()) {
            line("disk", disk.file() + (Boolean.TRUE.equals(disk.readOnly()) ? " (read-only)" : ""));
        }
        line("dirty tracking", guest.dirtyTracking());
        if (guest.accessTracking() != null) {
            line("access tracking", Shares.text(guest.accessTracking()) + " of its time");
        }
        line("here since", guest.createdAt());
        if (guest.firstInstructionMicros() != null) {
            line("first instruction", "after " + Durations.human(guest.firstInstructionMicros()));
        }
        line("serial output", Sizes.human(guest.logBytes() == null ? 0 : guest.logBytes()));
        line("migration", guest.migration());
        if (guest.notRestored() != null) {
            guest.notRestored().forEach(part -> line("not restored", part));
        }
        return ExitCode.OK;
    }

    private static String trouble(RemoteStatus there) {
        if (there.awayMillis() > 0) {
            return "; away for " + Durations.human(there.awayMillis() * 1000);
        }
        if (there.waitsForRoom()) {
            return "; waits for what it touches until it has moved: this host has no more room to give it meanwhile";
        }
        return there.noRoom() ? "; it has no room for more" : "";
    }

    private void line(String what, String value) {
        if (value != null && !value.isEmpty()) {
            out().printf("%-18s %s%n", what, value);
        }
    }
}
