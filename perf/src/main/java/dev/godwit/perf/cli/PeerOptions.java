package dev.godwit.perf.cli;

import dev.godwit.agent.check.KernelFiles;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Failure;
import dev.godwit.host.memory.PageSize;
import dev.godwit.perf.peer.Qemu;
import dev.godwit.perf.peer.QemuMode;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.PeerScenario;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import picocli.CommandLine.Option;

/** What {@code bench migrate} understands for a run side by side with QEMU. */
final class PeerOptions {
    static final int RUNS = 5;
    static final int WARMUPS = 1;
    private static final String ALL = "all";
    private static final String UNLIMITED = "unlimited";
    private static final List<String> RATES = List.of(UNLIMITED, "1250", "125");
    private static final List<String> GODWIT_MODES = List.of("precopy", "auto");
    private static final List<QemuMode> QEMU_MODES = List.of(QemuMode.SINGLE, QemuMode.MULTIFD, QemuMode.POSTCOPY);
    private static final long MEGA = 1_000_000;
    private static final long MOST_RATE = 1_000_000;
    private static final int MOST_CHANNELS = 255;

    @Option(
            names = "--peer",
            paramLabel = "WHO",
            description = "Migrate the same guests in turns on Godwit and on WHO: qemu, or none for Godwit's modes"
                    + " alone.")
    private String peer;

    @Option(
            names = "--rate",
            paramLabel = "LIST",
            description = "With --peer: bandwidth limits in MB/s, or unlimited, or all (unlimited,1250,125). Default:"
                    + " unlimited.")
    private String rate;

    @Option(
            names = "--mode",
            paramLabel = "LIST",
            description =
                    "With --peer: Godwit's modes: precopy, postcopy, hybrid, auto, or all. Default: precopy,auto.")
    private String mode;

    @Option(
            names = "--ready-memory",
            paramLabel = "SIZE",
            description = "With --peer: memory that is ready for guests that arrive at Godwit's target (godwit agent"
                    + " --ready-memory); QEMU's target has all of its guest's preallocated then. Default: 0, neither.")
    private String readyMemory;

    @Option(
            names = "--large-pages",
            paramLabel = "KIND",
            description = "With --peer: what backs guest RAM, thp or hugetlb, which the host must have reserved for"
                    + " source and target (sysctl vm.nr_hugepages). Default: thp.")
    private String largePages;

    @Option(
            names = "--qemu",
            paramLabel = "PATH",
            description = "The QEMU to compare with. Default: " + Qemu.DEFAULT_PROGRAM + " on the PATH.")
    private String program;

    @Option(
            names = "--qemu-mode",
            paramLabel = "LIST",
            description = "QEMU's modes: single, multifd, postcopy (after a first round), postcopy-at-once, or all."
                    + " Default: the first three.")
    private String qemuMode;

    @Option(names = "--channels", paramLabel = "N", description = "Channels of QEMU's multifd. Default: 4.")
    private Integer channels;

    @Option(
            names = "--max-time",
            paramLabel = "TIME",
            description = "With --peer: a migration that takes longer is given up and counts as failed. Default: 60s.")
    private String maxTime;

    @Option(
            names = "--quick",
            description =
                    "With --peer: a first look. Guests idle and steady of 256 MiB, one run, no warm-up, unless told"
                            + " otherwise.")
    private boolean quick;

    @Option(
            names = "--cold",
            description = "With --peer: do not touch free memory of this host before, but wait until it is cold.")
    private boolean cold;

    /** What there is of the options of the whole command; null is the default. */
    record Common(
            String guests, Long memoryBytes, int cpus, int streams, Duration downtime, Integer warmups, Integer runs) {}

    /** Whether a run side by side is asked for; options that say nothing without are refused. */
    boolean isAsked() {
        if (peer != null) {
            return true;
        }
        Map<String, Object> given = new LinkedHashMap<>();
        given.put("--quick", quick ? quick : null);
        given.put("--cold", cold ? cold : null);
        given.put("--rate", rate);
        given.put("--mode", mode);
        given.put("--qemu", program);
        given.put("--qemu-mode", qemuMode);
        given.put("--channels", channels);
        given.put("--max-time", maxTime);
        given.put("--ready-memory", readyMemory);
        given.put("--large-pages", largePages);
        given.forEach((option, value) -> {
            if (value != null) {
                throw Failure.badInput(option + " needs --peer qemu or --peer none");
            }
        });
        return false;
    }

    /** What is to be run; looks for QEMU. */
    PeerScenario scenario(Common common, String command) {
        if (!List.of("qemu", "none").contains(peer)) {
            throw Failure.badInput("--peer: " + peer + " is neither qemu nor none");
        }
        boolean withQemu = peer.equals("qemu");
        int multifd = channels == null ? 4 : channels;
        BenchOptions.range("--channels", multifd, 2, MOST_CHANNELS);
        long memory = common.memoryBytes != null ? common.memoryBytes : quick ? 256L << 20 : 1L << 30;
        if (memory % (1 << 20) != 0 || memory == 0) {
            throw Failure.badInput("--memory: with --peer whole MiB are right, not " + memory + " bytes");
        }
        List<GuestKind> guests = GuestKinds.parse(common.guests != null ? common.guests : "idle,steady", memory);
        List<Long> rates = list("--rate", rate == null ? UNLIMITED : rate, RATES, Function.identity()).stream()
                .map(PeerOptions::rate)
                .toList();
        List<String> modes = choices("--mode", mode, PeerScenario.GODWIT_MODES, GODWIT_MODES);
        List<String> peers = choices(
                "--qemu-mode",
                qemuMode,
                Arrays.stream(QemuMode.values()).map(QemuMode::text).toList(),
                QEMU_MODES.stream().map(QemuMode::text).toList());
        long ready = readyMemory == null ? 0 : BenchOptions.readyBytes(readyMemory);
        boolean reserved = isReserved(memory);
        Duration limit = Durations.parse("--max-time", maxTime == null ? "60s" : maxTime);
        return new PeerScenario(
                guests,
                rates,
                memory,
                common.cpus,
                common.downtime,
                limit,
                modes,
                common.streams,
                withQemu ? Qemu.find(program == null ? Qemu.DEFAULT_PROGRAM : program) : null,
                peers.stream().map(PeerOptions::qemuMode).toList(),
                multifd,
                common.warmups != null ? common.warmups : quick ? 0 : WARMUPS,
                common.runs != null ? common.runs : quick ? 1 : RUNS,
                cold,
                ready,
                reserved,
                command);
    }

    /** Of reserved large pages there must be enough before a first turn fails for want of them. */
    private boolean isReserved(long memory) {
        if (largePages != null && !List.of("thp", "hugetlb").contains(largePages)) {
            throw Failure.badInput("--large-pages: " + largePages + " is neither thp nor hugetlb");
        }
        if (!"hugetlb".equals(largePages)) {
            return false;
        }
        if (readyMemory != null) {
            throw Failure.badInput("--ready-memory is of ordinary memory: nothing of it is for --large-pages hugetlb");
        }
        if (memory % PageSize.LARGE != 0) {
            throw Failure.badInput(
                    "--memory: reserved large pages make whole multiples of 2 MiB, not " + memory + " bytes");
        }
        String pool = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
        long free = KernelFiles.number(pool + "free_hugepages").orElse(0L)
                - KernelFiles.number(pool + "resv_hugepages").orElse(0L);
        long needed = 2 * memory / PageSize.LARGE;
        if (free < needed) {
            throw new Failure(
                    Failure.Kind.NOT_CAPABLE,
                    "--large-pages hugetlb: source and target need " + needed + " reserved large pages, and " + free
                            + " are free; reserve them with: sysctl vm.nr_hugepages=N");
        }
        return true;
    }

    private static QemuMode qemuMode(String text) {
        return Arrays.stream(QemuMode.values())
                .filter(m -> m.text().equals(text))
                .findFirst()
                .orElseThrow();
    }

    private static long rate(String text) {
        if (text.equals(UNLIMITED)) {
            return 0;
        }
        try {
            long rate = Long.parseLong(text);
            BenchOptions.range("--rate", rate, 1, MOST_RATE);
            return rate * MEGA;
        } catch (NumberFormatException e) {
            throw Failure.badInput("--rate: " + text + " is neither a whole number of MB/s nor unlimited");
        }
    }

    private static List<String> choices(String option, String given, List<String> known, List<String> otherwise) {
        return given == null
                ? otherwise
                : list(option, given, known, text -> {
                    if (!known.contains(text)) {
                        throw Failure.badInput(
                                option + ": " + text + " is none of " + String.join(", ", known) + ", all");
                    }
                    return text;
                });
    }

    /** Words between commas, each once; or all that are known. */
    static <T> List<T> list(String option, String given, List<T> known, Function<String, T> parse) {
        if (given.equals(ALL)) {
            return known;
        }
        List<T> values =
                Arrays.stream(given.split(",", -1)).map(parse).distinct().toList();
        if (values.isEmpty() || Arrays.asList(given.split(",", -1)).contains("")) {
            throw Failure.badInput(
                    option + ": words between commas are right, not " + (given.isEmpty() ? "nothing" : given));
        }
        return values;
    }

    /** How to do it again, elsewhere too: where the files went is left out, and of QEMU's path all but its name. */
    static String portable(List<String> arguments) {
        List<String> kept = new ArrayList<>(List.of("godwit"));
        for (Iterator<String> all = arguments.iterator(); all.hasNext(); ) {
            String argument = all.next();
            String option = argument.split("=", 2)[0];
            if (!option.equals("--out") && !option.equals("--qemu")) {
                kept.add(argument);
                continue;
            }
            String value = !argument.equals(option)
                    ? argument.substring(option.length() + 1)
                    : all.hasNext() ? all.next() : "";
            if (option.equals("--qemu")) {
                kept.add(option);
                kept.add(value.substring(value.lastIndexOf('/') + 1));
            }
        }
        return String.join(" ", kept);
    }
}
