/** {@code godwit bench}: the commands that run what the other packages measure. */
package dev.godwit.perf.cli;
