package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.transport.ProcessIdentity;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What a process knows of its sessions: it may not know, but it never says that a guest does not run that does. */
class SessionBookTest {
    private static final ProcessIdentity HERE = ProcessIdentity.own();
    private static final ProcessIdentity ENDED =
            new ProcessIdentity(HERE.boot(), HERE.namespace(), HERE.pid(), HERE.startTicks() - 1);
    private static final ProcessIdentity ELSEWHERE = new ProcessIdentity(UUID.randomUUID(), 1, 1, 1);

    private final SessionBook book = new SessionBook();

    @Test
    void anAgentStartedAnewVouchesForTheOneBeforeIt() {
        UUID id = UUID.randomUUID();
        assertEquals(Outcome.NOT_RUNNING, book.settle(id, ENDED, HERE));
        assertEquals(Outcome.STRANGER, book.settle(id, ELSEWHERE, HERE));
        assertEquals(Outcome.STRANGER, book.settle(id, ProcessIdentity.NONE, HERE));
    }

    /** A guest that was lost has run: its source must not take it up again, however long ago that was. */
    @Test
    void neverIsASessionThatWasLostSaidNotToHaveRun() {
        List<UUID> ids = new ArrayList<>();
        for (int i = 0; i < SessionBook.MAX_ENDED + 10; i++) {
            UUID id = UUID.randomUUID();
            book.begin(id, null);
            book.end(id, Outcome.LOST);
            ids.add(id);
        }
        for (UUID id : ids) {
            assertTrue(book.settle(id, HERE, HERE) != Outcome.NOT_RUNNING);
        }
    }

    /** Its source is about to ask, and asks until it knows: however it ended, and whatever is forgotten for it. */
    @Test
    void theLatestIsKnown() {
        for (int i = 0; i < SessionBook.MAX_ENDED; i++) {
            book.end(UUID.randomUUID(), Outcome.RUNNING);
        }
        for (Outcome outcome : List.of(Outcome.LOST, Outcome.NOT_RUNNING, Outcome.NOT_RUNNING, Outcome.LOST)) {
            UUID id = UUID.randomUUID();
            book.end(id, outcome);
            assertEquals(outcome, book.settle(id, HERE, HERE));
        }
    }

    @Test
    void anIdIsUsedOnce() {
        UUID id = UUID.randomUUID();
        assertTrue(book.begin(id, null));
        book.end(id, Outcome.NOT_RUNNING);
        assertFalse(book.begin(id, null));
    }

    @Test
    void neverIsASessionThatRanSaidNotToHave() {
        Random random = Chance.random("neverIsASessionThatRanSaidNotToHave");
        for (int ranPercent : List.of(0, 1, 50, 100)) {
            SessionBook some = new SessionBook();
            Map<UUID, Outcome> truth = new HashMap<>();
            List<UUID> ids = new ArrayList<>();
            for (int i = 0; i < 2 * SessionBook.MAX_ENDED; i++) {
                UUID id = new UUID(random.nextLong(), random.nextLong());
                Outcome outcome = random.nextInt(100) < ranPercent ? Outcome.RUNNING : Outcome.NOT_RUNNING;
                some.begin(id, null);
                some.end(id, outcome);
                truth.put(id, outcome);
                ids.add(id);
            }
            int unknown = 0;
            for (UUID id : ids) {
                Outcome said = some.settle(id, HERE, HERE);
                if (said == Outcome.UNKNOWN) {
                    unknown++;
                } else {
                    assertEquals(truth.get(id) == Outcome.RUNNING ? Outcome.COMPLETE : truth.get(id), said);
                }
            }
            // As long as what ran fits, all are known.
            assertEquals(ranPercent == 100 ? SessionBook.MAX_ENDED : 0, ranPercent == 50 ? 0 : unknown);
        }
    }
}
