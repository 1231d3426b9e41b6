#include "pattern.h"
#include "cmdline.h"

/* Points of 2^x between 0 and 1 that the others are interpolated from; error below 2 in 100000. */
#define POWER_BITS 6
#define POWERS (1u << POWER_BITS)
/* 2^(1/64), 63 bits behind the point. */
#define POWER_STEP 0x8164d1f3bc030773ull

enum order { SEQUENTIAL, RANDOM, HOT_COLD, READ_HOT, MOVING, ZIPF };

static enum order order;
static u64 reads, move_after, cluster;
static u64 power_of_two[POWERS + 1]; /* 2^(i/64), 32 bits behind the point */

/* (a * b) >> shift, for products beyond 64 bits. */
static u64 multiply(u64 a, u64 b, u32 shift) { return (u64)((unsigned __int128)a * b >> shift); }

void patterns_init(void)
{
	order = option_is("pattern", "random")    ? RANDOM
		: option_is("pattern", "hotcold") ? HOT_COLD
		: option_is("pattern", "readhot") ? READ_HOT
		: option_is("pattern", "moving")  ? MOVING
		: option_is("pattern", "zipf")    ? ZIPF
						  : SEQUENTIAL;
	reads = option_number("reads", 0);
	move_after = option_number("move", 100000);
	cluster = option_number("cluster", 1);
	if (!move_after)
		move_after = ~0ull;
	if (!cluster)
		cluster = 1;
	u64 power = 1ull << 63;
	for (u32 i = 0; i <= POWERS; i++) {
		/* The last, 2, has one bit too many. */
		power_of_two[i] = i < POWERS ? power >> 31 : 2ull << 32;
		power = multiply(power, POWER_STEP, 63);
	}
}

/* Of x below 2^32, 32 bits behind the point: each squaring of the mantissa gives one. */
static u64 log2_of(u64 x)
{
	u64 whole = 63 - (u64)__builtin_clzll(x);
	u64 mantissa = x << (63 - whole);
	u64 bits = 0;
	for (u32 i = 0; i < 32; i++) {
		u64 square = multiply(mantissa, mantissa, 64); /* 62 bits behind the point */
		bits = bits << 1 | square >> 63;
		mantissa = square >> 63 ? square : square << 1;
	}
	return whole << 32 | bits;
}

static bool have_common_divisor(u64 a, u64 b)
{
	while (b) {
		u64 rest = a % b;
		a = b;
		b = rest;
	}
	return a != 1;
}

void pattern_start(struct pattern *p, u64 pages, u64 seed)
{
	*p = (struct pattern){.pages = pages, .random = seed * 0x9e3779b97f4a7c15ull | 1};
	if (order != ZIPF || !pages)
		return;
	p->log2_pages = log2_of(pages + 1);
	p->blocks = pages / cluster;
	/* About the golden section, so that neighbours in rank lie far apart wherever they are. */
	p->stride = p->blocks * 79 / 128 + 1;
	while (p->blocks && have_common_divisor(p->stride, p->blocks))
		p->stride++;
}

static u64 next_random(struct pattern *p)
{
	u64 x = p->random;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	p->random = x;
	return x >> 32;
}

/* Uniform in 0..n-1, n below 2^32. */
static u64 random_below(struct pattern *p, u64 n) { return next_random(p) * n >> 32; }

/*
 * (pages + 1)^u for a uniform u, cut to an integer: rank k has the probability log((k + 1) / k) / log(pages + 1),
 * which is Zipf's law with the exponent 1 and needs no table of the size of memory, whose accesses would count too.
 */
static u64 zipf_rank(struct pattern *p)
{
	u64 exponent = multiply(next_random(p), p->log2_pages, 32);
	u64 fraction = exponent & 0xffffffff;
	u64 i = fraction >> (32 - POWER_BITS);
	u64 rest = fraction & ((1ull << (32 - POWER_BITS)) - 1);
	u64 power = power_of_two[i] + ((power_of_two[i + 1] - power_of_two[i]) * rest >> (32 - POWER_BITS));
	u64 rank = multiply(power, 1ull << (exponent >> 32), 32) - 1;
	return rank < p->pages ? rank : p->pages - 1;
}

static u64 page_of_rank(const struct pattern *p, u64 rank)
{
	u64 block = rank / cluster;
	return block < p->blocks ? block * p->stride % p->blocks * cluster + rank % cluster : rank;
}

/* Nine of ten in the first tenth, counted from `start`. */
static u64 hot_or_cold(struct pattern *p, u64 start, bool *hot)
{
	u64 tenth = p->pages < 10 ? 1 : p->pages / 10;
	*hot = p->pages <= tenth || random_below(p, 10);
	u64 index = start + (*hot ? random_below(p, tenth) : tenth + random_below(p, p->pages - tenth));
	return index < p->pages ? index : index - p->pages;
}

struct access pattern_next(struct pattern *p)
{
	struct access a = {0, false};
	bool hot = false;
	switch (order) {
	case RANDOM:
		a.index = random_below(p, p->pages);
		break;
	case HOT_COLD:
		a.index = hot_or_cold(p, 0, &hot);
		break;
	case READ_HOT:
		a.index = hot_or_cold(p, 0, &hot);
		a.read_only = hot;
		break;
	case MOVING:
		a.index = hot_or_cold(p, p->next, &hot);
		if (++p->turns % move_after == 0)
			p->next = (p->next + (p->pages < 10 ? 1 : p->pages / 10)) % p->pages;
		break;
	case ZIPF:
		a.index = page_of_rank(p, zipf_rank(p));
		break;
	default:
		p->next = p->next + 1 < p->pages ? p->next + 1 : 0;
		a.index = p->next;
	}
	a.read_only = a.read_only || (reads && random_below(p, 100) < reads);
	return a;
}
