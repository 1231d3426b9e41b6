#include "report.h"
#include "clock.h"
#include "packed.h"
#include "serial.h"

/* Merged before the first byte goes out, since printing records gaps itself. */
static struct gaps merged;
static u64 longest[64];

static void print_percentile(const char *name, u64 ppm)
{
	print(" %s=%lu", name, cycles_to_ns(gaps_percentile(&merged, ppm)));
}

void print_report(const struct worker *workers, u32 count, u32 errors)
{
	u64 writes = 0, checked = 0, swept = 0, sweeps = ~0ull;
	memset(&merged, 0, sizeof merged);
	for (u32 i = 0; i < count; i++) {
		const struct worker *w = &workers[i];
		writes += w->writes;
		checked += w->checked;
		swept += w->swept;
		sweeps = w->sweeps < sweeps ? w->sweeps : sweeps;
		longest[i] = w->gaps.max;
		gaps_add(&merged, &w->gaps);
	}
	u64 elapsed = workers[0].clock - workers[0].window_start;
	print("REPORT vcpus=%u tsc_khz=%lu tsc_source=%s elapsed_us=%lu writes=%lu checked=%lu swept=%lu sweeps=%lu errors=%u",
	      count, tsc_khz, tsc_source, cycles_to_us(elapsed), writes, checked, swept, sweeps, errors);
	print(" backwards=%lu max_gap_us=%lu max_gap_at_us=%lu", merged.backwards, cycles_to_us(merged.max),
	      cycles_to_us(merged.max_at));
	print_percentile("p50_ns", 500000);
	print_percentile("p90_ns", 900000);
	print_percentile("p99_ns", 990000);
	print_percentile("p999_ns", 999000);
	print(" vcpu_max_gap_us=");
	for (u32 i = 0; i < count; i++)
		print("%s%lu", i ? "," : "", cycles_to_us(longest[i]));
	print(" gaps=");
	gaps_print(&merged);
	print("\n");
}

void print_pace(struct worker *workers, u32 count)
{
	/* All began in about the same moment, so their widths are the first times a power of two. */
	for (u32 i = 0; i < count; i++)
		pace_advance(&workers[i].pace, workers[i].clock);
	u64 width = 0;
	for (u32 i = 0; i < count; i++)
		width = workers[i].pace.width > width ? workers[i].pace.width : width;
	for (u32 i = 0; i < count; i++) {
		struct pace *p = &workers[i].pace;
		while (p->width < width)
			pace_fold(p);
		pace_advance(p, workers[i].clock);
	}
	/* The last bin is not over. */
	u32 bins = workers[0].pace.bin;
	print("PACE us=%lu bins=%u work=", cycles_to_us(width), bins);
	for (u32 bin = 0; bin < bins; bin++) {
		u64 work = 0;
		for (u32 i = 0; i < count; i++)
			work += workers[i].pace.work[bin];
		print_packed(work);
	}
	print("\n");
}
