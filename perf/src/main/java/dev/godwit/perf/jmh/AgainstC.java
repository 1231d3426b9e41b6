package dev.godwit.perf.jmh;

import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.PageSize;
import dev.godwit.perf.peer.CProgram;
import dev.godwit.perf.peer.Workshop;
import dev.godwit.perf.report.Comparison;
import dev.godwit.perf.report.Turns;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** The comparisons with C: each builds its C program, and measures the two in turns. */
public final class AgainstC implements AutoCloseable {
    /** An exit's round trip may cost this much of C's. */
    public static final double EXIT_TARGET = 1.10;

    private static final int EXITS = 2000;
    private static final int WARMUP_EXITS = 200;
    private static final int IOCTLS = 1_000_000;
    private static final int SCANS = 2;
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final String NANOS = "ns";

    private final Workshop workshop = new Workshop();
    private final Kvm kvm = Kvm.open();
    private final Arena arena = Arena.ofShared();
    private final int warmups;
    private final int rounds;

    /**
     * Opens KVM.
     *
     * @param warmups pairs that do not count
     * @param rounds pairs that do
     */
    public AgainstC(int warmups, int rounds) {
        this.warmups = warmups;
        this.rounds = rounds;
    }

    /** One comparison. */
    private record Entry(String name, Maker maker) {}

    private interface Maker {
        Comparison compare(String name) throws Exception;
    }

    private final List<Entry> entries = List.of(
            new Entry("exit: machine", name -> exits(name, this::machineExits, "Machine")),
            new Entry("exit: loop", name -> exits(name, this::loopExits, "Vcpu.run")),
            new Entry("ioctl", this::ioctl),
            new Entry("zero scan, 4 KiB", this::zeroScan));

    /** Makes the comparisons whose name matches. */
    public List<Comparison> run(Pattern what) throws Exception {
        List<Comparison> results = new ArrayList<>();
        for (Entry entry : entries) {
            if (what.matcher(entry.name).find()) {
                results.add(entry.maker.compare(entry.name));
            }
        }
        return results;
    }

    private interface Exits {
        long cycles(PvhImage image) throws Exception;
    }

    private Comparison exits(String title, Exits ours, String name) throws Exception {
        Path file = workshop.exitGuest(WARMUP_EXITS, EXITS);
        PvhImage image = PvhImage.open(file, arena);
        double khz = tscKhz(image);
        try (CProgram c = new CProgram(workshop.program("exits"), file, ExitLoop.MEMORY)) {
            return Turns.compare(
                    title,
                    NANOS,
                    name,
                    () -> ours.cycles(image) * 1e6 / khz / EXITS,
                    "C",
                    () -> c.ask(1)[0] * 1e6 / khz / EXITS,
                    warmups,
                    rounds,
                    EXIT_TARGET);
        }
    }

    private double tscKhz(PvhImage image) {
        try (ExitLoop loop = new ExitLoop(kvm, image)) {
            return loop.tscKhz();
        }
    }

    private long loopExits(PvhImage image) {
        try (ExitLoop loop = new ExitLoop(kvm, image)) {
            return loop.runToEnd();
        }
    }

    private long machineExits(PvhImage image) throws InterruptedException {
        try (Machine machine = Machine.boot(kvm, MachineConfig.of(ExitLoop.MEMORY), image)) {
            machine.resume();
            if (machine.awaitStop(PATIENCE).isEmpty()) {
                throw new IllegalStateException("the guest that counts exits does not end");
            }
            byte[] sent = machine.serialLog().read(0, Long.BYTES).bytes();
            return ByteBuffer.wrap(sent).order(ByteOrder.LITTLE_ENDIAN).getLong();
        }
    }

    private Comparison ioctl(String title) throws Exception {
        IoctlCall ours = new IoctlCall();
        ours.open();
        try (CProgram c = new CProgram(workshop.program("ioctl"))) {
            return Turns.compare(
                    title,
                    NANOS,
                    "FFM",
                    () -> (double) ours.nanosOf(IOCTLS) / IOCTLS,
                    "C",
                    () -> (double) c.ask(IOCTLS)[0] / IOCTLS,
                    warmups,
                    rounds,
                    null);
        } finally {
            ours.close();
        }
    }

    private Comparison zeroScan(String title) throws Exception {
        ZeroPages ours = new ZeroPages();
        ours.content = ZeroPages.Content.ZERO;
        ours.fill();
        double pages = (double) SCANS * (ZeroPages.BYTES >>> PageSize.SMALL_SHIFT);
        try (CProgram c = new CProgram(workshop.program("scan"), ZeroPages.BYTES)) {
            return Turns.compare(
                    title,
                    NANOS,
                    "ZeroScan",
                    () -> {
                        long from = System.nanoTime();
                        long zeros = 0;
                        for (int i = 0; i < SCANS; i++) {
                            zeros += ours.scan();
                        }
                        double nanos = System.nanoTime() - from;
                        if (zeros != pages) {
                            throw new IllegalStateException(zeros + " zero pages of " + pages);
                        }
                        return nanos / pages;
                    },
                    "C read",
                    () -> c.ask(SCANS)[0] / pages,
                    warmups,
                    rounds,
                    null);
        } finally {
            ours.free();
        }
    }

    @Override
    public void close() {
        arena.close();
        kvm.close();
        workshop.close();
    }
}
