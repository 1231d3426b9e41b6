package dev.godwit.perf.scenario;

import dev.godwit.perf.report.Distribution;

/**
 * What starting guests costs a warm agent. Times are in milliseconds, sizes in bytes.
 *
 * @param memoryBytes RAM of the guests that were started
 * @param runs starts that count
 * @param firstInstruction from the API call to the guest's first instruction, by the clocks of both
 * @param firstInstructionInAgent the same from the moment the agent has read the request
 * @param answer from the API call to the agent's answer
 * @param firstByte from the API call until its first serial output is in the caller's hands
 * @param idle what a guest costs that does nothing; null if that was not measured
 * @param firstInstructionTarget the median of firstInstruction is to be below this, for 256 MiB
 * @param firstInstructionMet whether it is
 */
public record StartResult(
        long memoryBytes,
        int runs,
        Distribution firstInstruction,
        Distribution firstInstructionInAgent,
        Distribution answer,
        Distribution firstByte,
        Idle idle,
        double firstInstructionTarget,
        boolean firstInstructionMet) {
    /** The median of the time to the first instruction is to be below this, in milliseconds. */
    static final double FIRST_INSTRUCTION_TARGET = 10;

    /** An idle guest is to cost less than this beside its RAM, in bytes. */
    static final long IDLE_TARGET = 4L << 20;

    /**
     * The agent's memory for each of a number of idle guests.
     *
     * @param guests how many were started
     * @param guestMemoryBytes RAM of each
     * @param residentBytes of the agent for each, beside guest RAM
     * @param proportionalBytes the same with shared pages by their share
     * @param guestResidentBytes guest RAM that is resident, for each
     * @param target residentBytes is to be below this
     * @param met whether it is
     */
    public record Idle(
            int guests,
            long guestMemoryBytes,
            long residentBytes,
            long proportionalBytes,
            long guestResidentBytes,
            long target,
            boolean met) {
        static Idle of(int guests, long guestMemoryBytes, ProcessMemory before, ProcessMemory after) {
            long guest = after.guest() - before.guest();
            long resident = (after.overhead() - before.overhead()) / guests;
            return new Idle(
                    guests,
                    guestMemoryBytes,
                    resident,
                    (after.proportional() - before.proportional() - guest) / guests,
                    guest / guests,
                    IDLE_TARGET,
                    resident < IDLE_TARGET);
        }
    }
}
