package dev.godwit.agent.memoryhost;

import java.util.UUID;

/**
 * The pages of one VM.
 *
 * @param reserved the most pages that it may hold at once
 */
record Region(UUID id, long reserved, RegionPages pages, Ownership ownership) {
    RegionHeader header(long epoch) {
        return new RegionHeader(id, pages.pages(), reserved, epoch);
    }
}
