/*
 * Rewrites a working set and checks every page before, sweeps cold memory, and measures the gaps in its
 * own loop. Parameters and output are in README.md.
 */
#include "lib/clock.h"
#include "lib/cmdline.h"
#include "lib/cpu.h"
#include "lib/memory.h"
#include "lib/serial.h"
#include "lib/smp.h"
#include "lib/worker.h"

/* A worker that fell behind its rate makes up for at most this much. */
#define CATCH_UP_US 10000

enum pattern { SEQUENTIAL, RANDOM, HOT_COLD };

/* What one worker owns and where it is. */
struct job {
	struct slice hot, cold; /* working set and cold memory */
	u64 next, random, probe;
	u64 write_at, write_every; /* clock and cycles; 0 = as fast as possible */
	u64 sweep_next, sweep_at, sweep_every;
	u64 writes_left;
} __attribute__((aligned(64)));

static struct job jobs[MAX_CPUS];
static struct slice working_set, cold_memory;
static u32 *generations; /* of the working set; in memory apart from it */
static enum pattern pattern;
static u64 rate, sweep_rate, write_limit;

static u32 *generation_of(u64 index) { return &generations[index - working_set.first]; }

static u64 size_option(const char *key, u64 otherwise, u64 all)
{
	return option_is(key, "all") ? all : (option_number(key, otherwise) + PAGE_SIZE - 1) / PAGE_SIZE;
}

static void layout(void)
{
	u64 available = free_pages();
	u64 entries = PAGE_SIZE / sizeof(u32);
	u64 pages = size_option("ws", 64ull << 20, (available - 1) * entries / (entries + 1));
	u64 table = (pages + entries - 1) / entries;
	generations = table ? (u32 *)take_pages(table) : 0;
	available = free_pages();
	u64 cold = size_option("cold", 0, available > pages ? available - pages : 0);
	if ((table && !generations) || pages > available || cold > available - pages || !(pages + cold)) {
		print("ERROR ws=%lu and cold=%lu pages do not fit the %lu free pages\n", pages, cold, available);
		guest_exit(2);
	}
	working_set = (struct slice){0, pages};
	cold_memory = (struct slice){pages, cold};
	page_seed = option_number("seed", 1);
	pattern = option_is("pattern", "random") ? RANDOM : option_is("pattern", "hotcold") ? HOT_COLD : SEQUENTIAL;
	rate = option_number("rate", 0);
	sweep_rate = option_number("sweep", 4096);
	write_limit = option_number("writes", 0);
}

static u64 interval(u64 per_second) { return per_second ? tsc_khz * 1000 * worker_count / per_second : 0; }

static void fill(struct worker *w)
{
	struct job *job = &jobs[w->index];
	job->hot = share_of(working_set, w->index);
	job->cold = share_of(cold_memory, w->index);
	job->random = (page_seed + w->index) * 0x9e3779b97f4a7c15ull | 1;
	job->write_every = interval(rate);
	job->sweep_every = interval(sweep_rate);
	job->writes_left = write_limit ? share_of((struct slice){0, write_limit}, w->index).count : ~0ull;
	for (u64 i = 0; i < job->hot.count; i++) {
		*generation_of(job->hot.first + i) = 1;
		page_fill(page_number_at(job->hot.first + i), 1);
	}
	for (u64 i = 0; i < job->cold.count; i++)
		page_fill(page_number_at(job->cold.first + i), 1);
}

/* Uniform in 0..n-1, n below 2^32. */
static u64 random_below(struct job *job, u64 n)
{
	u64 x = job->random;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	job->random = x;
	return (x >> 32) * n >> 32;
}

static u64 choose(struct job *job)
{
	u64 n = job->hot.count;
	switch (pattern) {
	case RANDOM:
		return random_below(job, n);
	case HOT_COLD: {
		u64 hot = n < 10 ? 1 : n / 10;
		if (n <= hot || random_below(job, 10))
			return random_below(job, hot);
		return hot + random_below(job, n - hot);
	}
	default:
		job->next = job->next + 1 < n ? job->next + 1 : 0;
		return job->next;
	}
}

static void rewrite(struct worker *w, struct job *job)
{
	u64 index = job->hot.first + choose(job);
	u64 page = page_number_at(index);
	u32 *generation = generation_of(index);
	struct mismatch m;
	job->probe = (job->probe + 37) % PAGE_WORDS;
	if (!page_check_quick(page, *generation, (u32)job->probe, &m))
		fail_page(w, "ws", page, *generation, &m);
	w->checked++;
	page_renew(page, ++*generation);
	w->writes++;
	if (--job->writes_left == 0)
		w->done = true;
}

static void sweep(struct worker *w, struct job *job)
{
	u64 page = page_number_at(job->cold.first + job->sweep_next);
	struct mismatch m;
	if (!page_check(page, 1, &m))
		fail_page(w, "cold", page, 1, &m);
	w->checked++;
	w->swept++;
	if (++job->sweep_next == job->cold.count) {
		job->sweep_next = 0;
		w->sweeps++;
	}
}

/* True when the deadline has come; moves it on. */
static bool is_due(u64 clock, u64 *at, u64 every)
{
	if (clock < *at)
		return false;
	u64 earliest = clock - us_to_cycles(CATCH_UP_US);
	*at = (clock - *at > us_to_cycles(CATCH_UP_US) ? earliest : *at) + every;
	return true;
}

static bool step(struct worker *w)
{
	struct job *job = &jobs[w->index];
	bool busy = false;
	if (job->hot.count && (!job->write_every || is_due(w->clock, &job->write_at, job->write_every))) {
		rewrite(w, job);
		busy = true;
	}
	if (job->cold.count && job->sweep_every && is_due(w->clock, &job->sweep_at, job->sweep_every)) {
		sweep(w, job);
		busy = true;
	}
	return busy;
}

static u64 verify(struct worker *w)
{
	struct job *job = &jobs[w->index];
	struct mismatch m;
	for (u64 i = 0; i < job->hot.count; i++) {
		u64 page = page_number_at(job->hot.first + i);
		u32 generation = *generation_of(job->hot.first + i);
		if (!page_check(page, generation, &m))
			fail_page(w, "ws", page, generation, &m);
		tick(w);
	}
	for (u64 i = 0; i < job->cold.count; i++) {
		u64 page = page_number_at(job->cold.first + i);
		if (!page_check(page, 1, &m))
			fail_page(w, "cold", page, 1, &m);
		tick(w);
	}
	return job->hot.count + job->cold.count;
}

/* Wrongs its own memory, to show that this guest notices: inject=stale|zero|torn|bit|cold. */
static void inject(void)
{
	u64 index = working_set.first + working_set.count / 2;
	u64 page = page_number_at(index);
	if (option_is("inject", "stale"))
		++*generation_of(index);
	else if (option_is("inject", "zero"))
		page_zero(page);
	else if (option_is("inject", "torn"))
		page_at(page)[256] = page_at(page)[192];
	else if (option_is("inject", "bit"))
		page_at(page)[300] ^= 1ull << 40;
	else if (option_is("inject", "cold") && cold_memory.count)
		page_at(page_number_at(cold_memory.first + cold_memory.count / 2))[511] = 0;
}

static void describe(void)
{
	print("ws_pages=%lu cold_pages=%lu", working_set.count, cold_memory.count);
	inject();
}

_Noreturn void guest_main(void)
{
	clock_init();
	static struct guest guest = {layout, fill, step, verify, describe};
	if (option_number("idle", 0))
		guest.step = 0;
	run_guest(&guest, cpu_count());
}
