package dev.godwit.agent.inventory;

import dev.godwit.agent.migration.GuestDescription;
import java.time.Instant;

/**
 * A guest that lives on another agent.
 *
 * @param guest what it was here
 * @param target where it went, {@code host:port}
 * @param at when
 */
public record Departed(GuestDescription guest, String target, Instant at) {}
