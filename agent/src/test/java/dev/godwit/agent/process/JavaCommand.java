package dev.godwit.agent.process;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** How processes are started with the Java, the options and the class path of this one. */
public final class JavaCommand {
    private JavaCommand() {}

    /**
     * A command that runs a class.
     *
     * @param options more options of Java
     */
    public static List<String> of(List<String> options, Class<?> main, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        Collections.addAll(command, arguments);
        return command;
    }
}
