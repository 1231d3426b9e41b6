package dev.godwit.agent.process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.images.DirtierOptions;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;

/**
 * Agents that are killed or stand still in the middle of migrations. Whatever happens, one copy of the guest runs
 * afterwards, if its host still lives, and its memory is right.
 */
@Tag("kvm")
@Timeout(600)
class AgentFailureIT {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());
    private static final int RUNS = Integer.getInteger("godwit.test.kills", 8);
    private static final String GUEST = "g";
    private static final long MEMORY = 64 * TwoAgents.MIB;
    private static final DirtierOptions OPTIONS = DirtierOptions.DEFAULT
            .withWorkingSet(4 * TwoAgents.MIB)
            .withCold(40 * TwoAgents.MIB)
            .withRate(4000);

    /** About a second for all of the guest's memory. */
    private static final long BANDWIDTH = 48 * TwoAgents.MIB;

    /** What agents let pass without a byte before they give a peer up, and some more. */
    private static final Duration LONGER_THAN_STALL = Duration.ofSeconds(13);

    private final Random random = new Random(SEED);
    private TwoAgents agents;

    @BeforeEach
    void start(TestInfo test) throws IOException {
        System.out.println(test.getDisplayName() + ": -Dgodwit.test.seed=" + SEED);
        agents = new TwoAgents();
    }

    @AfterEach
    void stop() throws IOException {
        agents.close();
    }

    @Test
    void killedTarget() throws IOException {
        MeasuringGuest guest = null;
        List<String> ends = new ArrayList<>();
        ProcessSize warm = null;
        for (int run = 0; run < RUNS; run++) {
            AgentProcess a = agents.a();
            if (guest == null) {
                guest = TwoAgents.startDirtier(a, GUEST, MEMORY, OPTIONS);
            }
            MigrationView started = a.client().migrate(GUEST, request(agents.b()));
            String when = awaitMoment(run, a, started.id());
            TwoAgents.kill(agents.b());
            MigrationView end = TwoAgents.awaitEnd(a, started.id());
            ends.add(when + " → " + (end.error() == null ? "completed" : end.error()));
            if (end.error() == null) {
                // It ran at the target when that died.
                assertEquals(List.of(), a.client().guests(false));
                guest = null;
            } else {
                assertEquals("running", a.client().guest(GUEST).state());
                guest.verify();
                assertEquals(0, guest.report().errors());
            }
            assertEquals(List.of(), agents.restart(agents.b()).client().guests(false));
            if (run == (RUNS - 1) / 2) {
                warm = ProcessSize.of(a.process());
            }
        }
        ends.forEach(System.out::println);
        awaitLevel(warm, agents.a());
    }

    @Test
    void killedSource() throws IOException {
        List<String> ends = new ArrayList<>();
        ProcessSize warm = null;
        for (int run = 0; run < RUNS; run++) {
            MeasuringGuest guest = TwoAgents.startDirtier(agents.a(), GUEST, MEMORY, OPTIONS);
            AgentProcess b = agents.b();
            MigrationView started = agents.a().client().migrate(GUEST, request(b));
            String when = awaitMoment(run, agents.a(), started.id());
            TwoAgents.kill(agents.a());
            Eventually.await(
                    () -> states(b).noneMatch("arriving"::equals),
                    () -> when + ": the target waits for a source that is dead");
            List<String> states = settledStates(b);
            ends.add(when + " → target " + states);
            if (!states.isEmpty()) {
                assertEquals(List.of("running"), states);
                guest.movedTo(b.client());
                guest.verify();
                assertEquals(0, guest.report().errors());
                b.client().remove(GUEST);
            }
            assertEquals(List.of(), agents.restart(agents.a()).client().guests(true));
            if (run == (RUNS - 1) / 2) {
                warm = ProcessSize.of(b.process());
            }
        }
        ends.forEach(System.out::println);
        awaitLevel(warm, agents.b());
    }

    @Test
    void targetStandsStill() {
        standStill(true);
    }

    @Test
    void sourceStandsStill() {
        standStill(false);
    }

    private void standStill(boolean target) {
        MeasuringGuest guest = TwoAgents.startDirtier(agents.a(), GUEST, MEMORY, OPTIONS);
        AgentProcess at = agents.a();
        for (int run = 0; run < 3; run++) {
            AgentProcess to = agents.other(at);
            AgentProcess still = target ? to : at;
            // The first time so briefly that nobody has to notice.
            Duration pause = run == 0 ? Duration.ofMillis(500 + random.nextInt(1000)) : LONGER_THAN_STALL;
            MigrationView started = at.client().migrate(GUEST, request(to));
            String when = awaitMoment(run == 0 ? 0 : 2 + run, at, started.id());
            Signal.STOP.send(still.process());
            LockSupport.parkNanos(pause.toNanos()); // not to wait for something: the stall is the test
            Signal.CONT.send(still.process());
            MigrationView end = TwoAgents.awaitEnd(at, started.id());
            System.out.println(when + ", still for " + pause + " → " + (end.error() == null ? "ok" : end.error()));
            if (run == 0) {
                assertNull(end.error());
            }
            at = oneCopy(at, to, end.error() == null);
            guest.movedTo(at.client());
            guest.verify();
            assertEquals(0, guest.report().errors());
        }
    }

    /** Returns who has it, after making sure that the other does not. */
    private static AgentProcess oneCopy(AgentProcess source, AgentProcess target, boolean migrated) {
        AgentProcess with = migrated ? target : source;
        AgentProcess without = migrated ? source : target;
        Eventually.await(
                () -> states(without).findAny().isEmpty(),
                () -> "two copies: " + source.client().guests(false) + " and "
                        + target.client().guests(false));
        assertEquals(List.of("running"), states(with).toList());
        return with;
    }

    private static Stream<String> states(AgentProcess agent) {
        return agent.client().guests(false).stream().map(GuestView::state);
    }

    private static MigrateRequest request(AgentProcess target) {
        return new MigrateRequest(target.address(), null, TwoAgents.DOWNTIME_MILLIS, BANDWIDTH, 2, true, null);
    }

    /** The guests of an agent whose source is dead: what came last may still be on its way in, or out again. */
    private static List<String> settledStates(AgentProcess agent) {
        List<String> last;
        List<String> now = states(agent).toList();
        do {
            last = now;
            LockSupport.parkNanos(200_000_000);
            now = states(agent).toList();
        } while (!now.equals(last) || now.contains("arriving"));
        return now;
    }

    /** Waits for a moment of a migration, another for each run: its phases first, then at random. */
    private String awaitMoment(int run, AgentProcess source, String id) {
        return switch (run) {
            case 0 -> awaitPhase(source, id, "precopy");
            case 1 -> awaitPhase(source, id, "switchover");
            case 2 -> awaitPhase(source, id, "handover");
            default -> {
                long nanos = (long) (random.nextDouble() * 1.6e9);
                LockSupport.parkNanos(nanos);
                yield "after " + nanos / 1_000_000 + " ms";
            }
        };
    }

    /** Some are so short that they are over when they are seen. */
    private static String awaitPhase(AgentProcess source, String id, String phase) {
        List<String> order = List.of("connecting", "precopy", "switchover", "handover");
        MigrationView now = source.client().migration(id, Duration.ZERO);
        while (!now.done() && order.indexOf(now.progress().phase()) < order.indexOf(phase)) {
            now = source.client().migration(id, Duration.ofMillis(1));
        }
        return "in " + now.progress().phase();
    }

    /** Thread pools and caches breathe, and what has ended takes its time to go; a leak is one or more for each run. */
    private static void awaitLevel(ProcessSize before, AgentProcess agent) {
        Eventually.await(
                () -> {
                    ProcessSize now = ProcessSize.of(agent.process());
                    return now.threads() <= before.threads() + 3
                            && now.descriptors() <= before.descriptors() + 3
                            && now.residentBytes() <= before.residentBytes() + 2 * MEMORY;
                },
                () -> "it grows: " + before + " then " + ProcessSize.of(agent.process()));
        System.out.println(before + " then " + ProcessSize.of(agent.process()));
    }
}
