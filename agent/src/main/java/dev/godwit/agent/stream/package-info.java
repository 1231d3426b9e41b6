/**
 * Guest pages on a connection: frames that go from guest memory to the socket and from the socket to guest memory, and
 * the requests for them. Migration, memory hosts and snapshots use the same.
 */
package dev.godwit.agent.stream;
