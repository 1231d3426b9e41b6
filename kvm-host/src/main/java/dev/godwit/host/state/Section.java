package dev.godwit.host.state;

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

    public Section {
        if (!isName(name)) {
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

    private static boolean isName(String name) {
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_')) {
                return false;
            }
        }
        return !name.isEmpty() && name.length() <= MAX_NAME;
    }
}
