package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.migration.FaultProxy.Action;
import dev.godwit.agent.migration.FaultProxy.Fault;
import dev.godwit.agent.migration.FaultProxy.Lane;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.images.GuestImage;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A connection breaks at a random byte of a random connection in a random direction, again and again: afterwards exactly
 * one copy of the guest runs, its memory is right, and nothing is left behind.
 */
@Tag("kvm")
@Timeout(300)
class FaultTest {
    private static final int STREAMS = 2;
    private static final MachineConfig CONFIG =
            MachineConfig.of(16 << 20).withCpus(2).withCommandLine("ws=2m cold=all rate=40000 cpus=2");

    @ParameterizedTest
    @CsvSource({"CUT, 50", "RESET, 30", "HALF_CLOSE, 20", "STALL, 12", "DELAY, 8"})
    void exactlyOneCopyGoesOn(Action action, int times) throws Exception {
        Random random = Chance.random("FaultTest " + action);
        MigrationOptions patient = MigrationOptions.DEFAULT
                .withMode(MigrationMode.PRECOPY)
                .withStreams(STREAMS)
                .withDowntime(Duration.ofSeconds(5));
        // Short: some faults are noticed by nothing else.
        MigrationOptions options = patient.withStall(Duration.ofMillis(500));
        Map<MigrationException.Kind, Integer> failures = new EnumMap<>(MigrationException.Kind.class);
        Map<String, Integer> phases = new TreeMap<>();
        int arrived = 0;
        try (Kvm kvm = Kvm.open()) {
            try (Attempts warm = new Attempts(kvm)) {
                warm.run(new Fault(new Lane(Role.DATA, 0, true), 5_000_000, Action.CUT), options);
            }
            Resources before = Resources.afterAll();
            try (Attempts attempts = new Attempts(kvm)) {
                Map<Lane, AtomicLong> lengths = attempts.run(null, patient);
                assertTrue(attempts.failure.isEmpty(), () -> "without a fault: " + attempts.failure.get());
                for (int i = 0; i < Chance.times(times); i++) {
                    Fault fault = choose(random, lengths, action);
                    attempts.run(fault, options);
                    if (attempts.failure.isPresent()) {
                        failures.merge(attempts.failure.get().kind(), 1, Integer::sum);
                    } else {
                        arrived++;
                    }
                    if (attempts.fired) {
                        attempts.guest.report().phases().keySet().stream()
                                .reduce((a, b) -> b)
                                .ifPresent(p -> phases.merge(p, 1, Integer::sum));
                    }
                }
            }
            Resources.afterAll().assertNoMoreThan(before);
        }
        System.out.println("FaultTest " + action + ": " + arrived + " arrived, went on at the source: " + failures
                + "; last phase where a fault fired: " + phases);
        assertTrue(action == Action.DELAY || !failures.isEmpty());
        assertEquals(0, failures.getOrDefault(MigrationException.Kind.INTERNAL, 0));
    }

    /** Half of the faults hit the control connection, though it has few of the bytes. */
    private static Fault choose(Random random, Map<Lane, AtomicLong> lengths, Action action) {
        Role role = random.nextBoolean() ? Role.CONTROL : Role.DATA;
        Lane lane = new Lane(role, role == Role.DATA ? random.nextInt(STREAMS) : 0, random.nextInt(4) != 0);
        long length = lengths.get(lane).get();
        // The ends of a conversation are where states change.
        long at = random.nextBoolean()
                ? random.nextLong(length + 1)
                : Math.max(0, length - random.nextLong(Math.min(length, 64) + 1));
        return new Fault(lane, at, action);
    }

    /** A guest, its next host, and a way between them that breaks. */
    private static final class Attempts implements AutoCloseable {
        private final LoopbackHost host;
        private final Wanderer guest;
        private Optional<MigrationException> failure;
        private boolean fired;

        Attempts(Kvm kvm) throws Exception {
            host = new LoopbackHost(kvm);
            guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, CONFIG);
        }

        Map<Lane, AtomicLong> run(Fault fault, MigrationOptions options) throws Exception {
            try (FaultProxy proxy = new FaultProxy(host.address(), fault)) {
                failure = guest.attempt(guest.prepare(proxy.address(), options));
                fired = proxy.hasFired();
                guest.verify();
                return proxy.bytes();
            } catch (AssertionError e) {
                throw new AssertionError(fault + ": " + e.getMessage(), e);
            }
        }

        @Override
        public void close() {
            guest.close();
            host.close();
        }
    }
}
