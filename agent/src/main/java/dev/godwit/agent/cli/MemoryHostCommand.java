package dev.godwit.agent.cli;

import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.config.NetworkPolicy;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.inventory.HostMemory;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.memoryhost.MemoryHostRehearsal;
import dev.godwit.agent.transport.Credentials;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "memory-host",
        description = "Keeps pages of guests that run on other hosts, and serves them on HOST:PORT.",
        sortOptions = false,
        footer = {
            "",
            "Says 'godwit memory-host ready: …' when it serves. SIGTERM or SIGINT ends it with 0, when what is in DIR"
                    + " is on the storage.",
            "",
            "Example:",
            "  godwit memory-host --listen 127.0.0.1:7100 --size 4g",
            "  godwit memory-host --listen 0.0.0.0:7100 --size 64g --dir /var/lib/godwit/pages --tls certs/m   (see"
                    + " godwit certs --help)",
            "",
            ExitCode.HELP
        })
final class MemoryHostCommand implements Callable<Integer> {
    @ParentCommand
    private Godwit godwit;

    @Option(
            names = "--listen",
            required = true,
            paramLabel = "HOST:PORT",
            description = "Where hosts come for pages; port 0 is any that is free. Peers on the loopback prove the"
                    + " secret, all others need certificates.")
    private String listen;

    @Option(
            names = "--size",
            required = true,
            paramLabel = "SIZE",
            description = "The most that all guests together may keep here, such as 4g.")
    private String size;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description = "Keep the pages in files in this directory, made if need be, so that they outlive this"
                    + " process. Default: in memory.")
    private Path dir;

    @Option(
            names = "--forget-after",
            paramLabel = "TIME",
            defaultValue = "24h",
            description = "Delete the pages of a guest that has not been connected for so long; 0 keeps them for"
                    + " ever. Default: ${DEFAULT-VALUE}.")
    private String forgetAfter;

    @Mixin
    private SecretOption secret;

    @Mixin
    private TlsOption tls;

    @Override
    public Integer call() throws InterruptedException {
        Console console = godwit.console();
        if (dir != null && dir.toString().isEmpty()) {
            throw Failure.badInput("--dir: the directory's name is missing");
        }
        long bytes = Sizes.parse("--size", size);
        Duration forget = forgetAfter.equals("0") ? Duration.ZERO : Durations.parse("--forget-after", forgetAfter);
        InetSocketAddress address = HostPort.parseListen("--listen", listen);
        if (dir == null) {
            checkFits(bytes);
        }
        Credentials credentials = tls.credentials(secret.secret(console.environment()), console.environment());
        NetworkPolicy.check("--listen", address, credentials);
        MemoryHost host = MemoryHost.start(address, credentials, bytes, dir, forget);
        Thread.ofPlatform().daemon().name("rehearsal").start(() -> MemoryHostRehearsal.run(credentials));
        return UntilTold.serve(console, "memory-host", host, host::close);
    }

    private static void checkFits(long bytes) {
        long free = HostMemory.now().free(0);
        if (bytes > free) {
            throw Failure.badInput("--size: " + Sizes.human(bytes) + " do not fit: this host has " + Sizes.human(free)
                    + " to give; with --dir DIR the pages are kept in files");
        }
    }
}
