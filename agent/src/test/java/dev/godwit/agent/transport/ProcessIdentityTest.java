package dev.godwit.agent.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ProcessIdentityTest {
    private static final ProcessIdentity OWN = ProcessIdentity.own();

    @Test
    void isTheSameOnTheOtherSide() {
        assertEquals(OWN, ProcessIdentity.decode(OWN.encode()));
        assertEquals(ProcessIdentity.NONE, ProcessIdentity.decode(new byte[3]));
        assertEquals(ProcessHandle.current().pid(), OWN.pid());
    }

    @Test
    void aProcessIsGoneWhenItHasEndedAndNotBefore() throws Exception {
        Process process = new ProcessBuilder("sleep", "60").start();
        try {
            ProcessIdentity child = identity(process.pid());
            assertFalse(child.isGone(OWN));
            // Another process has its number by now.
            assertTrue(
                    new ProcessIdentity(OWN.boot(), OWN.namespace(), child.pid(), child.startTicks() - 1).isGone(OWN));
            process.destroyForcibly().waitFor();
            assertTrue(child.isGone(OWN));
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void aProcessElsewhereIsNeverKnownToBeGone() {
        long none = 0x7ffffff0; // above any limit of process ids
        assertTrue(new ProcessIdentity(OWN.boot(), OWN.namespace(), none, 1).isGone(OWN));
        assertFalse(new ProcessIdentity(UUID.randomUUID(), OWN.namespace(), none, 1).isGone(OWN));
        assertFalse(new ProcessIdentity(OWN.boot(), OWN.namespace() + 1, none, 1).isGone(OWN));
        assertFalse(new ProcessIdentity(OWN.boot(), 0, none, 1).isGone(OWN));
        assertFalse(ProcessIdentity.NONE.isGone(OWN));
    }

    private static ProcessIdentity identity(long pid) throws Exception {
        String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return new ProcessIdentity(OWN.boot(), OWN.namespace(), pid, Long.parseLong(fields[19]));
    }
}
