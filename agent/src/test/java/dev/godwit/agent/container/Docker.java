package dev.godwit.agent.container;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import com.github.dockerjava.api.DockerClient;
import org.testcontainers.DockerClientFactory;

/** The Docker daemon. */
final class Docker {
    private Docker() {}

    /** Without a daemon: fails where continuous integration runs ({@code CI=true}), and gives the test up elsewhere. */
    static DockerClient require() {
        if (DockerClientFactory.instance().isDockerAvailable()) {
            return DockerClientFactory.instance().client();
        }
        String reason = "no Docker daemon answers; start one (docs/containers.md), or leave these tests out with"
                + " -DexcludedGroups=container";
        return Boolean.parseBoolean(System.getenv("CI")) ? fail(reason) : abort(reason);
    }
}
