package dev.godwit.agent.cli;

import dev.godwit.agent.api.Json;
import dev.godwit.agent.certs.ClusterDirectory;
import dev.godwit.agent.certs.HostNames;
import dev.godwit.agent.config.Failure;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "certs",
        description = "Makes the certificates of a cluster: a private CA once, and a key and certificate for each host."
                + " Overwrites nothing.",
        sortOptions = false,
        footer = {
            "",
            "Hosts take migrations from each other when they have certificates of the same CA. Run it again with the"
                    + " same DIR for more hosts. Whoever has DIR/ca-key.pem can make more: keep DIR off the hosts.",
            "",
            "Example:",
            "  godwit certs certs --host a,10.0.0.1 --host b,10.0.0.2",
            "",
            ExitCode.HELP
        })
final class CertsCommand implements Callable<Integer> {
    @ParentCommand
    private Godwit godwit;

    @Parameters(paramLabel = "DIR", description = "Where the CA is, or is to be; made with mode 0700.")
    private Path directory;

    @Option(
            names = "--host",
            required = true,
            paramLabel = "NAME[,IP...]",
            description = "A host, by all names and addresses that migrations to it use; its files go to DIR/NAME."
                    + " Repeat it.")
    private List<String> hosts;

    @Option(
            names = "--days",
            paramLabel = "N",
            defaultValue = "365",
            description = "How long the hosts' certificates are valid. Default: ${DEFAULT-VALUE}.")
    private int days;

    @Option(names = "--json", description = "Print what was made as JSON.")
    private boolean json;

    @Override
    public Integer call() {
        if (directory.toString().isEmpty()) {
            throw Failure.badInput("the directory's name is missing");
        }
        if (days < 1 || days > ClusterDirectory.CA_DAYS) {
            throw Failure.badInput("--days: 1 to " + ClusterDirectory.CA_DAYS + " are right, not " + days);
        }
        List<HostNames> names =
                hosts.stream().map(host -> HostNames.parse("--host", host)).toList();
        ClusterDirectory.Made made = new ClusterDirectory(directory, Clock.systemUTC()).issue(names, days);
        PrintStream out = godwit.console().out();
        if (json) {
            out.println(Json.pretty(CertsResult.of(made)));
        } else {
            print(made, out);
        }
        return ExitCode.OK;
    }

    private static void print(ClusterDirectory.Made made, PrintStream out) {
        out.println((made.newCa() ? "made the CA " : "used the CA ") + made.ca() + "; its key " + made.caKey()
                + " stays here");
        for (ClusterDirectory.Host host : made.hosts()) {
            out.println(host.directory() + ": for " + String.join(", ", host.names()) + ", until "
                    + host.notAfter().atOffset(ZoneOffset.UTC).toLocalDate());
        }
        out.println();
        out.println("Copy each host's directory to ~/.config/godwit/tls there, or name it with godwit agent --tls:");
        for (ClusterDirectory.Host host : made.hosts()) {
            String name = host.names().getFirst();
            String there = name.indexOf(':') < 0 ? name : "[" + name + "]";
            out.println("  ssh " + name + " mkdir -p .config/godwit && scp -pr " + host.directory() + " " + there
                    + ":.config/godwit/tls");
        }
    }
}
