#include "gaps.h"
#include "clock.h"
#include "serial.h"

#define FINE_FROM_US 10

void gaps_add(struct gaps *to, const struct gaps *from)
{
	for (u32 i = 0; i < GAP_BUCKETS; i++)
		to->count[i] += from->count[i];
	to->backwards += from->backwards;
	if (from->max > to->max) {
		to->max = from->max;
		to->max_at = from->max_at;
	}
}

u64 gaps_percentile(const struct gaps *g, u64 ppm)
{
	u64 total = 0, sum = 0;
	for (u32 i = 0; i < GAP_BUCKETS; i++)
		total += g->count[i];
	u64 wanted = total / 1000000 * ppm + (total % 1000000 * ppm + 999999) / 1000000;
	for (u32 i = 0; i + 1 < GAP_BUCKETS && total; i++) {
		sum += g->count[i];
		if (sum >= wanted) {
			u64 highest = gap_lowest(i + 1) - 1;
			return highest < g->max ? highest : g->max;
		}
	}
	return g->max;
}

void gaps_print(const struct gaps *g)
{
	u32 fine_from = gap_bucket(us_to_cycles(FINE_FROM_US));
	const char *separator = "";
	for (u32 i = 0; i < GAP_BUCKETS;) {
		u32 first = i;
		u64 count = g->count[i++];
		while (i < fine_from && i & (GAP_SUB_BUCKETS - 1))
			count += g->count[i++];
		if (count) {
			print("%s%lu:%lu", separator, cycles_to_ns(gap_lowest(first)), count);
			separator = ",";
		}
	}
	if (!*separator)
		print("-");
}
