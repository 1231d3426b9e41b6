package dev.godwit.agent.memoryhost;

import dev.godwit.agent.paging.PageMap;
import dev.godwit.agent.paging.Place;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;

/**
 * Which pages of a guest are at its memory host at one moment, and the checksum of each: what goes along when the guest
 * moves.
 *
 * @param pages the pages
 * @param checksums of each of them, in order
 * @param epoch of the owner who says so
 */
public record RemoteMap(PageSet pages, int[] checksums, long epoch) {
    /** As the map says. */
    static RemoteMap of(Arena arena, PageMap map, long epoch) {
        PageSet pages = new PageSet(arena, map.pages());
        int[] checksums = new int[Math.toIntExact(map.count(0, map.pages(), Place.REMOTE))];
        int next = 0;
        for (long page = 0; page < map.pages() && next < checksums.length; page++) {
            // One that came back since they were counted leaves a place free at the end.
            int checksum = map.frameIn(page, Place.REMOTE);
            if (checksum >= 0) {
                pages.add(page);
                checksums[next++] = checksum;
            }
        }
        return new RemoteMap(pages, java.util.Arrays.copyOf(checksums, next), epoch);
    }

    /** Says so in a map. */
    void into(PageMap map) {
        int next = 0;
        for (long page = pages.next(0, pages.pages());
                page < pages.pages();
                page = pages.next(page + 1, pages.pages())) {
            map.set(page, Place.REMOTE, checksums[next++]);
        }
    }
}
