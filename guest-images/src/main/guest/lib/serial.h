/* The 16550 at 0x3f8, polled. Every access is an exit to the host: tens of microseconds. */
#pragma once
#include "cpu.h"
#include "types.h"

void serial_init(void);
void serial_put(char c);
/* One exit. */
static inline bool serial_has_input(void) { return in8(SERIAL_PORT + 5) & 1; }
/* A received byte, or -1. One exit when there is none. */
int serial_get(void);

/* Called after each byte sent, so that a long line is no blind spot for a gap histogram. May be null. */
extern void (*serial_after_byte)(void);

/* Conversions: %s %c %d %u %x %%, with l for 64 bits, and 0N widths for x and u. Lines end in \n only. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
