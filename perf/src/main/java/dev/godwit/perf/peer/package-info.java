/** The same work done by others, for comparison: C programs that are built on the spot. */
package dev.godwit.perf.peer;
