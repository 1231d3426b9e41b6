package dev.godwit.agent.api;

/**
 * An answer that is none.
 *
 * @param error one line
 * @param kind {@code bad-input}, {@code not-found}, {@code conflict}, {@code failed} or {@code not-capable}
 */
public record ErrorView(String error, String kind) {}
