/** Micro-benchmarks of the paths that must cost next to nothing, and their comparison with C. */
package dev.godwit.perf.jmh;
