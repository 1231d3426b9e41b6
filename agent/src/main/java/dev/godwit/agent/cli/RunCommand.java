package dev.godwit.agent.cli;

import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.inventory.HostMemory;
import dev.godwit.agent.inventory.Images;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.device.SerialTee;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.machine.MachineConfigException;
import dev.godwit.host.vcpu.StopReason;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "run",
        description = "Runs a guest in the foreground, without an agent: its serial port is this terminal.",
        sortOptions = false,
        footer = {
            "",
            "Example:",
            "  godwit run dirtier --memory 512m --cpus 2 --cmdline 'ws=64m seconds=5' --timeout 30s",
            "",
            "Exit status: (VALUE << 1) | 1, cut to 8 bits, when the guest writes VALUE to port 0xf4, as with QEMU's"
                + " isa-debug-exit; 0 when it shuts down or resets; 1 when it fails; 124 after --timeout; 2 bad usage"
                + " or bad input; 3 this host is not capable."
        })
final class RunCommand implements Callable<Integer> {
    private static final Duration FOREVER = Duration.ofDays(10_000);

    @ParentCommand
    private Godwit godwit;

    @Parameters(
            paramLabel = "IMAGE",
            description = "A PVH ELF64 file, or an image that comes with Godwit: hello, dirtier, zero, hostile, blk."
                    + " What has a slash or exists is a file.")
    private String image;

    @Mixin
    private MachineOptions options;

    @Option(names = "--timeout", paramLabel = "TIME", description = "End the guest after this time, such as 30s.")
    private String timeout;

    @Option(names = "--no-input", description = "Do not pass standard input to the guest.")
    private boolean noInput;

    @Override
    public Integer call() throws InterruptedException {
        Duration limit = timeout == null ? FOREVER : Durations.parse("--timeout", timeout);
        StartRequest request = options.request("run", image, false);
        MachineConfig config = request.config();
        HostMemory.now().admit(new GuestDescription("run", image, config), 0);
        try (Arena arena = Arena.ofShared()) {
            PvhImage file = Images.open(request.image(), arena);
            try (Kvm kvm = Kvm.open();
                    Machine machine = Machine.boot(kvm, config, file)) {
                return run(machine, limit);
            } catch (SystemCallException | MachineConfigException e) {
                throw HostMemory.explained(config, e);
            }
        }
    }

    private int run(Machine machine, Duration limit) throws InterruptedException {
        Console console = godwit.console();
        StopReason closedPipe = new StopReason(StopReason.Kind.STOPPED, 0, "nobody reads its output");
        Optional<StopReason> reason;
        SerialTee tee = SerialTee.start(
                machine.serialLog(), 0, new CheckedOutput(console.out(), () -> machine.stop(closedPipe)));
        try {
            if (!noInput) {
                SerialTyping.start(console.in(), machine);
            }
            machine.resume();
            reason = machine.awaitStop(limit);
        } finally {
            tee.close();
        }
        if (reason.isEmpty()) {
            throw new TimedOut("the guest did not end within " + timeout);
        }
        return status(reason.get());
    }

    private static int status(StopReason reason) {
        return switch (reason.kind()) {
            case EXIT -> reason.exitStatus();
            case RESET, SHUTDOWN -> ExitCode.OK;
            default -> throw Failure.failed("the guest ended: " + reason);
        };
    }
}
