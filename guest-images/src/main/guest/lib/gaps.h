/*
 * Histogram of the time between two looks at the clock, in cycles: log-linear, 32 buckets for each
 * power of two (3 % wide). One processor records; others may read while it does.
 */
#pragma once
#include "types.h"

#define GAP_SUB_BITS 5
#define GAP_SUB_BUCKETS (1u << GAP_SUB_BITS)
#define GAP_BUCKETS ((64 - GAP_SUB_BITS + 1) * GAP_SUB_BUCKETS)

struct gaps {
	u64 max;
	u64 max_at;    /* clock of its recorder when the longest gap ended */
	u64 backwards; /* times the counter ran backwards: never counted as a gap */
	u64 count[GAP_BUCKETS];
};

static inline u32 gap_bucket(u64 cycles)
{
	if (cycles < GAP_SUB_BUCKETS)
		return (u32)cycles;
	u32 shift = 63 - (u32)__builtin_clzll(cycles) - GAP_SUB_BITS;
	return (shift + 1) * GAP_SUB_BUCKETS + (u32)(cycles >> shift) - GAP_SUB_BUCKETS;
}

static inline u64 gap_lowest(u32 bucket)
{
	u32 row = bucket >> GAP_SUB_BITS;
	u64 sub = bucket & (GAP_SUB_BUCKETS - 1);
	return row ? (GAP_SUB_BUCKETS + sub) << (row - 1) : sub;
}

static inline void gap_record(struct gaps *g, u64 cycles, u64 at)
{
	g->count[gap_bucket(cycles)]++;
	if (cycles > g->max) {
		g->max = cycles;
		g->max_at = at;
	}
}

void gaps_add(struct gaps *to, const struct gaps *from);
/* Highest value of the bucket that holds this share (parts per million) of all gaps, at most the longest. */
u64 gaps_percentile(const struct gaps *g, u64 ppm);
/* Prints lower_ns:count pairs: each bucket from 10 us on, powers of two below; "-" if there are none. */
void gaps_print(const struct gaps *g);
