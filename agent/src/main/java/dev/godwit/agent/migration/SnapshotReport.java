package dev.godwit.agent.migration;

import java.util.List;

/**
 * What a snapshot did.
 *
 * @param guest the guest's name
 * @param file where it is
 * @param fileBytes its size, in bytes
 * @param totalMicros from the start until it was safe on the storage, in microseconds
 * @param pauseMicros how long the guest stood still, in microseconds; 0 if it was paused anyway
 * @param rounds passes over memory, the last one with the guest paused
 * @param dataPages pages written with content, counting a page each time
 * @param zeroPages pages written as zero, counting a page each time
 * @param notSaved parts of the guest's state the host could not save, by name
 */
public record SnapshotReport(
        String guest,
        String file,
        long fileBytes,
        long totalMicros,
        long pauseMicros,
        int rounds,
        long dataPages,
        long zeroPages,
        List<String> notSaved) {}
