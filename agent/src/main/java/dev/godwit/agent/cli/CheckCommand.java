package dev.godwit.agent.cli;

import dev.godwit.agent.api.Json;
import dev.godwit.agent.check.CheckReport;
import dev.godwit.agent.check.CheckReport.Capability;
import dev.godwit.agent.check.CheckReport.Problem;
import dev.godwit.agent.check.HostCheck;
import dev.godwit.agent.config.Sizes;
import java.io.PrintStream;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "check",
        description = "Says what this host can do, what is missing and how to get it. Changes nothing.",
        sortOptions = false,
        footer = {
            "",
            "Example:",
            "  godwit check --json",
            "",
            "Exit status: 0 guests can run here, 3 they cannot, 2 bad usage."
        })
final class CheckCommand implements Callable<Integer> {
    @ParentCommand
    private Godwit godwit;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Override
    public Integer call() {
        CheckReport report = HostCheck.run();
        PrintStream out = godwit.console().out();
        if (json) {
            out.println(Json.pretty(report));
        } else {
            print(report, out);
        }
        return report.capable() ? ExitCode.OK : ExitCode.NOT_CAPABLE;
    }

    private static void print(CheckReport r, PrintStream out) {
        line(out, "kernel", r.kernel());
        line(
                out,
                "CPU",
                r.cpu().count() + " × " + r.cpu().model() + ", " + r.cpu().nodes()
                        + (r.cpu().nodes() == 1 ? " NUMA node" : " NUMA nodes"));
        line(
                out,
                "memory",
                Sizes.human(r.memory().total()) + ", " + Sizes.human(r.memory().available()) + " available");
        line(
                out,
                "KVM",
                r.kvm().error() != null
                        ? "no"
                        : "yes, "
                                + (r.kvm().module() == null
                                        ? "built in"
                                        : r.kvm().module()));
        for (Capability c : r.kvm().capabilities()) {
            line(
                    out,
                    "  " + c.name(),
                    (c.value() == 0 ? "no" : c.value() == 1 ? "yes" : "yes (" + c.value() + ")") + "  " + c.use());
        }
        line(
                out,
                "large pages",
                "transparent: " + text(r.largePages().thp()) + ", defrag: "
                        + text(r.largePages().thpDefrag()) + "; reserved: "
                        + size(r.largePages().hugetlbTotal()) + ", free "
                        + size(r.largePages().hugetlbFree()));
        line(
                out,
                "userfaultfd",
                r.userfaultfd().usable()
                        ? "yes, features 0x" + Long.toHexString(r.userfaultfd().features())
                        : "no");
        line(out, "access tracking", tracking(r.accessTracking()));
        line(
                out,
                "limits",
                "open files " + limit(r.limits().openFiles()) + ", locked memory "
                        + (r.limits().lockedMemory() < 0
                                ? "unlimited"
                                : Sizes.human(r.limits().lockedMemory()))
                        + ", urgent threads " + (r.limits().urgentThreads() ? "yes" : "no"));
        line(
                out,
                "vm.*",
                r.vm().entrySet().stream()
                        .map(e -> e.getKey() + "=" + e.getValue())
                        .collect(Collectors.joining(" ")));
        out.println();
        out.println(r.capable() ? "Guests can run here." : "Guests cannot run here.");
        for (Problem p : r.problems()) {
            out.println((p.fatal() ? "MISSING  " : "advice   ") + p.what());
            out.println("         " + p.help());
        }
    }

    private static void line(PrintStream out, String what, String value) {
        out.printf("%-27s %s%n", what, value);
    }

    private static String text(String value) {
        return value == null ? "unknown" : value;
    }

    private static String size(Long bytes) {
        return bytes == null ? "unknown" : Sizes.human(bytes);
    }

    private static String limit(long value) {
        return value < 0 ? "unlimited" : Long.toString(value);
    }

    /** In the order in which they are tried; the first that the host offers is taken. */
    private static String tracking(List<CheckReport.AccessTracking> ways) {
        Optional<CheckReport.AccessTracking> taken =
                ways.stream().filter(CheckReport.AccessTracking::usable).findFirst();
        return ways.stream()
                .map(way -> way.mechanism()
                        + (way.usable() ? ": yes" : ": no, " + way.error())
                        + (Optional.of(way).equals(taken) ? ", taken" : ""))
                .collect(Collectors.joining("; "));
    }
}
