package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class ClaimTest {
    /** As its picture draws it. */
    private static final Map<Claim, Set<Claim>> FOLLOWS = Map.of(
            Claim.NONE, EnumSet.of(Claim.OWNED, Claim.OVER),
            Claim.OWNED, EnumSet.of(Claim.HELD, Claim.OVER),
            Claim.HELD, EnumSet.of(Claim.OWNED, Claim.OFFERED, Claim.OVER),
            Claim.OFFERED, EnumSet.of(Claim.TAKING_BACK, Claim.OVER),
            Claim.TAKING_BACK, EnumSet.of(Claim.OWNED, Claim.OVER));

    @Test
    void itsPicture() {
        FOLLOWS.forEach((claim, follow) -> {
            for (Claim next : Claim.values()) {
                if (follow.contains(next) || next == claim) {
                    assertEquals(next, claim.then(next));
                } else {
                    IllegalStateException refused =
                            assertThrows(IllegalStateException.class, () -> claim.then(next), claim + " " + next);
                    assertEquals(
                            "pages at a memory host that are " + claim + " cannot be " + next, refused.getMessage());
                }
            }
        });
    }

    /** A guest may end at any moment, whatever its migration is about to do. */
    @Test
    void whatIsOverStaysSo() {
        for (Claim next : Claim.values()) {
            assertEquals(Claim.OVER, Claim.OVER.then(next));
        }
    }

    @Test
    void offeredPagesAreNotThisSidesToDelete() {
        assertEquals(EnumSet.of(Claim.OWNED, Claim.HELD, Claim.TAKING_BACK), those(Claim::isOurs));
    }

    @Test
    void aGuestLeavesUntilItIsKnownWhereItIs() {
        assertEquals(EnumSet.of(Claim.HELD, Claim.OFFERED), those(Claim::isLeaving));
    }

    @Test
    void whatMayBeAnothersIsNotLostByThat() {
        assertEquals(EnumSet.of(Claim.OWNED), those(claim -> claim.isLostBy(RegionStatus.FENCED)));
        assertEquals(
                EnumSet.complementOf(EnumSet.of(Claim.OFFERED)), those(claim -> claim.isLostBy(RegionStatus.UNKNOWN)));
        assertEquals(Set.of(), those(claim -> claim.isLostBy(RegionStatus.NO_ROOM)));
    }

    private static Set<Claim> those(Predicate<Claim> such) {
        return Arrays.stream(Claim.values()).filter(such).collect(Collectors.toSet());
    }
}
