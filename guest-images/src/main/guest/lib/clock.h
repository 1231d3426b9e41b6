/* Cycles of the time stamp counter as time. */
#pragma once
#include "types.h"

extern u64 tsc_khz;
/* Where the frequency is from: cmdline, cpuid15, cpuid40000010 or assumed (then times are in doubt). */
extern const char *tsc_source;

void clock_init(void);
u64 cycles_to_ns(u64 cycles);
u64 cycles_to_us(u64 cycles);
u64 us_to_cycles(u64 us);
