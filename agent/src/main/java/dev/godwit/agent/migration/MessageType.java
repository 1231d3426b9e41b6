package dev.godwit.agent.migration;

import dev.godwit.agent.transport.ProcessIdentity;

/** The messages of a control connection, each with its number on the wire and the longest payload it may have. */
enum MessageType {
    /** Source: what the guest is (JSON). */
    OFFER(1, Offer.MAX_BYTES),
    /** Target: it may come; argument: microseconds that a restore takes there; payload: {@link AcceptMessage}. */
    ACCEPT(2, AcceptMessage.MAX_BYTES),
    /** Target: it may not; text. */
    REFUSE(3, 4096),
    /** Either: still there; argument from the target: bytes that have arrived on the data streams. */
    PING(4, 0),
    /** Target: all streams' part of round {@code argument} has arrived. */
    ROUND_DONE(5, 0),
    /** Source: the machine's state, after the last pages; argument: 1 to hash memory, else 0. */
    STATE(6, 64 << 20),
    /** Target: everything is in place; see {@link ReadyMessage}. */
    READY(7, 64 << 20),
    /** Source: run it; the source never will again, unless the target says it did not. */
    COMMIT(8, 0),
    /** Target: it runs; argument: microseconds that resuming took. */
    RUNNING(9, 0),
    /** Target, at leisure: see {@link SummaryMessage}. */
    SUMMARY(10, 1 << 20),
    /** Either: it is over; text. From the target it also means that the guest does not run there. */
    ABORT(11, 4096),
    /** On a query connection, the target's answer; argument: see {@link Outcome}. */
    OUTCOME(12, 0),
    /** On a query connection, the source's question; payload: who took the session, as {@link #ACCEPT} said. */
    ASK(13, ProcessIdentity.BYTES),
    /** Source: the pages that will follow the guest, see {@link PageMapMessage}; before {@link #STATE}. */
    PAGE_MAP(14, PageMapMessage.MAX_BYTES),
    /** Source, of a guest with a memory host: what of it is there, see {@link RemoteMapMessage}; after {@link #ACCEPT}. */
    REMOTE_MAP(15, RemoteMapMessage.MAX_BYTES);

    private static final MessageType[] ALL = values();

    private final int number;
    private final int maxBytes;

    MessageType(int number, int maxBytes) {
        this.number = number;
        this.maxBytes = maxBytes;
    }

    /** The message of that number, or null. */
    static MessageType of(int number) {
        return number >= 1 && number <= ALL.length ? ALL[number - 1] : null;
    }

    /** Its number on the wire. */
    int number() {
        return number;
    }

    /** The longest payload, in bytes. */
    int maxBytes() {
        return maxBytes;
    }
}
