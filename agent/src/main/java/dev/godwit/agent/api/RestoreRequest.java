package dev.godwit.agent.api;

import java.nio.file.Path;

/**
 * A guest to be built from a snapshot.
 *
 * @param file absolute path on the agent's host
 * @param paused do not let it run yet; default false
 */
public record RestoreRequest(String file, Boolean paused) {
    Path path() {
        return AbsolutePath.of("file", file);
    }
}
