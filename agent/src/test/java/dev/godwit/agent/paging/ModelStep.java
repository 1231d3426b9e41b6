package dev.godwit.agent.paging;

import java.util.Arrays;
import java.util.Random;

/** What may happen to a {@link PagerModel}, and how often compared with the rest. */
enum ModelStep {
    TOUCH(30),
    USE(2),
    KEEP(1),
    LET_GO(2),
    FETCH(20),
    FETCH_AGAIN(2),
    PUSH(25),
    PUSH_AGAIN(2),
    EVICT(20),
    SEND(20),
    STORED(20),
    FAIL(2),
    RELEASE(3),
    SETTLE(1),
    MAKE_LARGE(2),
    AWAY(1),
    BACK(4),
    LIMIT(1),
    NO_LIMIT(2),
    MIGRATE(2);

    private static final int ALL_WEIGHTS =
            Arrays.stream(values()).mapToInt(step -> step.weight).sum();

    private final int weight;

    ModelStep(int weight) {
        this.weight = weight;
    }

    static ModelStep choose(Random random) {
        int left = random.nextInt(ALL_WEIGHTS);
        for (ModelStep step : values()) {
            left -= step.weight;
            if (left < 0) {
                return step;
            }
        }
        throw new IllegalStateException();
    }
}
