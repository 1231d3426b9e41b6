package dev.godwit.perf.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.godwit.agent.config.Failure;
import dev.godwit.images.GuestImage;
import dev.godwit.perf.peer.QemuProcess.Role;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The QMP client and migrations against a real QEMU. */
@Tag("kvm")
@Tag("qemu")
@Timeout(120)
class QemuIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final QemuProcess.Guest GUEST =
            new QemuProcess.Guest(GuestImage.DIRTIER.path(), 64L << 20, 1, "ws=16m cold=all sweep=100", false);

    @TempDir
    private Path directory;

    @Test
    void commandsAreAnsweredAndRefusalsSayWhy() {
        try (QemuProcess qemu = new QemuProcess(QemuHere.get(), GUEST, directory, "a", Role.SOURCE)) {
            assertEquals("running", status(qemu));
            Failure failure =
                    assertThrows(Failure.class, () -> qemu.qmp().execute("device_del", Map.of("id", "no-such-device")));
            assertTrue(
                    failure.getMessage().startsWith("QMP: device_del failed: ")
                            && failure.getMessage().contains("no-such-device"),
                    failure.getMessage());
            assertEquals("running", status(qemu), "it goes on");
        }
    }

    @Test
    void eventsAreKeptUntilTheyAreWanted() {
        try (QemuProcess qemu = new QemuProcess(QemuHere.get(), GUEST, directory, "a", Role.SOURCE)) {
            qemu.qmp().execute("stop", Map.of());
            qemu.qmp().execute("cont", Map.of());
            assertEquals("running", status(qemu));
            assertEquals("RESUME", event(qemu, "RESUME"));
            assertEquals("STOP", event(qemu, "STOP"), "which came before");
            Failure late = assertThrows(
                    Failure.class,
                    () -> qemu.qmp()
                            .awaitEvent("STOP", e -> e.path("event").asText().equals("STOP"), Duration.ZERO));
            assertEquals("QMP: event STOP did not come in time", late.getMessage());
        }
    }

    @Test
    void anEndIsNoticedAndClosingLeavesNoProcess() {
        QemuProcess qemu = new QemuProcess(QemuHere.get(), GUEST, directory, "a", Role.SOURCE);
        ProcessHandle process = ProcessHandle.of(qemu.pid()).orElseThrow();
        assertTrue(process.isAlive());
        qemu.qmp().execute("quit", Map.of());
        Failure end = assertThrows(Failure.class, () -> qemu.qmp().awaitEvent("NEVER", e -> false, PATIENCE));
        assertTrue(end.getMessage().startsWith("QMP: the connection ended before"), end.getMessage());
        qemu.close();
        assertFalse(process.isAlive());
        qemu.close();
    }

    @Test
    void aQemuThatDoesNotStartSaysWhy() {
        QemuProcess.Guest none = new QemuProcess.Guest(directory.resolve("no-kernel.elf"), 64L << 20, 1, "", false);
        Failure failure =
                assertThrows(Failure.class, () -> new QemuProcess(QemuHere.get(), none, directory, "a", Role.SOURCE));
        assertTrue(failure.getMessage().contains("it said: "), failure.getMessage());
        assertTrue(failure.getMessage().contains("no-kernel.elf"), failure.getMessage());
        assertFalse(failure.getMessage().contains("\n"), failure.getMessage());
    }

    @ParameterizedTest
    @EnumSource
    void aGuestArrivesWhole(QemuMode mode) {
        Qemu found = QemuHere.get();
        // Preallocated RAM has to bear the name of that at the source.
        Role role = mode == QemuMode.SINGLE ? Role.READY_TARGET : Role.TARGET;
        try (QemuProcess source = new QemuProcess(found, GUEST, directory, "source", Role.SOURCE);
                QemuProcess target = new QemuProcess(found, GUEST, directory, "target", role)) {
            awaitText(source, "READY ");
            QemuMigration migration =
                    new QemuMigration(mode, 2, 0, Duration.ofMillis(300), PATIENCE, Duration.ofMillis(5));
            List<QemuMigration.Sample> samples = new ArrayList<>();
            QemuMigration.Outcome outcome = migration.run(source, target, samples::add);
            assertEquals("completed", outcome.source().path("status").asText());
            assertTrue(outcome.source().path("total-time").asLong() > 0, outcome.toString());
            assertTrue(outcome.source().path("ram").path("transferred").asLong() > 32 << 20, outcome.toString());
            assertTrue(outcome.pauseMicros() > 0 && outcome.runningNanos() <= outcome.endNanos(), outcome.toString());
            assertFalse(samples.isEmpty());
            target.type((byte) 'v');
            assertTrue(awaitText(target, "VERIFIED ").contains("errors=0"));
        }
    }

    @Test
    void aMigrationThatTakesTooLongIsCancelledAndTheGuestStays() {
        Qemu found = QemuHere.get();
        try (QemuProcess source = new QemuProcess(found, GUEST, directory, "source", Role.SOURCE);
                QemuProcess target = new QemuProcess(found, GUEST, directory, "target", Role.TARGET)) {
            awaitText(source, "READY ");
            QemuMigration slow = new QemuMigration(
                    QemuMode.SINGLE, 2, 1 << 20, Duration.ofMillis(1), Duration.ofMillis(1), Duration.ofMillis(5));
            Failure failure = assertThrows(Failure.class, () -> slow.run(source, target, s -> {}));
            assertTrue(failure.getMessage().contains("not over after"), failure.getMessage());
            source.type((byte) 'v');
            assertTrue(awaitText(source, "VERIFIED ").contains("errors=0"));
        }
    }

    private static String status(QemuProcess qemu) {
        return qemu.qmp().execute("query-status", Map.of()).path("status").asText();
    }

    private static String event(QemuProcess qemu, String name) {
        JsonNode event =
                qemu.qmp().awaitEvent(name, e -> e.path("event").asText().equals(name), PATIENCE);
        return event.path("event").asText();
    }

    /** The rest of the first line that begins so. */
    private static String awaitText(QemuProcess qemu, String wanted) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        StringBuilder text = new StringBuilder();
        while (System.nanoTime() < deadline) {
            text.append(qemu.serial(Duration.ofMillis(100)));
            int at = text.indexOf(wanted);
            if (at >= 0 && text.indexOf("\n", at) > 0) {
                return text.substring(at, text.indexOf("\n", at));
            }
        }
        throw new AssertionError("no " + wanted + " in: " + text);
    }
}
