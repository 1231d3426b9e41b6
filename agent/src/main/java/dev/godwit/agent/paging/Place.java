package dev.godwit.agent.paging;

/** Where the content of a guest page is. */
public enum Place {
    /** In the VM's own memory; a page that was never touched counts as such when nothing watches for its first touch. */
    RESIDENT(0),
    /** Nowhere: it is all zeros. */
    ZERO(1),
    /** A page of the host's shared pool. */
    SHARED(2),
    /** A block of the VM's swap file. */
    SWAPPED(3),
    /** A frame on a memory host. */
    REMOTE(4),
    /** A block of the VM's disk with the same content. */
    ON_DISK(5),
    /** Still on the migration source. */
    AT_SOURCE(6);

    private static final Place[] ALL = values();

    private final int code;

    Place(int code) {
        this.code = code;
    }

    /** Whether a store has the content, so that it must be fetched before a guest can use it. */
    public boolean hasStore() {
        return this != RESIDENT && this != ZERO;
    }

    /** Whether pages leave it by themselves sooner or later: nothing is ever put there while the guest runs. */
    boolean isPassing() {
        return this == AT_SOURCE || this == ON_DISK;
    }

    /** Its number in a {@link PageMap}. */
    int code() {
        return code;
    }

    static int count() {
        return ALL.length;
    }

    static Place of(int code) {
        return ALL[code];
    }
}
