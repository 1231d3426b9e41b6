#include "pace.h"
#include "clock.h"

#define FIRST_WIDTH_US 2000

void pace_start(struct pace *p, u64 clock)
{
	memset(p, 0, sizeof *p);
	p->width = us_to_cycles(FIRST_WIDTH_US);
	p->start = clock;
	p->bin_end = clock + p->width;
}

void pace_fold(struct pace *p)
{
	for (u32 i = 0; i < PACE_BINS / 2; i++)
		p->work[i] = p->work[2 * i] + p->work[2 * i + 1];
	memset(&p->work[PACE_BINS / 2], 0, sizeof p->work / 2);
	p->width *= 2;
}

void pace_advance(struct pace *p, u64 clock)
{
	while ((clock - p->start) / p->width >= PACE_BINS)
		pace_fold(p);
	p->bin = (u32)((clock - p->start) / p->width);
	p->bin_end = p->start + (p->bin + 1) * p->width;
}
