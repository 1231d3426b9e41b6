#include "pages.h"

#define GOLDEN 0x9e3779b97f4a7c15ull

u64 page_seed = 1;

static inline u64 mix(u64 x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	return x ^ x >> 29;
}

static inline u64 page_base(u64 page_number) { return mix(mix(page_seed * GOLDEN) + page_number * GOLDEN); }

static inline u64 generation_base(u64 base, u32 generation) { return mix(base + generation + 1); }

static inline u64 word_of(u64 base, u32 word) { return mix(base + (word + 1) * GOLDEN); }

static inline bool is_generation_word(u32 word)
{
	return word < 4 || !(word & 63) || word == PAGE_WORDS - 1;
}

static u64 expected_word(u64 page_number, u32 generation, u32 word)
{
	u64 base = page_base(page_number);
	if (!is_generation_word(word))
		return word_of(base, word);
	switch (word) {
	case 0:
		return page_number;
	case 1:
		return generation;
	case 2:
		return page_seed;
	default:
		return word_of(generation_base(base, generation), word);
	}
}

void page_renew(u64 page_number, u32 generation)
{
	page_words p = page_at(page_number);
	u64 base = generation_base(page_base(page_number), generation);
	p[1] = generation;
	p[3] = word_of(base, 3);
	for (u32 word = 64; word < PAGE_WORDS; word += 64)
		p[word] = word_of(base, word);
	p[PAGE_WORDS - 1] = word_of(base, PAGE_WORDS - 1);
}

void page_fill(u64 page_number, u32 generation)
{
	page_words p = page_at(page_number);
	u64 base = page_base(page_number);
	for (u32 word = 0; word < PAGE_WORDS; word++)
		p[word] = word_of(base, word);
	p[0] = page_number;
	p[2] = page_seed;
	page_renew(page_number, generation);
}

static inline bool wrong(u32 word, u64 expected, u64 found, struct mismatch *m)
{
	if (expected == found)
		return false;
	*m = (struct mismatch){word, expected, found};
	return true;
}

bool page_check_quick(u64 page_number, u32 generation, u32 probe, struct mismatch *m)
{
	page_words p = page_at(page_number);
	u64 base = generation_base(page_base(page_number), generation);
	if (wrong(0, page_number, p[0], m) || wrong(1, generation, p[1], m) || wrong(2, page_seed, p[2], m) ||
	    wrong(3, word_of(base, 3), p[3], m))
		return false;
	for (u32 word = 64; word < PAGE_WORDS; word += 64)
		if (wrong(word, word_of(base, word), p[word], m))
			return false;
	if (wrong(PAGE_WORDS - 1, word_of(base, PAGE_WORDS - 1), p[PAGE_WORDS - 1], m))
		return false;
	return !wrong(probe, expected_word(page_number, generation, probe), p[probe], m);
}

bool page_check(u64 page_number, u32 generation, struct mismatch *m)
{
	if (!page_check_quick(page_number, generation, 0, m))
		return false;
	page_words p = page_at(page_number);
	u64 base = page_base(page_number);
	for (u32 word = 4; word < PAGE_WORDS - 1; word++)
		if ((word & 63) && wrong(word, word_of(base, word), p[word], m))
			return false;
	return true;
}

void page_zero(u64 page_number) { memset((void *)page_at(page_number), 0, PAGE_SIZE); }

bool page_check_zero(u64 page_number, struct mismatch *m)
{
	page_words p = page_at(page_number);
	for (u32 word = 0; word < PAGE_WORDS; word++)
		if (wrong(word, 0, p[word], m))
			return false;
	return true;
}
