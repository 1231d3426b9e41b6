package dev.godwit.perf.scenario;

import dev.godwit.perf.report.Figures;
import dev.godwit.perf.report.HtmlPage;
import dev.godwit.perf.report.Markup;
import dev.godwit.perf.report.PercentilePlot;
import dev.godwit.perf.report.TimelinePlot;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A comparison as one page of HTML. */
final class PeerHtml {
    private static final double MEGA = 1e6;

    private PeerHtml() {}

    static String page(PeerResult result) {
        String title = "Godwit and QEMU, side by side";
        Markup body = new Markup().element("h1", title).open("dl");
        term(body, "Date", result.date());
        term(body, "Host", result.host());
        term(body, "Command", result.command());
        body.close("dl").element("p", "Medians, and the spread in brackets. " + PeerText.HOW, "class", "note");
        result.contests().forEach(contest -> contest(body, contest));
        return HtmlPage.of(title, body);
    }

    private static void term(Markup body, String name, String text) {
        body.element("dt", name).open("dd").element("code", text).close("dd");
    }

    private static void contest(Markup body, PeerResult.Contest contest) {
        body.element("h2", contest.title(), "id", contest.key());
        body.open("p", "class", "note").text("Guest command line: ").element("code", contest.commandLine());
        body.close("p");
        table(body, contest);
        contest.entries()
                .forEach(e -> e.errors()
                        .forEach(error -> body.element("p", "failed, " + e.name() + ": " + error, "class", "loss")));
        body.element("h3", "Gaps that the guest saw in its own loop, all runs");
        body.open("figure").add(PercentilePlot.draw(gaps(contest)));
        legend(body, contest).close("figure");
        body.element("h3", "Each migration");
        timelines(body, contest);
    }

    private static void table(Markup body, PeerResult.Contest contest) {
        List<PeerResult.Entry> judged =
                contest.entries().stream().filter(PeerResult.Entry::own).toList();
        body.open("div", "class", "wide").open("table").open("thead").open("tr").element("th", "measure");
        body.element("th", "unit");
        contest.entries().forEach(e -> body.element("th", e.name(), "title", e.version()));
        judged.forEach(e -> body.element("th", e.name() + " is"));
        body.close("tr").close("thead").open("tbody");
        body.open("tr").element("td", "version").element("td", "");
        contest.entries().forEach(e -> body.element("td", e.version()));
        judged.forEach(e -> body.element("td", ""));
        body.close("tr").open("tr").element("td", "failures").element("td", "");
        contest.entries()
                .forEach(e -> body.element(
                        "td", e.failures() + " of " + e.trials().size(), "class", e.failures() > 0 ? "loss" : ""));
        judged.forEach(e -> body.element("td", ""));
        body.close("tr");
        for (Measure measure : Measure.values()) {
            if (contest.entries().stream().anyMatch(e -> e.of(measure).isPresent())) {
                row(body, contest, judged, measure);
            }
        }
        body.close("tbody").close("table").close("div");
    }

    private static void row(Markup body, PeerResult.Contest contest, List<PeerResult.Entry> judged, Measure measure) {
        body.open("tr").element("td", measure.label()).element("td", measure.unit());
        contest.entries().forEach(e -> body.element("td", PeerText.cell(e, measure)));
        for (PeerResult.Entry own : judged) {
            Optional<Verdict> verdict = Verdict.of(contest, own, measure);
            body.element(
                    "td",
                    verdict.map(Verdict::text).orElse(""),
                    "class",
                    verdict.map(v -> switch (v.result()) {
                                case WIN -> "verdict win";
                                case LOSS -> "verdict loss";
                                case SAME -> "verdict";
                            })
                            .orElse(""));
        }
        body.close("tr");
    }

    private static List<PercentilePlot.Series> gaps(PeerResult.Contest contest) {
        return contest.entries().stream()
                .map(e -> new PercentilePlot.Series(
                        e.name(), GuestGaps.of(e.trials()).percentiles()))
                .toList();
    }

    private static Markup legend(Markup body, PeerResult.Contest contest) {
        body.open("figcaption");
        for (int i = 0; i < contest.entries().size(); i++) {
            body.open("svg", "viewBox", "0 0 24 8", "style", "display:inline;width:24px;height:8px")
                    .empty("line", "class", HtmlPage.colour(i), "x1", 1, "x2", 23, "y1", 4, "y2", 4)
                    .close("svg")
                    .text(" " + contest.entries().get(i).name() + "   ");
        }
        return body.close("figcaption");
    }

    private static void timelines(Markup body, PeerResult.Contest contest) {
        body.element(
                "p",
                "Milliseconds to the right, MB/s upwards: solid what was sent, dashed what the guest dirtied as the"
                        + " migrating side measures it; dotted marks begin a round, bands are phases.",
                "class",
                "note");
        List<PeerResult.Entry> entries = contest.entries();
        double millis = 1;
        double rate = 1;
        for (PeerResult.Entry entry : entries) {
            for (Trial trial : entry.trials()) {
                for (TimelinePlot.Point p : points(trial)) {
                    millis = Math.max(millis, p.millis());
                    rate = Math.max(rate, p.first());
                }
            }
        }
        body.open("div", "class", "grid");
        int most = entries.stream().mapToInt(e -> e.trials().size()).max().orElse(0);
        for (int run = 0; run < most; run++) {
            for (int i = 0; i < entries.size(); i++) {
                PeerResult.Entry entry = entries.get(i);
                if (run < entry.trials().size()) {
                    timeline(body, entry, run, millis, rate, HtmlPage.colour(i));
                }
            }
        }
        body.close("div");
    }

    private static void timeline(
            Markup body, PeerResult.Entry entry, int run, double millis, double rate, String colour) {
        Trial trial = entry.trials().get(run);
        String name = entry.name() + ", run " + (run + 1);
        body.open("figure");
        if (trial.error() == null) {
            body.add(TimelinePlot.draw(name, points(trial), millis, rate, colour));
            body.element(
                    "figcaption",
                    name + ": " + Figures.of(trial.figures().get(Measure.TOTAL.key())) + " ms, guest saw "
                            + Figures.of(trial.figures().get(Measure.GUEST_GAP.key())) + " ms");
        } else {
            body.element("figcaption", name + ": failed", "class", "loss");
        }
        body.close("figure");
    }

    static List<TimelinePlot.Point> points(Trial trial) {
        List<TimelinePlot.Point> points = new ArrayList<>();
        Trial.Sample before = new Trial.Sample(0, "", 0, 0, 0);
        for (Trial.Sample sample : trial.timeline()) {
            long micros = sample.micros() - before.micros();
            if (micros > 0) {
                points.add(new TimelinePlot.Point(
                        sample.micros() / 1e3,
                        sample.phase(),
                        sample.round(),
                        Math.max(0, sample.sentBytes() - before.sentBytes()) / (double) micros,
                        sample.dirtyBytesPerSecond() / MEGA));
                before = sample;
            }
        }
        return points;
    }
}
