package dev.godwit.perf.scenario;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.config.Failure;
import dev.godwit.perf.report.Distribution;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.function.Consumer;

/**
 * Starts guests on an agent, one after the other, and then many idle ones at once.
 *
 * @param agent the agent's socket, or null to start one for this
 * @param memoryBytes RAM of each guest
 * @param warmups starts that do not count
 * @param runs starts that do
 * @param idleGuests idle guests to start at the end, or 0
 */
public record StartScenario(Path agent, long memoryBytes, int warmups, int runs, int idleGuests) {
    private static final long IDLE_MEMORY = 16L << 20;
    /** So many idle guests are there before the counting begins: what the first ones need, all share. */
    private static final int IDLE_BEFORE = 5;

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final String NAME = "bench-start";

    private record Start(double instruction, double inAgent, double answer, double firstByte) {}

    /** Runs it. */
    public StartResult run(Consumer<String> progress) {
        if (agent != null) {
            return measure(new ApiClient(agent), progress);
        }
        try (Stage stage = new Stage()) {
            progress.accept("Starting an agent …");
            return measure(stage.agent().client(), progress);
        }
    }

    private StartResult measure(ApiClient client, Consumer<String> progress) {
        progress.accept("Starting " + warmups + " + " + runs + " guests, one after the other …");
        Start[] starts = new Start[runs];
        for (int i = -warmups; i < runs; i++) {
            Start one = start(client);
            if (i >= 0) {
                starts[i] = one;
            }
        }
        Distribution firstInstruction = of(starts, Start::instruction);
        StartResult.Idle idle = idleGuests == 0 ? null : idle(client, progress);
        return new StartResult(
                memoryBytes,
                runs,
                firstInstruction,
                of(starts, Start::inAgent),
                of(starts, Start::answer),
                of(starts, Start::firstByte),
                idle,
                StartResult.FIRST_INSTRUCTION_TARGET,
                firstInstruction.median() < StartResult.FIRST_INSTRUCTION_TARGET);
    }

    private static Distribution of(Start[] starts, java.util.function.ToDoubleFunction<Start> figure) {
        return Distribution.of(
                java.util.Arrays.stream(starts).mapToDouble(figure).toArray());
    }

    private Start start(ApiClient client) {
        Instant called = Instant.now();
        long from = System.nanoTime();
        client.start(request(NAME, "hello", memoryBytes, ""));
        long answered = System.nanoTime();
        if (client.log(NAME, 0, PATIENCE).bytes().length == 0) {
            throw Failure.failed("guest " + NAME + " prints nothing");
        }
        long printed = System.nanoTime();
        GuestView guest = client.guest(NAME);
        client.remove(NAME);
        if (guest.firstInstructionMicros() == null) {
            throw Failure.failed("guest " + NAME + " did not mark its first instruction");
        }
        Instant marked = Instant.parse(guest.createdAt()).plus(guest.firstInstructionMicros(), ChronoUnit.MICROS);
        return new Start(
                Duration.between(called, marked).toNanos() / 1e6,
                guest.firstInstructionMicros() / 1e3,
                (answered - from) / 1e6,
                (printed - from) / 1e6);
    }

    private StartResult.Idle idle(ApiClient client, Consumer<String> progress) {
        progress.accept("Starting " + IDLE_BEFORE + " + " + idleGuests + " idle guests …");
        long pid = client.host().pid();
        try {
            startIdle(client, 0, IDLE_BEFORE);
            ProcessMemory before = ProcessMemory.of(pid);
            startIdle(client, IDLE_BEFORE, idleGuests);
            return StartResult.Idle.of(idleGuests, IDLE_MEMORY, before, ProcessMemory.of(pid));
        } finally {
            client.guests(false).stream()
                    .map(GuestView::name)
                    .filter(name -> name.startsWith(NAME))
                    .forEach(client::remove);
        }
    }

    private static void startIdle(ApiClient client, int first, int count) {
        for (int i = first; i < first + count; i++) {
            String name = NAME + "-idle-" + i;
            client.start(request(name, "hostile", IDLE_MEMORY, "mode=halt"));
            client.log(name, 0, PATIENCE);
        }
    }

    private static StartRequest request(String name, String image, long memory, String cmdline) {
        return new StartRequest(name, image, memory, 1, cmdline, null, null, null, null);
    }
}
