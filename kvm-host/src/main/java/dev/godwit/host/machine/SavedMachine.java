package dev.godwit.host.machine;

import dev.godwit.host.state.MachineState;
import java.util.List;

/**
 * A machine's state without its RAM.
 *
 * @param state all of it that the host can give
 * @param notSaved what the host could not give, each by name; empty when all is there
 */
public record SavedMachine(MachineState state, List<String> notSaved) {
    public SavedMachine {
        notSaved = List.copyOf(notSaved);
    }
}
