package dev.godwit.agent.cli;

import java.util.List;

/**
 * More commands for {@code godwit}, found by {@link java.util.ServiceLoader}: a module above this one adds its own so.
 */
public interface CommandExtension {
    /** Objects of classes with picocli's {@code @Command} and a name. */
    List<Object> commands();
}
