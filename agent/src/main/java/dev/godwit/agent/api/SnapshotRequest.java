package dev.godwit.agent.api;

import java.nio.file.Path;

/**
 * A guest to be written down.
 *
 * @param file absolute path on the agent's host, of a file that does not exist
 */
public record SnapshotRequest(String file) {
    Path path() {
        return AbsolutePath.of("file", file);
    }
}
