package dev.godwit.agent.migration;

import java.util.List;
import java.util.Map;

/**
 * What a migration did. All times are in microseconds, all sizes in bytes unless a name says otherwise.
 *
 * @param guest the guest's name
 * @param target where it went, {@code host:port}
 * @param outcome {@code completed}, {@code failed} or {@code in-doubt}
 * @param error one line on why it failed, or null
 * @param memoryBytes guest RAM
 * @param streams data connections used
 * @param totalMicros from the first connection attempt until the guest ran at the target and all of its memory was there
 * @param downtime the guest's pause as the source saw it, whole and in parts
 * @param mode as asked for
 * @param postcopy what followed the guest, or null when it came whole
 * @param rounds the precopy rounds and the final one, in order
 * @param sentBytes guest memory that went over the wire, content only
 * @param wireBytes what went over data and page connections, frame heads included; not control messages, nor what TLS
 *     and TCP add
 * @param dataPages pages sent with content, counting a page each time
 * @param zeroPages pages sent as zero, without content, counting a page each time
 * @param untouchedPages pages that the guest never touched, of which nothing was sent
 * @param remotePages pages that stay at the memory host of the guest
 * @param resentFactor pages sent over distinct pages sent, at least 1
 * @param largePagesBefore bytes of guest RAM backed by 2 MiB pages at the source, at the switchover
 * @param largePagesAfter the same at the target when the migration ends: chunks that went in by small pages have been made
 *     whole, and large pages put behind those that were large pages of zeros, the guest running; {@code
 *     postcopy.faults.largePageBytes} is before that
 * @param memoryHash hash of all guest RAM where both sides compared it, else null
 * @param notCarried parts of the guest's state the hosts could not save or restore, by name
 * @param phases time in each phase, by name
 * @param hot what went before the guest because it was hot, or null when heat did not decide that
 * @param wholeBecause why the target would not run the guest before all of its memory was there, so that mode
 *     {@code auto} was precopy; null when nothing stood in the way
 */
public record MigrationReport(
        String guest,
        String target,
        String outcome,
        String error,
        long memoryBytes,
        int streams,
        long totalMicros,
        Downtime downtime,
        String mode,
        Postcopy postcopy,
        List<Round> rounds,
        long sentBytes,
        long wireBytes,
        long dataPages,
        long zeroPages,
        long untouchedPages,
        long remotePages,
        double resentFactor,
        long largePagesBefore,
        long largePagesAfter,
        String memoryHash,
        List<String> notCarried,
        Map<String, Long> phases,
        Hot hot,
        String wholeBecause) {

    /**
     * The guest's pause, in microseconds: the sum of its parts.
     *
     * @param pause stopping the vCPUs
     * @param lastPages collecting and sending what was still dirty, and its arrival
     * @param state saving, sending and restoring vCPU and device state
     * @param verify hashing all of RAM, with {@code --verify} only
     * @param handover agreeing on who runs the guest
     * @param resume the target's vCPUs starting, and word of it
     */
    public record Downtime(
            long total, long pause, long lastPages, long state, long verify, long handover, long resume) {
        /** None: the guest was not paused. */
        public static final Downtime NONE = new Downtime(0, 0, 0, 0, 0, 0, 0);
    }

    /**
     * The part of memory that followed the guest.
     *
     * @param pages how many were still at the source when the guest was resumed
     * @param urgentPages of them sent because the guest waited for them, with those around them
     * @param micros from the guest's resumption until all were across
     * @param reconnects how often the connections broke and were made again
     * @param faults how the guest waited; null if the target did not say
     */
    public record Postcopy(long pages, long urgentPages, long micros, int reconnects, FaultSummary faults) {}

    /**
     * The part of memory that was hot enough to go before the guest.
     *
     * @param bytes the same in bytes of memory
     */
    public record Hot(long pages, long bytes) {}

    /**
     * One pass over the dirty pages: {@code pages} is the sum of the next three.
     *
     * @param pages pages that were to be sent
     * @param dataPages of them sent with content
     * @param zeroPages of them sent as zero
     * @param deferredPages of them not sent but left for later: they were written again before their turn, or the time for
     *     rounds was over
     * @param micros how long it took
     * @param dirtiedPages pages found dirty afterwards
     */
    public record Round(
            int number,
            long pages,
            long dataPages,
            long zeroPages,
            long deferredPages,
            long micros,
            long dirtiedPages) {}
}
