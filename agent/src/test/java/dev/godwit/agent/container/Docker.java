package dev.godwit.agent.container;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import com.github.dockerjava.api.DockerClient;
import java.nio.file.Files;
import java.nio.file.Path;
import org.testcontainers.DockerClientFactory;

/** The Docker daemon. */
final class Docker {
    private Docker() {}

    /** Without a daemon: fails where continuous integration runs ({@code CI=true}), and gives the test up elsewhere. */
    static DockerClient require() {
        if (!DockerClientFactory.instance().isDockerAvailable()) {
            giveUp("no Docker daemon answers; start one (docs/containers.md), or leave these tests out with"
                    + " -DexcludedGroups=container");
        }
        return DockerClientFactory.instance().client();
    }

    /** Without a device of this host for containers: the same. */
    static void requireDevice(String path) {
        if (!Files.exists(Path.of(path))) {
            giveUp("this host has no " + path + " to give to a container");
        }
    }

    private static void giveUp(String reason) {
        if (Boolean.parseBoolean(System.getenv("CI"))) {
            fail(reason);
        }
        abort(reason);
    }
}
