package dev.godwit.perf.cli;

import dev.godwit.agent.config.Failure;
import dev.godwit.perf.scenario.GuestKind;
import java.util.Arrays;
import java.util.List;

/** Guests by the names that users write. */
final class GuestKinds {
    private GuestKinds() {}

    /** Names between commas, or all. */
    static List<GuestKind> parse(String names, long memoryBytes) {
        List<GuestKind> kinds = PeerOptions.list("--guest", names, List.of(GuestKind.values()), GuestKinds::kind);
        for (GuestKind kind : kinds) {
            if (memoryBytes < kind.leastMemory()) {
                throw Failure.badInput(
                        "--memory: guest " + kind.text() + " needs at least " + (kind.leastMemory() >> 20) + "m");
            }
        }
        return kinds;
    }

    private static GuestKind kind(String name) {
        return Arrays.stream(GuestKind.values())
                .filter(kind -> kind.text().equals(name))
                .findFirst()
                .orElseThrow(() -> Failure.badInput("--guest: " + name + " is none of " + GuestKind.names()));
    }
}
