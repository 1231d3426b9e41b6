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

    /** Its number in a {@link PageMap}. */
    int code() {
        return code;
    }

    static Place of(int code) {
        return ALL[code];
    }
}
