package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Quoted;
import dev.godwit.agent.migration.HotPages;
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
 * @param maxTimeMillis after this time give up, or, with auto and hybrid, let the rest follow the guest
 * @param hotThreshold with hybrid, send only pages with so many accesses a second before the guest
 * @param hotBytes with hybrid, send only the hottest pages before the guest, so many bytes of memory
 * @param stallMillis a peer that neither takes nor sends a byte for so long is given up
 */
public record MigrateRequest(
        String target,
        String mode,
        Long downtimeMillis,
        Long bandwidth,
        Integer streams,
        Boolean verify,
        Long maxTimeMillis,
        Double hotThreshold,
        Long hotBytes,
        Long stallMillis) {

    /** With less hardly a guest would ever arrive: whoever writes 1 means 1m. */
    private static final long LEAST_BANDWIDTH = 64 << 10;

    /** Without a word on what is hot. */
    public MigrateRequest(
            String target,
            String mode,
            Long downtimeMillis,
            Long bandwidth,
            Integer streams,
            Boolean verify,
            Long maxTimeMillis) {
        this(target, mode, downtimeMillis, bandwidth, streams, verify, maxTimeMillis, null, null, null);
    }

    MigrationOptions options() {
        try {
            checkBandwidth();
            MigrationOptions options = MigrationOptions.DEFAULT;
            options = downtimeMillis == null ? options : options.withDowntime(Duration.ofMillis(downtimeMillis));
            options = bandwidth == null ? options : options.withBandwidth(bandwidth);
            options = streams == null ? options : options.withStreams(streams);
            options = maxTimeMillis == null ? options : options.withMaxTime(Duration.ofMillis(maxTimeMillis));
            options = stallMillis == null ? options : options.withStall(Duration.ofMillis(stallMillis));
            options = mode == null ? options : options.withMode(modeOf(mode));
            return options.withHot(hot()).withVerify(Boolean.TRUE.equals(verify));
        } catch (IllegalArgumentException e) {
            throw Failure.badInput(e.getMessage());
        }
    }

    private void checkBandwidth() {
        if (bandwidth != null && bandwidth > 0 && bandwidth < LEAST_BANDWIDTH) {
            throw Failure.badInput("a limit of bandwidth is at least 64k a second, or 0 for none, not " + bandwidth
                    + (bandwidth == 1 ? " byte" : " bytes"));
        }
    }

    private HotPages hot() {
        // In the record 0 is none; who says 0 means something else.
        if (hotThreshold != null && !(hotThreshold > 0)) {
            throw Failure.badInput("the hot threshold is a number of accesses a second above 0, not " + hotThreshold);
        }
        if (hotBytes != null && hotBytes <= 0) {
            throw Failure.badInput("the hottest pages are at least one page of 4096 bytes, not " + hotBytes + " bytes");
        }
        return new HotPages(hotThreshold == null ? 0 : hotThreshold, hotBytes == null ? 0 : hotBytes);
    }

    private static MigrationMode modeOf(String text) {
        return MigrationMode.of(text)
                .orElseThrow(() -> Failure.badInput(
                        "a migration's mode is precopy, postcopy, hybrid or auto, not " + Quoted.of(text)));
    }
}
