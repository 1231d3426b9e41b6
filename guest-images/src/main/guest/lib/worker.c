#include "worker.h"
#include "clock.h"
#include "cmdline.h"
#include "cpu.h"
#include "memory.h"
#include "report.h"
#include "serial.h"
#include "smp.h"

#define POLL_US 10000
/* When idle, shorter gaps are only counted, so that no memory is written. */
#define IDLE_GAP_US 100

enum request { NONE, ZERO_WINDOW, VERIFY, HOLD };

static struct worker workers[MAX_CPUS];
u32 worker_count;

static const struct guest *guest;
static volatile bool go;
static volatile u32 request_number;
static volatile enum request request_kind;
static volatile bool held;

static struct {
	struct worker *volatile by;
	const char *kind;
	u64 page;
	u32 generation;
	struct mismatch mismatch;
} failure;
static volatile u32 failure_taken;

static u64 poll_cycles, idle_gap_cycles, end_cycles;

static inline void tick_at(struct worker *w, u64 now)
{
	u64 delta = now - w->last_tsc;
	w->last_tsc = now;
	if ((s64)delta < 0) {
		w->gaps.backwards++;
		return;
	}
	w->clock += delta;
	gap_record(&w->gaps, delta, w->clock - w->window_start);
}

void tick(struct worker *w) { tick_at(w, rdtsc()); }

static void tick_first(void) { tick(&workers[0]); }

struct slice share_of(struct slice whole, u32 index)
{
	u64 start = whole.count / worker_count * index + whole.count % worker_count * index / worker_count;
	u64 end = whole.count / worker_count * (index + 1) + whole.count % worker_count * (index + 1) / worker_count;
	return (struct slice){whole.first + start, end - start};
}

_Noreturn static void print_failure(void)
{
	print("ERROR page=0x%lx word=%u expected=0x%lx found=0x%lx generation=%u kind=%s vcpu=%u\n", failure.page,
	      failure.mismatch.word, failure.mismatch.expected, failure.mismatch.found, failure.generation, failure.kind,
	      failure.by->index);
	page_words p = page_at(failure.page);
	print("PAGE");
	for (u32 word = 0; word < PAGE_WORDS; word = word < 4 ? word + 1 : word + 60)
		print(" %u:0x%lx", word, p[word]);
	print("\n");
	print_report(workers, worker_count, 1);
	guest_exit(3);
}

void fail_page(struct worker *w, const char *kind, u64 page, u32 generation, const struct mismatch *m)
{
	if (!__atomic_exchange_n(&failure_taken, 1, __ATOMIC_SEQ_CST)) {
		failure.kind = kind;
		failure.page = page;
		failure.generation = generation;
		failure.mismatch = *m;
		compiler_barrier();
		failure.by = w;
	}
	/* Worker 0 has the serial port. */
	while (w->index || !failure.by)
		cpu_pause();
	print_failure();
}

static void answer(struct worker *w)
{
	u32 number = request_number;
	compiler_barrier();
	switch (request_kind) {
	case ZERO_WINDOW:
		memset(&w->gaps, 0, sizeof w->gaps);
		w->writes = w->checked = w->sweeps = w->swept = 0;
		if (guest->forget)
			guest->forget(w);
		w->last_tsc = rdtsc();
		w->window_start = w->clock;
		pace_start(&w->pace, w->clock);
		break;
	case VERIFY:
		w->verified = guest->verify(w);
		break;
	case HOLD:
		w->answered = number;
		while (w->index && held && request_number == number) {
			tick(w);
			cpu_pause();
		}
		break;
	case NONE:
		break;
	}
	compiler_barrier();
	w->answered = number;
}

static void ask_all(enum request kind)
{
	request_kind = kind;
	compiler_barrier();
	request_number++;
	answer(&workers[0]);
	for (u32 i = 1; i < worker_count; i++)
		while (workers[i].answered != request_number) {
			tick(&workers[0]);
			if (failure.by)
				print_failure();
			cpu_pause();
		}
}

/* Prints what others must not change meanwhile. */
static void print_held(void (*printer)(void))
{
	held = true;
	ask_all(HOLD);
	printer();
	held = false;
}

static u64 verify_all(void)
{
	ask_all(VERIFY);
	u64 pages = 0;
	for (u32 i = 0; i < worker_count; i++)
		pages += workers[i].verified;
	print("VERIFIED pages=%lu errors=0\n", pages);
	return pages;
}

static void print_work(void) { print_pace(workers, worker_count); }

_Noreturn static void finish(void)
{
	verify_all();
	print_report(workers, worker_count, 0);
	guest_exit(0);
}

static void obey(int command)
{
	switch (command) {
	case 'r':
		print_report(workers, worker_count, 0);
		break;
	case 'z':
		ask_all(ZERO_WINDOW);
		print("ZEROED\n");
		break;
	case 'a':
		if (guest->print_accesses)
			print_held(guest->print_accesses);
		break;
	case 'p':
		print_held(print_work);
		break;
	case 'v':
		verify_all();
		break;
	case 'q':
		finish();
	}
}

/* Waits for input, a long gap, a request or the end. Writes no memory while nothing happens, not even a stack. */
static void idle(struct worker *w, u64 *poll_at)
{
	const u64 poll_every = poll_cycles, long_gap = idle_gap_cycles;
	const bool listens = w->index == 0;
	const u32 answered = w->answered;
	const u64 start = w->last_tsc, left = end_cycles - w->clock;
	u64 last = start, polled = start, short_gaps = 0;
	for (;;) {
		u64 now = rdtsc();
		if (now - last >= long_gap) /* also when it ran backwards */
			break;
		last = now;
		short_gaps++;
		if (request_number != answered || failure.by)
			break;
		if (listens && now - polled >= poll_every) {
			polled = now;
			if (serial_has_input() || now - start >= left) {
				*poll_at = 0;
				break;
			}
		}
		cpu_pause();
	}
	w->clock += last - start;
	w->last_tsc = last;
	w->gaps.count[0] += short_gaps;
}

static bool all_done(void)
{
	for (u32 i = 0; i < worker_count; i++)
		if (!workers[i].done)
			return false;
	return true;
}

/* What only worker 0 does after each step. */
static void govern(struct worker *w, u64 *poll_at)
{
	if (failure.by)
		print_failure();
	if (w->done && all_done())
		finish();
	if (w->clock < *poll_at)
		return;
	if (w->clock >= end_cycles)
		finish();
	int command;
	while ((command = serial_get()) >= 0)
		obey(command);
	*poll_at = w->clock + poll_cycles;
}

_Noreturn static void loop(struct worker *w)
{
	memset(&w->gaps, 0, sizeof w->gaps);
	w->last_tsc = rdtsc();
	pace_start(&w->pace, w->clock);
	u64 poll_at = 0;
	for (;;) {
		tick(w);
		if (request_number != w->answered)
			answer(w);
		bool busy = guest->step && !w->done && guest->step(w);
		if (busy)
			pace_count(&w->pace, w->clock);
		if (w->index == 0)
			govern(w, &poll_at);
		if (!guest->step)
			idle(w, &poll_at);
		else if (!busy)
			cpu_pause();
	}
}

static void run_further(void *argument)
{
	struct worker *w = argument;
	guest->fill(w);
	compiler_barrier();
	w->filled = true;
	while (!go)
		cpu_pause();
	loop(w);
}

void run_guest(const struct guest *g, u32 cpus)
{
	guest = g;
	worker_count = cpus;
	poll_cycles = us_to_cycles(POLL_US);
	idle_gap_cycles = us_to_cycles(IDLE_GAP_US);
	u64 seconds = option_number("seconds", 0);
	end_cycles = seconds ? seconds * tsc_khz * 1000 : ~0ull;
	reserve_stacks(cpus);
	guest->layout();
	u64 start = rdtsc();
	for (u32 i = 0; i < cpus; i++)
		workers[i].index = i;
	for (u32 i = 1; i < cpus; i++)
		start_cpu(i, run_further, &workers[i]);
	guest->fill(&workers[0]);
	for (u32 i = 1; i < cpus; i++)
		while (!workers[i].filled)
			cpu_pause();
	u64 fill = rdtsc() - start;
	print("READY vcpus=%u ", cpus);
	guest->describe();
	print(" fill_us=%lu tsc_khz=%lu tsc_source=%s\n", cycles_to_us(fill), tsc_khz, tsc_source);
	serial_after_byte = tick_first;
	go = true;
	loop(&workers[0]);
}
