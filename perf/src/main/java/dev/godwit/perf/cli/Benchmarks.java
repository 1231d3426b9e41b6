package dev.godwit.perf.cli;

import dev.godwit.agent.cli.CommandExtension;
import java.util.List;

/** Adds {@code bench} to the command line. */
public final class Benchmarks implements CommandExtension {
    @Override
    public List<Object> commands() {
        return List.of(new BenchCommand());
    }
}
