package dev.godwit.agent.cli;

import dev.godwit.agent.api.LogChunk;
import dev.godwit.agent.config.Failure;
import java.time.Duration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "logs",
        description = "Prints what a guest wrote to its serial port: the last mebibyte of it, as it is.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit --agent /tmp/a/api.sock logs web --follow", "", ExitCode.HELP})
final class LogsCommand extends AgentAccess {
    private static final Duration POLL = Duration.ofSeconds(30);

    @Parameters(paramLabel = "NAME", description = "The guest.")
    private String name;

    @Option(
            names = {"-f", "--follow"},
            description = "Go on until the guest ends or goes.")
    private boolean follow;

    @Override
    public Integer call() {
        long next = 0;
        boolean read = false;
        while (true) {
            LogChunk chunk;
            try {
                chunk = client().log(name, next, follow ? POLL : Duration.ZERO);
            } catch (Failure e) {
                if (read && e.kind() == Failure.Kind.FAILED && agentIsGone()) {
                    throw Failure.failed("the agent ended");
                }
                if (!read || e.kind() != Failure.Kind.NOT_FOUND) {
                    throw e;
                }
                out().flush();
                console().err().println("godwit: " + e.getMessage());
                return ExitCode.OK; // it was there and went: that is the end of the log here
            }
            if (chunk.from() > next && read) {
                console().err().println("godwit: " + (chunk.from() - next) + " bytes of serial output lost");
            }
            read = true;
            out().write(chunk.bytes(), 0, chunk.bytes().length);
            next = chunk.next();
            if (out().checkError() || chunk.ended() || (!follow && chunk.bytes().length == 0)) {
                return ExitCode.OK;
            }
        }
    }

    private boolean agentIsGone() {
        try {
            var _ = client().host();
            return false;
        } catch (Failure e) {
            return true;
        }
    }
}
