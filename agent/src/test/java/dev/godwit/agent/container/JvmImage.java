package dev.godwit.agent.container;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.BuildImageResultCallback;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An image that holds what a JVM needs of the system and nothing else: this host's C library and loader. The JDK itself
 * is mounted. Made in a second, without a registry.
 */
final class JvmImage implements AutoCloseable {
    /** {@code libz.so.1 => /lib/libz.so.1 (0x…)}, and the loader, which stands alone. */
    private static final Pattern LIBRARY = Pattern.compile("\\s*(?:\\S+ => )?(/\\S+) \\(0x[0-9a-f]+\\)");

    private static final List<String> NEEDED = List.of(
            "bin/java",
            "lib/server/libjvm.so",
            "lib/libjava.so",
            "lib/libjimage.so",
            "lib/libnio.so",
            "lib/libnet.so",
            "lib/libzip.so",
            "lib/libmanagement.so");

    private final DockerClient docker;
    private final String name = "godwit-test-" + UUID.randomUUID().toString().substring(0, 8) + ":jvm";

    /**
     * Makes it for the JDK at that home.
     *
     * @param scratch an empty directory
     */
    JvmImage(DockerClient docker, Path jdk, Path scratch) throws IOException, InterruptedException {
        this.docker = docker;
        Path root = Files.createDirectory(scratch.resolve("root"));
        for (String directory : List.of("tmp", "etc", "proc", "sys", "dev", "run")) {
            Files.createDirectory(root.resolve(directory));
        }
        for (Path library : libraries(jdk)) {
            Path copy = root.resolve(library.toString().substring(1));
            Files.createDirectories(copy.getParent());
            Files.copy(library, copy);
        }
        Files.writeString(scratch.resolve("Dockerfile"), "FROM scratch\nCOPY root /\n");
        docker.buildImageCmd(scratch.toFile())
                .withTags(Set.of(name))
                .exec(new BuildImageResultCallback())
                .awaitImageId();
    }

    private static Set<Path> libraries(Path jdk) throws IOException, InterruptedException {
        Set<Path> found = new TreeSet<>();
        for (String file : NEEDED) {
            Process ldd = new ProcessBuilder("ldd", jdk.resolve(file).toString())
                    .redirectErrorStream(true)
                    .start();
            try (BufferedReader lines = ldd.inputReader()) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    Matcher m = LIBRARY.matcher(line);
                    if (m.matches() && !Path.of(m.group(1)).normalize().startsWith(jdk)) {
                        found.add(Path.of(m.group(1)));
                    }
                }
            }
            ldd.waitFor();
        }
        return found;
    }

    String name() {
        return name;
    }

    @Override
    public void close() {
        docker.removeImageCmd(name).withForce(true).exec();
    }
}
