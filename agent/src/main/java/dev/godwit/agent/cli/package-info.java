/** The command line. All but {@code run}, {@code check} and {@code agent} talk to an agent through its API. */
package dev.godwit.agent.cli;
