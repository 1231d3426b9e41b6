package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.inventory.Guest;
import dev.godwit.agent.memoryhost.RemoteStatus;
import dev.godwit.agent.migration.GuestTalk;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Backing;
import java.lang.foreign.Arena;

/** A dirtier that has memory at a memory host, at an agent of this process. */
record RemoteGuest(Agent agent, String name) {
    Guest guest() {
        return agent.inventory().guest(name);
    }

    /** There is no other way to the machine of an agent's guest. */
    Machine machine() {
        return guest().remote().orElseThrow().machine();
    }

    RemoteStatus status() {
        return guest().remoteStatus().orElseThrow();
    }

    void awaitReady() throws InterruptedException {
        GuestTalk.await(machine(), 0, "READY");
    }

    /** Until more than so much of its memory has left it. */
    void awaitElsewhere(int mib) {
        Eventually.await(() -> status().remotePages() > mib * 256L, "its memory leaves it");
    }

    long residentBytes() {
        try (Arena arena = Arena.ofConfined()) {
            return Backing.scan(arena, machine().memory()).resident().cardinality() << 12;
        }
    }

    /** Lets it check every word of its memory. */
    void verify() throws InterruptedException {
        assertRight(GuestTalk.ask(machine(), 'v', "VERIFIED"));
    }

    /** As {@link #verify}, which it was told to before its log was so long. */
    void awaitVerified(long from) throws InterruptedException {
        assertRight(GuestTalk.await(machine(), from, "VERIFIED"));
    }

    private static void assertRight(String answer) {
        assertTrue(answer.endsWith(" errors=0"), answer);
    }
}
