package dev.godwit.agent.cli;

import dev.godwit.agent.config.Environment;
import dev.godwit.agent.config.SecretFile;
import dev.godwit.agent.transport.Secret;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Where the secret is. */
final class SecretOption {
    @Option(
            names = "--secret",
            paramLabel = "FILE",
            description = "The secret that agents share, in hexadecimal digits, readable by its owner only. Default:"
                    + " $XDG_CONFIG_HOME/godwit/secret or ~/.config/godwit/secret, which is made on first use.")
    private Path file;

    Secret secret(Environment environment) {
        return file != null ? SecretFile.read(file) : SecretFile.readOrCreate(environment.secretFile());
    }
}
