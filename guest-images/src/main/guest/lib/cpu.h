/* The instructions C has no word for. */
#pragma once
#include "boot.h"
#include "types.h"

static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory"); }
static inline void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory"); }
static inline void out32(u16 port, u32 value) { __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory"); }

static inline u8 in8(u16 port)
{
	u8 value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u16 in16(u16 port)
{
	u16 value;
	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u32 in32(u16 port)
{
	u32 value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u64 rdtsc(void)
{
	u32 low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static inline void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(0));
}

static inline void cpu_pause(void) { __asm__ volatile("pause" ::: "memory"); }

/* Stores of one processor are seen in order by the others; only the compiler must be held back. */
static inline void compiler_barrier(void) { __asm__ volatile("" ::: "memory"); }
static inline void full_fence(void) { __asm__ volatile("lock orl $0, (%%rsp)" ::: "memory", "cc"); }

/* Plain moves: what hosts emulate for device memory. */
static inline u32 mmio_read32(u64 address)
{
	u32 value;
	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write32(u64 address, u32 value)
{
	__asm__ volatile("movl %0, (%1)" ::"r"(value), "r"(address) : "memory");
}

/* Ends the machine; the host's exit status is (code << 1) | 1. */
_Noreturn static inline void guest_exit(u32 code)
{
	for (;;) {
		out32(EXIT_PORT, code);
		cpu_pause();
	}
}

/* Asks the host for a reset, as the keyboard controller would. */
static inline void guest_reset(void) { out8(RESET_PORT, 0xfe); }
