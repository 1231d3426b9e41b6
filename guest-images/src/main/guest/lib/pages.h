/*
 * Page contents that give away every stale, torn, zeroed, moved or flipped word.
 *
 *   word 0   page number                     word 1   generation
 *   word 2   seed                            word 3   f(page, generation, 3)
 *   words 64, 128, .. 448, 511               f(page, generation, word)
 *   all others                               f(page, word): the same in every generation
 *
 * A new generation rewrites the words that depend on it, one in each 512 bytes and the last, so it is
 * cheap and a page of mixed generations shows. A page that fell back to an old generation as a whole
 * shows because the expected generation is kept elsewhere.
 */
#pragma once
#include "types.h"

#define PAGE_WORDS 512u

extern u64 page_seed;

typedef volatile u64 *page_words;

static inline page_words page_at(u64 page_number) { return (page_words)(page_number * PAGE_SIZE); }

/* First wrong word of a page. */
struct mismatch {
	u32 word;
	u64 expected, found;
};

void page_fill(u64 page_number, u32 generation);
/* Rewrites what depends on the generation; the rest must be there. */
void page_renew(u64 page_number, u32 generation);
/* The words of the generation and one other, which the caller varies. */
bool page_check_quick(u64 page_number, u32 generation, u32 probe, struct mismatch *m);
bool page_check(u64 page_number, u32 generation, struct mismatch *m);

void page_zero(u64 page_number);
bool page_check_zero(u64 page_number, struct mismatch *m);
