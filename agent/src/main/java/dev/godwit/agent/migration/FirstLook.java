package dev.godwit.agent.migration;

import dev.godwit.host.memory.Backing;

/**
 * A look at a guest's memory before any of it is sent.
 *
 * @param begun when, by {@link System#nanoTime}
 * @param logged whether what the guest writes is logged since then; else it is to be looked at again, by who sends it, when
 *     the guest stands still
 * @param found what there was after that
 */
record FirstLook(long begun, boolean logged, Backing found) {}
