package dev.godwit.host.state;

import java.util.List;

/**
 * What a save yields.
 *
 * @param section the state, in the layout of the part that made it
 * @param notSaved what the host could not save, each by name, for example {@code msr 0x10a}
 */
public record Saved(byte[] section, List<String> notSaved) {
    public Saved {
        notSaved = List.copyOf(notSaved);
    }
}
