package dev.godwit.perf.jmh;

/**
 * What JMH measured of one benchmark.
 *
 * @param benchmark class and method
 * @param parameters such as {@code memory=64g pattern=SPARSE}
 * @param unit of the figures
 * @param score mean of the iterations
 * @param error half the 99.9 % confidence interval; 0 where JMH has too few iterations to tell
 * @param iterations over all forks
 */
public record MicroResult(
        String benchmark, String parameters, String unit, double score, double error, long iterations) {}
