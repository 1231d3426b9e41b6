package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Quoted;
import dev.godwit.agent.migration.MigrationMode;
import dev.godwit.agent.migration.MigrationOptions;
import java.time.Duration;

/**
 * Where a guest is to go and how; null is the default of {@link MigrationOptions}.
 *
 * @param target {@code host:port} of the other agent
 * @param mode precopy, postcopy, hybrid or auto
 * @param downtimeMillis the longest pause to plan for
 * @param bandwidth the most bytes a second; 0 is no limit
 * @param streams data connections
 * @param verify compare all of memory at the switchover
 * @param maxTimeMillis give up after this time
 */
public record MigrateRequest(
        String target,
        String mode,
        Long downtimeMillis,
        Long bandwidth,
        Integer streams,
        Boolean verify,
        Long maxTimeMillis) {

    MigrationOptions options() {
        try {
            MigrationOptions options = MigrationOptions.DEFAULT;
            options = downtimeMillis == null ? options : options.withDowntime(Duration.ofMillis(downtimeMillis));
            options = bandwidth == null ? options : options.withBandwidth(bandwidth);
            options = streams == null ? options : options.withStreams(streams);
            options = maxTimeMillis == null ? options : options.withMaxTime(Duration.ofMillis(maxTimeMillis));
            options = mode == null ? options : options.withMode(modeOf(mode));
            return options.withVerify(Boolean.TRUE.equals(verify));
        } catch (IllegalArgumentException e) {
            throw Failure.badInput(e.getMessage());
        }
    }

    private static MigrationMode modeOf(String text) {
        return MigrationMode.of(text)
                .orElseThrow(() -> Failure.badInput(
                        "a migration's mode is precopy, postcopy, hybrid or auto, not " + Quoted.of(text)));
    }
}
