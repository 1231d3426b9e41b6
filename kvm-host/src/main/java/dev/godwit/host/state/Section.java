package dev.godwit.host.state;

import java.util.regex.Pattern;

/**
 * One part of a machine's state.
 *
 * @param name unique in the machine: 1 to 64 of {@code a-z 0-9 . - _}
 * @param version of the layout of {@code data}, at least 1
 * @param data at most {@link #MAX_BYTES}; not copied
 */
public record Section(String name, int version, byte[] data) {
    /** The longest name, in bytes. */
    public static final int MAX_NAME = 64;

    /** The most that one section holds, in bytes. */
    public static final int MAX_BYTES = 16 << 20;

    private static final Pattern NAME = Pattern.compile("[a-z0-9._-]{1," + MAX_NAME + "}");

    public Section {
        if (!NAME.matcher(name).matches()) {
            throw new StateFormatException("a section's name is 1 to " + MAX_NAME + " of a-z 0-9 . - _");
        }
        if (version < 1) {
            throw new StateFormatException("section " + name + " has version " + version + "; versions start at 1");
        }
        if (data.length > MAX_BYTES) {
            throw new StateFormatException(
                    "section " + name + " has " + data.length + " bytes, at most " + MAX_BYTES + " are allowed");
        }
    }
}
