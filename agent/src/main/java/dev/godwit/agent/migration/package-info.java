/**
 * Live migration: the protocol, the source and the target as explicit state machines, and the streams that carry guest
 * memory straight between the guest and the socket. {@code docs/migration-protocol.md} draws the states and frames.
 */
package dev.godwit.agent.migration;
