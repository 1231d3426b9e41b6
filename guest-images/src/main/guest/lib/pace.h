/*
 * Work done over time: a fixed number of bins that become twice as wide when time runs beyond the last.
 * One processor counts; others read only while it is held.
 */
#pragma once
#include "types.h"

#define PACE_BINS 1024u

struct pace {
	u64 width; /* cycles a bin */
	u64 start, bin_end;
	u32 bin;
	u32 work[PACE_BINS];
};

void pace_start(struct pace *p, u64 clock);
/* Moves on to the bin of this time. */
void pace_advance(struct pace *p, u64 clock);

static inline void pace_count(struct pace *p, u64 clock)
{
	if (clock >= p->bin_end)
		pace_advance(p, clock);
	p->work[p->bin]++;
}

/* Makes bins of half the number and twice the width. */
void pace_fold(struct pace *p);
