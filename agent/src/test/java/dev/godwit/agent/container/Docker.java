package dev.godwit.agent.container;

import com.github.dockerjava.api.DockerClient;
import dev.godwit.agent.ThisHost;
import java.nio.file.Files;
import java.nio.file.Path;
import org.testcontainers.DockerClientFactory;

/** The Docker daemon. */
final class Docker {
    private Docker() {}

    /** Without a daemon: see {@link ThisHost#require}. */
    static DockerClient require() {
        ThisHost.require(
                DockerClientFactory.instance().isDockerAvailable(),
                "no Docker daemon answers; start one (docs/containers.md), or leave these tests out with"
                        + " -DexcludedGroups=container");
        return DockerClientFactory.instance().client();
    }

    /** Without a device of this host for containers: the same. */
    static void requireDevice(String path) {
        ThisHost.require(Files.exists(Path.of(path)), "this host has no " + path + " to give to a container");
    }
}
