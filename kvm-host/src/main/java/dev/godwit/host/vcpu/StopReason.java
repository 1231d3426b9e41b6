package dev.godwit.host.vcpu;

import java.util.Locale;

/**
 * Why a guest ran no further.
 *
 * @param kind the sort of end
 * @param code for {@link Kind#EXIT} the value the guest wrote to the exit device, else a number that explains the kind
 * @param detail one line for people
 */
public record StopReason(Kind kind, int code, String detail) {
    /** The ways a guest ends. */
    public enum Kind {
        /** The guest wrote to the exit device. */
        EXIT,
        /** The guest asked for a reset, which ends it. */
        RESET,
        /** The guest asked to be powered off. */
        SHUTDOWN,
        /** A triple fault. */
        TRIPLE_FAULT,
        /** KVM could not go on: the guest did what it cannot emulate, or its state is impossible. */
        KVM_ERROR,
        /** A defect of the agent's while serving the guest. */
        AGENT_ERROR,
        /** The host stopped it. */
        STOPPED,
        /** It ran at a migration's target while some of its memory was still at the source, and one of them ended. */
        PAGES_LOST,
        /** It lives on elsewhere. */
        MIGRATED;

        /** The spelling of the API and reports. */
        public String text() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /** The exit status of a process that stands for the guest, as QEMU's isa-debug-exit gives: (value · 2) + 1. */
    public int exitStatus() {
        return ((code << 1) | 1) & 0xff;
    }

    @Override
    public String toString() {
        return detail.isEmpty() ? kind.text() : kind.text() + ": " + detail;
    }
}
