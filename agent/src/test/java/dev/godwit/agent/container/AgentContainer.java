package dev.godwit.agent.container;

import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Device;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Volume;
import dev.godwit.agent.api.ApiClient;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.testcontainers.containers.Container;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.utility.DockerImageName;

/**
 * An agent in a container: no privileges, the default seccomp profile, and of devices {@code /dev/kvm} alone, unless it
 * is given more. Its Java, class path and certificates are mounted; so is its directory, through which the test reaches
 * its API.
 */
final class AgentContainer extends GenericContainer<AgentContainer> {
    private static final int PORT = 7000;
    private static final String JDK = "/jdk";
    private static final String DIRECTORY = "/run/godwit";
    private static final String TLS = "/etc/godwit.tls";

    private final String alias;
    private final Path directory;
    private final List<Device> devices = new ArrayList<>(List.of(device("/dev/kvm")));

    /**
     * Not started yet.
     *
     * @param alias its name on the network
     * @param directory where its files are to lie on this host; of a short path, as it holds a socket
     * @param memoryBytes the container's limit, 0 for none
     */
    AgentContainer(JvmImage image, Network network, String alias, Path directory, Path tls, long memoryBytes) {
        super(DockerImageName.parse(image.name()));
        this.alias = alias;
        this.directory = directory;
        List<Bind> binds = new ArrayList<>();
        binds.add(readOnly(Path.of(System.getProperty("java.home")), JDK));
        binds.add(readOnly(tls, TLS));
        binds.add(new Bind(directory.toString(), new Volume(DIRECTORY), AccessMode.rw));
        String classPath = mountClassPath(binds);
        withImagePullPolicy(_ -> false);
        withNetwork(network);
        withNetworkAliases(alias);
        withCreateContainerCmdModifier(create -> {
            HostConfig host = create.getHostConfig();
            host.withBinds(binds).withDevices(devices);
            if (memoryBytes > 0) {
                host.withMemory(memoryBytes).withMemorySwap(memoryBytes);
            }
        });
        List<String> command = java(classPath);
        command.addAll(List.of("agent", "--dir", DIRECTORY, "--listen", "0.0.0.0:" + PORT));
        command.addAll(List.of("--tls", TLS));
        withCommand(command.toArray(String[]::new));
        waitingFor(Wait.forLogMessage(".*godwit agent ready.*", 1));
    }

    private static Device device(String path) {
        return new Device("rwm", path, path);
    }

    /** Gives it userfaultfd as well. Before it is started. */
    AgentContainer withUserfaultfd() {
        devices.add(device("/dev/userfaultfd"));
        return this;
    }

    /** Each entry of this JVM's class path is mounted under a name of its own. */
    private static String mountClassPath(List<Bind> binds) {
        List<String> entries = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            Path path = Path.of(entry).toAbsolutePath();
            if (!entry.isEmpty() && Files.exists(path)) {
                String inside = "/classes/" + entries.size() + "-" + path.getFileName();
                binds.add(readOnly(path, inside));
                entries.add(inside);
            }
        }
        return String.join(":", entries);
    }

    private static Bind readOnly(Path outside, String inside) {
        return new Bind(outside.toString(), new Volume(inside), AccessMode.ro);
    }

    private static List<String> java(String classPath) {
        List<String> command = new ArrayList<>(List.of(JDK + "/bin/java"));
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(option -> option.startsWith("--"))
                .forEach(command::add);
        command.addAll(List.of("-XX:+UseSerialGC", "-Xmx128m", "-cp", classPath, "dev.godwit.agent.cli.Main"));
        return command;
    }

    /** Its API. */
    ApiClient api() {
        return new ApiClient(directory.resolve("api.sock"));
    }

    /** Where its migrations arrive, by its name on the network. */
    String address() {
        return alias + ":" + PORT;
    }

    /** Runs a command line inside of it. */
    Container.ExecResult godwit(String... arguments) throws IOException, InterruptedException {
        List<String> command = java(classPathInside());
        command.addAll(List.of(arguments));
        return execInContainer(command.toArray(String[]::new));
    }

    private String classPathInside() {
        String[] command = getCommandParts();
        return command[List.of(command).indexOf("-cp") + 1];
    }

    /** Ends it as {@code kill -9} does, with all its processes. */
    void kill() {
        getDockerClient().killContainerCmd(getContainerId()).exec();
    }
}
