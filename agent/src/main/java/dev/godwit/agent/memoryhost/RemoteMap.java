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
 */
public record RemoteMap(PageSet pages, int[] checksums) {
    /** As the map says; nothing is on its way there. */
    static RemoteMap of(Arena arena, PageMap map) {
        PageSet pages = new PageSet(arena, map.pages());
        return new RemoteMap(pages, map.collect(Place.REMOTE, pages));
    }
}
