/** What measurements are made into: distributions, comparisons of two, tables. Knows nothing of what is measured. */
package dev.godwit.perf.report;
