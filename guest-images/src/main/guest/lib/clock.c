#include "clock.h"
#include "cmdline.h"
#include "cpu.h"

u64 tsc_khz;
const char *tsc_source;

void clock_init(void)
{
	u32 a, b, c, d;
	tsc_khz = option_number("tsc_khz", 0);
	tsc_source = "cmdline";
	if (tsc_khz)
		return;
	cpuid(0, &a, &b, &c, &d);
	if (a >= 0x15) {
		cpuid(0x15, &a, &b, &c, &d); /* a:b is crystal:TSC, c the crystal's Hz */
		tsc_source = "cpuid15";
		tsc_khz = a ? (u64)c * b / a / 1000 : 0;
		if (tsc_khz)
			return;
	}
	cpuid(0x40000000, &a, &b, &c, &d);
	if (a >= 0x40000010 && a < 0x40010000) {
		cpuid(0x40000010, &a, &b, &c, &d);
		tsc_source = "cpuid40000010";
		tsc_khz = a;
		if (tsc_khz)
			return;
	}
	tsc_source = "assumed";
	tsc_khz = 1000000;
}

/* value * factor / divisor without a 128-bit product. */
static u64 scale(u64 value, u64 factor, u64 divisor)
{
	return value / divisor * factor + value % divisor * factor / divisor;
}

u64 cycles_to_ns(u64 cycles) { return scale(cycles, 1000000, tsc_khz); }
u64 cycles_to_us(u64 cycles) { return scale(cycles, 1000, tsc_khz); }
u64 us_to_cycles(u64 us) { return scale(us, tsc_khz, 1000); }
