/*
 * Reads and rewrites a working set and checks every page before, sweeps cold memory, counts how often each
 * page was accessed, and measures the gaps in its own loop. Parameters and output are in README.md.
 */
#include "lib/clock.h"
#include "lib/cmdline.h"
#include "lib/cpu.h"
#include "lib/memory.h"
#include "lib/packed.h"
#include "lib/pattern.h"
#include "lib/serial.h"
#include "lib/smp.h"
#include "lib/worker.h"

/* A worker that fell behind its rate makes up for at most this much. */
#define CATCH_UP_US 10000

/* Pages a line of the answer to `a`. */
#define LINE_PAGES 1024

/* What one worker owns and where it is. */
struct job {
	struct slice hot, cold; /* working set and cold memory */
	struct pattern pattern;
	u64 probe;
	u64 access_at, access_every; /* clock and cycles; 0 = as fast as possible */
	u64 sweep_next, sweep_at, sweep_every;
	u64 writes_left;
} __attribute__((aligned(64)));

static struct job jobs[MAX_CPUS];
static struct slice working_set, cold_memory;
static struct record {
	u32 generation, accesses;
} *records; /* of the working set's pages; in memory apart from it */
static u64 rate, sweep_rate, write_limit;

static struct record *record_of(u64 index) { return &records[index - working_set.first]; }

static u64 size_option(const char *key, u64 otherwise, u64 all)
{
	return option_is(key, "all") ? all : (option_number(key, otherwise) + PAGE_SIZE - 1) / PAGE_SIZE;
}

static void layout(void)
{
	u64 available = free_pages();
	u64 entries = PAGE_SIZE / sizeof(struct record);
	u64 pages = size_option("ws", 64ull << 20, (available - 1) * entries / (entries + 1));
	u64 table = (pages + entries - 1) / entries;
	records = table ? (struct record *)take_pages(table) : 0;
	available = free_pages();
	u64 cold = size_option("cold", 0, available > pages ? available - pages : 0);
	if ((table && !records) || pages > available || cold > available - pages || !(pages + cold)) {
		print("ERROR ws=%lu and cold=%lu pages do not fit the %lu free pages\n", pages, cold, available);
		guest_exit(2);
	}
	working_set = (struct slice){0, pages};
	cold_memory = (struct slice){pages, cold};
	page_seed = option_number("seed", 1);
	patterns_init();
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
	pattern_start(&job->pattern, job->hot.count, page_seed + w->index);
	job->access_every = interval(rate);
	job->sweep_every = interval(sweep_rate);
	job->writes_left = write_limit ? share_of((struct slice){0, write_limit}, w->index).count : ~0ull;
	for (u64 i = 0; i < job->hot.count; i++) {
		*record_of(job->hot.first + i) = (struct record){1, 0};
		page_fill(page_number_at(job->hot.first + i), 1);
	}
	for (u64 i = 0; i < job->cold.count; i++)
		page_fill(page_number_at(job->cold.first + i), 1);
}

static void access_page(struct worker *w, struct job *job)
{
	struct access access = pattern_next(&job->pattern);
	u64 index = job->hot.first + access.index;
	u64 page = page_number_at(index);
	struct record *record = record_of(index);
	struct mismatch m;
	job->probe = (job->probe + 37) % PAGE_WORDS;
	if (!page_check_quick(page, record->generation, (u32)job->probe, &m))
		fail_page(w, "ws", page, record->generation, &m);
	record->accesses++;
	w->checked++;
	if (access.read_only)
		return;
	page_renew(page, ++record->generation);
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
	if (job->hot.count && (!job->access_every || is_due(w->clock, &job->access_at, job->access_every))) {
		access_page(w, job);
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
		u32 generation = record_of(job->hot.first + i)->generation;
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
		record_of(index)->generation++;
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

static void forget(struct worker *w)
{
	struct job *job = &jobs[w->index];
	for (u64 i = 0; i < job->hot.count; i++)
		record_of(job->hot.first + i)->accesses = 0;
}

/* A line for each run of adjacent pages, and the sum. */
static void print_accesses(void)
{
	u64 sum = 0;
	for (u64 i = 0; i < working_set.count;) {
		u64 first = page_number_at(working_set.first + i), n = 0;
		print("ACCESSES first=0x%lx counts=", first);
		do {
			u32 accesses = record_of(working_set.first + i)->accesses;
			print_packed(accesses);
			sum += accesses;
			i++, n++;
		} while (i < working_set.count && n < LINE_PAGES && page_number_at(working_set.first + i) == first + n);
		print("\n");
	}
	print("ACCESSED pages=%lu accesses=%lu\n", working_set.count, sum);
}

_Noreturn void guest_main(void)
{
	clock_init();
	static struct guest guest = {layout, fill, step, verify, describe, forget, print_accesses};
	if (option_number("idle", 0))
		guest.step = 0;
	run_guest(&guest, cpu_count());
}
