package dev.godwit.agent.cli;

import dev.godwit.agent.api.Agent;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.config.NetworkPolicy;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.inventory.HostMemory;
import dev.godwit.agent.stream.Bandwidth;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.memory.Userfault;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "agent",
        description = "Serves a host: its guests, its API on DIR/api.sock, and migrations that arrive on HOST:PORT.",
        sortOptions = false,
        footer = {
            "",
            "Says 'godwit agent ready: …' when it serves. SIGTERM or SIGINT ends its guests, removes the socket and"
                    + " exits with 0.",
            "",
            "Example:",
            "  godwit agent --dir /tmp/a --listen 127.0.0.1:7000",
            "  godwit agent --dir /tmp/a --listen 0.0.0.0:7000 --tls certs/a   (see godwit certs --help)",
            "",
            ExitCode.HELP
        })
final class AgentCommand implements Callable<Integer> {
    @ParentCommand
    private Godwit godwit;

    @Option(
            names = "--dir",
            required = true,
            paramLabel = "DIR",
            description = "Its directory, made if need be: the socket and the reports of migrations.")
    private Path dir;

    @Option(
            names = "--listen",
            required = true,
            paramLabel = "HOST:PORT",
            description =
                    "Where migrations arrive; port 0 is any that is free. Peers on the loopback prove the secret, all"
                            + " others need certificates.")
    private String listen;

    @Option(
            names = "--bandwidth",
            paramLabel = "SIZE",
            defaultValue = "0",
            description = "The most to send a second by all migrations to other agents together, beside each one's own"
                    + " limit: 1g is 2^30 bytes a second; 0 is no limit. Default: ${DEFAULT-VALUE}.")
    private String bandwidth;

    @Option(
            names = "--ready-memory",
            paramLabel = "SIZE",
            defaultValue = "0",
            description = "Memory in large pages to keep at hand for guests that arrive, which do not have to wait then"
                    + " while it is found and cleared. It counts as free, and is given back when other guests, or"
                    + " others on this host, need it. Needs a userfaultfd that moves pages (Linux 6.8). Default:"
                    + " ${DEFAULT-VALUE}.")
    private String readyMemory;

    @Mixin
    private SecretOption secret;

    @Mixin
    private TlsOption tls;

    @Override
    public Integer call() throws InterruptedException {
        Console console = godwit.console();
        if (dir.toString().isEmpty()) {
            throw Failure.badInput("--dir: the directory's name is missing");
        }
        InetSocketAddress address = HostPort.parseListen("--listen", listen);
        Credentials credentials = tls.credentials(secret.secret(console.environment()), console.environment());
        NetworkPolicy.check("--listen", address, credentials);
        Bandwidth limit = new Bandwidth(Sizes.parse("--bandwidth", bandwidth));
        Agent agent = Agent.start(dir, address, credentials, limit, readyBytes());
        return UntilTold.serve(console, "agent", agent, agent::close);
    }

    private long readyBytes() {
        long bytes = Sizes.parse("--ready-memory", readyMemory);
        if (bytes % PageSize.LARGE != 0) {
            throw Failure.badInput("--ready-memory: " + readyMemory + " is not a multiple of 2m, the size of a page");
        }
        long most = HostMemory.now().free(0);
        if (bytes > most) {
            throw Failure.badInput(
                    "--ready-memory: " + readyMemory + " is more than this host has to give, " + Sizes.human(most));
        }
        if (bytes > 0) {
            Userfault.moveProblem().ifPresent(why -> {
                throw new Failure(Failure.Kind.NOT_CAPABLE, "--ready-memory: " + why + "; godwit check says more");
            });
        }
        return bytes;
    }
}
