/** Real agent processes on the loopback: their command line, their ends, and what they leave behind. */
package dev.godwit.agent.process;
