/*
 * The loop of the measuring guests. Each processor runs one worker: a unit of work, a look at the clock,
 * and so on. Worker 0 also answers single bytes on the serial port (see README.md).
 */
#pragma once
#include "gaps.h"
#include "pace.h"
#include "pages.h"
#include "types.h"

/* A run of free-page indexes (see memory.h). */
struct slice {
	u64 first, count;
};

struct worker {
	u32 index;
	u64 last_tsc;
	u64 clock;        /* cycles this worker saw pass, whatever jumps the counter made */
	u64 window_start; /* clock when the histogram was last zeroed */
	volatile u32 answered;
	volatile u64 verified;
	volatile bool filled, done;
	u64 writes, checked, sweeps, swept;
	struct gaps gaps;
	struct pace pace; /* turns of its loop in which there was work */
} __attribute__((aligned(4096)));

struct guest {
	/* Decides which free pages are for what; first of all. */
	void (*layout)(void);
	/* Before READY, in parallel. */
	void (*fill)(struct worker *w);
	/* One unit of work; false when none was due. Null: the guest idles and writes no memory. */
	bool (*step)(struct worker *w);
	/* Checks all that this worker owns and returns how many pages. */
	u64 (*verify)(struct worker *w);
	/* Prints the guest's own fields of the READY line. */
	void (*describe)(void);
	/* Forgets what it counted itself. May be null. */
	void (*forget)(struct worker *w);
	/* Prints how often each page was accessed; the other workers wait meanwhile. May be null. */
	void (*print_accesses)(void);
};

extern u32 worker_count;

/* Lays out, fills, prints READY, works for seconds= or for ever; never returns. */
_Noreturn void run_guest(const struct guest *guest, u32 cpus);

/* Looks at the clock and records the gap. Called at least once per page of any work. */
void tick(struct worker *w);

/* Part of `whole` that this worker owns. */
struct slice share_of(struct slice whole, u32 index);

/* Reports a wrong page, ends the guest with code 3. */
_Noreturn void fail_page(struct worker *w, const char *kind, u64 page, u32 generation, const struct mismatch *m);
