package dev.godwit.agent.cli;

import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.api.HeatRequest;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.config.Shares;
import dev.godwit.agent.config.Sizes;
import dev.godwit.host.tracking.AccessTracking;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "start",
        description = "Starts a guest on an agent.",
        sortOptions = false,
        footer = {
            "",
            "Example:",
            "  godwit --agent /tmp/a/api.sock start web --image dirtier --memory 1g --cmdline ws=64m",
            "",
            ExitCode.HELP
        })
final class StartCommand extends AgentAccess {
    private static final String NONE = "none";

    @Parameters(paramLabel = "NAME", description = "Its name: 1 to 63 of a-z, 0-9, '_', '.' and '-'.")
    private String name;

    @Option(
            names = "--image",
            required = true,
            paramLabel = "FILE",
            description = "A PVH ELF64 file, or an image that comes with Godwit: hello, dirtier, zero, hostile, blk.")
    private String image;

    @Mixin
    private MachineOptions machine;

    @Option(
            names = "--memory-host",
            paramLabel = "HOST:PORT",
            description = "Keep what does not fit --local at this memory host (godwit memory-host): its coldest pages."
                    + " There the guest's memory less three quarters of --local is reserved, and 4m.")
    private String memoryHost;

    @Option(
            names = "--local",
            paramLabel = "SIZE",
            description = "With --memory-host: about how much of its RAM the guest may have on the agent's host, at"
                    + " least 16m.")
    private String local;

    @Option(names = "--paused", description = "Do not let it run yet; resume does.")
    private boolean paused;

    @Option(
            names = "--access-tracking",
            paramLabel = "SHARE",
            description =
                    "Track which pages it accesses, at a cost of at most this share of its time, such as 0.02 or 2%%,"
                            + " or none. Default: 2%% with --memory-host, where the coldest pages are to be known; else"
                            + " none.")
    private String share;

    @Option(names = "--json", description = "Print the guest as JSON.")
    private boolean json;

    private StartRequest.MemoryHost memoryHost() {
        if ((memoryHost == null) != (local == null)) {
            throw Failure.badInput("--memory-host and --local go together: where the guest's cold pages are, and how"
                    + " much of its memory it has here");
        }
        if (memoryHost == null) {
            return null;
        }
        HostPort.parseTarget("--memory-host", memoryHost);
        return new StartRequest.MemoryHost(memoryHost, Sizes.parse("--local", local));
    }

    private Double tracked() {
        if (share == null) {
            return memoryHost == null ? null : AccessTracking.DEFAULT.share();
        }
        return share.equals(NONE) ? null : (Double) Shares.parse("--access-tracking", share);
    }

    private void track(Double tracked) {
        try {
            client().track(name, new HeatRequest(tracked, null));
        } catch (Failure e) {
            if (share != null) {
                throw e;
            }
            console()
                    .err()
                    .println("godwit: guest " + name + " is not tracked, so that what it has had longest leaves it"
                            + " first: " + e.getMessage());
        }
    }

    @Override
    public Integer call() {
        Double tracked = tracked();
        GuestView guest = client().start(machine.request(name, image, paused).with(memoryHost()));
        if (tracked != null) {
            track(tracked);
        }
        if (json) {
            printJson(guest);
        } else {
            out().println(GuestText.begun(guest));
        }
        return ExitCode.OK;
    }
}
