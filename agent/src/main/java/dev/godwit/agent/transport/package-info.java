/**
 * Connections between agents: TCP on raw descriptors, so that guest memory goes in and out without a copy in Java, and
 * the handshake that no byte passes before.
 */
package dev.godwit.agent.transport;
