/* Which page of its working set a worker accesses next, and whether it only reads it; parameters are in README.md. */
#pragma once
#include "types.h"

struct pattern {
	u64 pages;          /* in the working set, below 2^32 */
	u64 next, random;   /* where it is */
	u64 turns;          /* accesses so far */
	u64 log2_pages;     /* zipf: of pages + 1, 32 bits behind the point */
	u64 blocks, stride; /* zipf: how ranks are scattered over the pages */
};

struct access {
	u64 index; /* 0 .. pages - 1 */
	bool read_only;
};

/* Reads the command line; first of all. */
void patterns_init(void);
/* The same seed gives the same accesses. */
void pattern_start(struct pattern *p, u64 pages, u64 seed);
struct access pattern_next(struct pattern *p);
