package dev.godwit.agent.migration;

import java.util.Random;

/** Random tests: {@code -Dgodwit.seed=} repeats one, {@code -Dgodwit.repeat=} makes it longer. */
public final class Chance {
    private Chance() {}

    /** A random generator whose seed has been printed. */
    public static Random random(String test) {
        long seed = Long.getLong("godwit.seed", System.nanoTime());
        System.out.println(test + ": -Dgodwit.seed=" + seed);
        return new Random(seed);
    }

    /** So many repetitions, times the factor asked for; at least 1. */
    public static int times(int usual) {
        return Math.max(1, (int) (usual * Double.parseDouble(System.getProperty("godwit.repeat", "1"))));
    }
}
