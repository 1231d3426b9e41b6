package dev.godwit.agent.cli;

import dev.godwit.agent.config.Environment;
import dev.godwit.agent.config.TlsDirectory;
import dev.godwit.agent.transport.ClusterCredentials;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.Secret;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Where the certificates are. */
final class TlsOption {
    @Option(
            names = "--tls",
            paramLabel = "DIR",
            description = "Certificates for peers off the loopback: ca.pem, cert.pem and key.pem, as godwit certs makes"
                    + " them. Default: $XDG_CONFIG_HOME/godwit/tls or ~/.config/godwit/tls, if there is one.")
    private Path directory;

    /** The secret, and the certificates if there are any. */
    Credentials credentials(Secret secret, Environment environment) {
        Path from = directory == null ? environment.tlsDirectory() : directory;
        if (directory == null && !Files.exists(from)) {
            return secret;
        }
        return new ClusterCredentials(secret, TlsDirectory.read(from));
    }
}
