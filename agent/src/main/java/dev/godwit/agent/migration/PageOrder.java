package dev.godwit.agent.migration;

import dev.godwit.host.memory.PageSet;
import java.util.function.LongUnaryOperator;

/** In which order the chunks of a guest's memory follow it. */
interface PageOrder {
    /** From low addresses to high. */
    PageOrder ADDRESS = missing -> LongUnaryOperator.identity();

    /** The chunk to be sent as the nth, for all chunks of {@code missing}. */
    LongUnaryOperator of(PageSet missing);
}
