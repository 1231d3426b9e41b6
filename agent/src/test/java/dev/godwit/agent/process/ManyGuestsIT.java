package dev.godwit.agent.process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.agent.config.SecretFile;
import dev.godwit.host.thread.Precedence;
import dev.godwit.images.DirtierOptions;
import dev.godwit.images.DirtierReport;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A hundred guests in one agent. */
@Tag("kvm")
@Timeout(900)
class ManyGuestsIT {
    private static final int GUESTS = 100;
    /** Each has a hundredth of the processors, and does in minutes what takes it a second alone. */
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private static final long MEMORY = 16 * TwoAgents.MIB;

    @TempDir
    private Path scratch;

    @Test
    void oneOfAHundredDiesAndTheOthersDoNotNotice() throws IOException {
        Path secret = scratch.resolve("secret");
        SecretFile.readOrCreate(secret);
        try (AgentProcess agent = AgentProcess.start(
                        scratch.resolve("a"), "127.0.0.1:0", List.of("--secret", secret.toString()));
                // It does not want to be starved by them either.
                Precedence.Turn _ = Precedence.CONTROL.during()) {
            ApiClient api = agent.client();
            agent.awaitRehearsed();
            ProcessSize empty = size(agent);
            String cmdline = DirtierOptions.DEFAULT
                    .withWorkingSet(2 * TwoAgents.MIB)
                    .withCold(4 * TwoAgents.MIB)
                    .withRate(100)
                    .withSweep(100)
                    .commandLine();
            // Guests look at the clock without a pause, and leave the agent little to build the others with.
            for (int i = 0; i < GUESTS - 1; i++) {
                api.start(new StartRequest("g" + i, "dirtier", MEMORY, 1, cmdline, null, null, null, true));
            }
            TwoAgents.all(GUESTS - 1, i -> {
                api.resume("g" + i, false);
                guest(i, api).awaitReady();
            });
            api.start(new StartRequest("bad", "hostile", MEMORY, 1, "mode=triple", null, null, null, null));
            Eventually.await(
                    () -> api.guest("bad").state().equals("stopped"), () -> "still there: " + api.guest("bad"));
            assertEquals("triple-fault", api.guest("bad").reason());

            TwoAgents.all(GUESTS - 1, i -> {
                MeasuringGuest guest = guest(i, api);
                assertTrue(guest.verify() > 0);
                DirtierReport report = guest.report();
                assertEquals(0, report.errors());
                assertTrue(report.writes() > 0, "a guest that does not write");
            });
            assertEquals(
                    GUESTS - 1,
                    api.guests(false).stream()
                            .map(GuestView::state)
                            .filter("running"::equals)
                            .count());

            ProcessSize full = size(agent);
            List<GuestView> all = api.guests(false);
            TwoAgents.all(all.size(), i -> api.remove(all.get(i).name()));
            Eventually.await(() -> size(agent).threads() <= empty.threads() + 20, () -> "threads stay: " + size(agent));
            Eventually.await(
                    () -> size(agent).descriptors() <= empty.descriptors() + 5,
                    () -> "descriptors stay: " + size(agent));
            System.out.println(GUESTS + " guests: " + empty + ", then " + full + ", then " + size(agent));
        }
    }

    private static MeasuringGuest guest(int i, ApiClient api) {
        return new MeasuringGuest("g" + i, api).withPatience(PATIENCE);
    }

    private static ProcessSize size(AgentProcess agent) {
        return ProcessSize.of(agent.process());
    }
}
