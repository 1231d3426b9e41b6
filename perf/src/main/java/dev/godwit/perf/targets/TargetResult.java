package dev.godwit.perf.targets;

import dev.godwit.perf.scenario.PeerResult;
import java.util.List;

/**
 * The table, and what it was made of.
 *
 * @param date when it began, ISO 8601
 * @param host processor, memory, kernel
 * @param command how to do it again
 * @param memoryBytes RAM of a guest where nothing else is said
 * @param readyBytes memory that was ready at Godwit's target; unless it is 0, QEMU's was preallocated
 * @param lines in the order of the rows
 * @param contests all migrations behind them
 */
public record TargetResult(
        String date,
        String host,
        String command,
        long memoryBytes,
        long readyBytes,
        List<TargetLine> lines,
        List<PeerResult.Contest> contests) {}
