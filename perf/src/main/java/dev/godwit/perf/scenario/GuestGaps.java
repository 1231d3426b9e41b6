package dev.godwit.perf.scenario;

import dev.godwit.images.DirtierReport;
import dev.godwit.perf.report.PercentilePlot;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.HdrHistogram.Histogram;

/** All gaps that guests saw in several migrations, by the least value of their bucket. */
final class GuestGaps {
    private final TreeMap<Long, Long> countByNanos = new TreeMap<>();
    private long total;

    static GuestGaps of(List<Trial> trials) {
        GuestGaps all = new GuestGaps();
        trials.stream().filter(t -> t.guest() != null).forEach(t -> all.add(t.guest()));
        return all;
    }

    private void add(DirtierReport report) {
        for (DirtierReport.Bucket bucket : report.gaps()) {
            countByNanos.merge(bucket.lowestNanos(), bucket.count(), Long::sum);
            total += bucket.count();
        }
    }

    /** A point for each bucket: that share of all gaps is in it or below. */
    List<PercentilePlot.Point> percentiles() {
        List<PercentilePlot.Point> points = new ArrayList<>();
        long seen = 0;
        for (Map.Entry<Long, Long> bucket : countByNanos.entrySet()) {
            seen += bucket.getValue();
            points.add(new PercentilePlot.Point((double) seen / total, bucket.getKey() / 1e3, total));
        }
        return points;
    }

    /** In microseconds. */
    Histogram histogram(String tag) {
        Histogram histogram = new Histogram(3);
        histogram.setTag(tag);
        countByNanos.forEach((nanos, count) -> histogram.recordValueWithCount(nanos / 1000, count));
        return histogram;
    }
}
