/*
 * Mostly zero memory: reads all of it, writes zeros to a part, fills a little with unique content, then
 * idles. Parameters and output are in README.md.
 */
#include "lib/clock.h"
#include "lib/cmdline.h"
#include "lib/cpu.h"
#include "lib/memory.h"
#include "lib/serial.h"
#include "lib/smp.h"
#include "lib/worker.h"

static struct slice unique, touched, rest;
static u64 cleared[MAX_CPUS]; /* pages that held something when the guest came */

static void layout(void)
{
	u64 available = free_pages();
	u64 filled = (option_number("unique", 1 << 20) + PAGE_SIZE - 1) / PAGE_SIZE;
	u64 zeroed = option_is("touch", "all") ? available - filled : (option_number("touch", 0) + PAGE_SIZE - 1) / PAGE_SIZE;
	if (filled > available || zeroed > available - filled) {
		print("ERROR unique=%lu and touch=%lu pages do not fit the %lu free pages\n", filled, zeroed, available);
		guest_exit(2);
	}
	unique = (struct slice){0, filled};
	touched = (struct slice){filled, zeroed};
	rest = (struct slice){filled + zeroed, available - filled - zeroed};
	page_seed = option_number("seed", 1);
}

static void fill(struct worker *w)
{
	struct slice s = share_of(unique, w->index);
	for (u64 i = 0; i < s.count; i++)
		page_fill(page_number_at(s.first + i), 1);
	s = share_of(touched, w->index);
	for (u64 i = 0; i < s.count; i++)
		page_zero(page_number_at(s.first + i));
	s = share_of(rest, w->index);
	for (u64 i = 0; i < s.count; i++) {
		struct mismatch m;
		u64 page = page_number_at(s.first + i);
		if (!page_check_zero(page, &m)) { /* firmware left it */
			page_zero(page);
			cleared[w->index]++;
		}
	}
}

static u64 verify_zero(struct worker *w, struct slice s)
{
	struct mismatch m;
	for (u64 i = 0; i < s.count; i++) {
		u64 page = page_number_at(s.first + i);
		if (!page_check_zero(page, &m))
			fail_page(w, "zero", page, 0, &m);
		w->checked++;
		tick(w);
	}
	return s.count;
}

static u64 verify(struct worker *w)
{
	struct mismatch m;
	struct slice s = share_of(unique, w->index);
	for (u64 i = 0; i < s.count; i++) {
		u64 page = page_number_at(s.first + i);
		if (!page_check(page, 1, &m))
			fail_page(w, "unique", page, 1, &m);
		w->checked++;
		tick(w);
	}
	return s.count + verify_zero(w, share_of(touched, w->index)) + verify_zero(w, share_of(rest, w->index));
}

static void describe(void)
{
	u64 sum = 0;
	for (u32 i = 0; i < worker_count; i++)
		sum += cleared[i];
	print("unique_pages=%lu touched_pages=%lu zero_pages=%lu cleared_pages=%lu", unique.count, touched.count,
	      touched.count + rest.count, sum);
}

_Noreturn void guest_main(void)
{
	clock_init();
	static const struct guest guest = {.layout = layout, .fill = fill, .verify = verify, .describe = describe};
	run_guest(&guest, cpu_count());
}
