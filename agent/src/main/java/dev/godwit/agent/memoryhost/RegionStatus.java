package dev.godwit.agent.memoryhost;

/** What a memory host answers. */
public enum RegionStatus {
    OK(0),
    /** There is no such region here. */
    UNKNOWN(1),
    /** The epoch is not the current one: somebody else owns the region. */
    FENCED(2),
    /** There is no room for so much. */
    NO_ROOM(3),
    /** There is a region of that id already. */
    EXISTS(4),
    /** The region is of a guest with other RAM. */
    MISMATCH(5);

    private static final RegionStatus[] ALL = values();

    private final int number;

    RegionStatus(int number) {
        this.number = number;
    }

    /** The number on the wire. */
    public int number() {
        return number;
    }

    /** The status of a number on the wire, or null. */
    public static RegionStatus of(int number) {
        return number >= 0 && number < ALL.length ? ALL[number] : null;
    }
}
