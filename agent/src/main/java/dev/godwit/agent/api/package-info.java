/** The agent's API: HTTP and JSON on a Unix socket, described by {@code openapi.yaml}; server and client. */
package dev.godwit.agent.api;
