package dev.godwit.agent.cli;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.config.Failure;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "input",
        description = "Types a line to a guest's serial port.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit --agent /tmp/a/api.sock input web r", "", ExitCode.HELP})
final class InputCommand extends AgentAccess {
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final long PAUSE_NANOS = 2_000_000;

    @Parameters(index = "0", paramLabel = "NAME", description = "The guest.")
    private String name;

    @Parameters(index = "1", paramLabel = "TEXT", description = "What to type; UTF-8.")
    private String text;

    @Option(
            names = {"-n", "--no-newline"},
            description = "Do not end the line.")
    private boolean noNewline;

    @Override
    public Integer call() {
        ApiClient client = client();
        byte[] rest = (noNewline ? text : text + "\n").getBytes(StandardCharsets.UTF_8);
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (rest.length > 0) {
            int accepted = client.input(name, rest);
            rest = Arrays.copyOfRange(rest, accepted, rest.length);
            if (accepted == 0) {
                if (System.nanoTime() >= deadline) {
                    throw Failure.failed("guest " + name + " does not read its serial port: " + rest.length
                            + " bytes are left over");
                }
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
        return ExitCode.OK;
    }
}
