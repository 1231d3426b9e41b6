/**
 * Memory hosts: guest pages that live on another machine, which serves them over the network. Here is the machine's
 * side; the protocol is in {@code docs/memory-host-protocol.md}.
 */
package dev.godwit.agent.memoryhost;
