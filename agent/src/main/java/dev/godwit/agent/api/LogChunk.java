package dev.godwit.agent.api;

/**
 * A part of a guest's serial log.
 *
 * @param from offset of the first byte; later than asked for when the bytes in between are gone
 * @param next where to read on
 * @param ended whether nothing can follow
 * @param bytes the bytes
 */
@SuppressWarnings("ArrayRecordComponent") // a plain carrier, never compared
public record LogChunk(long from, long next, boolean ended, byte[] bytes) {
    static final String FROM = "Godwit-Log-From";
    static final String NEXT = "Godwit-Log-Next";
    static final String ENDED = "Godwit-Log-Ended";
}
