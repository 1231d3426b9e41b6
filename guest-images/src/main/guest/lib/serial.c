#include "serial.h"
#include <stdarg.h>

#define LINE_STATUS (SERIAL_PORT + 5)
#define HOLDING_EMPTY 0x20
#define POLL_LIMIT 10000

void (*serial_after_byte)(void);

static u32 burst = 1;
static u32 room;

void serial_init(void)
{
	out8(SERIAL_PORT + 1, 0);    /* no interrupts */
	out8(SERIAL_PORT + 3, 0x80); /* divisor latch */
	out8(SERIAL_PORT + 0, 1);    /* 115200 baud */
	out8(SERIAL_PORT + 1, 0);
	out8(SERIAL_PORT + 3, 3); /* 8n1 */
	out8(SERIAL_PORT + 4, 3); /* ready, no loopback */
	out8(SERIAL_PORT + 2, 1); /* FIFO on, what was received so far is kept */
	burst = (in8(SERIAL_PORT + 2) & 0xc0) == 0xc0 ? 16 : 1;
	room = 0;
}

void serial_put(char c)
{
	if (!room) {
		for (u32 i = 0; i < POLL_LIMIT && !(in8(LINE_STATUS) & HOLDING_EMPTY); i++)
			cpu_pause();
		room = burst;
	}
	room--;
	out8(SERIAL_PORT, (u8)c);
	if (serial_after_byte)
		serial_after_byte();
}

int serial_get(void)
{
	return serial_has_input() ? in8(SERIAL_PORT) : -1;
}

static void put_number(u64 value, u32 base, u32 width)
{
	char digits[20];
	u32 n = 0;
	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (; width > n; width--)
		serial_put('0');
	while (n)
		serial_put(digits[--n]);
}

void print(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	for (const char *f = format; *f; f++) {
		if (*f != '%') {
			serial_put(*f);
			continue;
		}
		u32 width = 0;
		bool wide = false;
		for (f++; *f >= '0' && *f <= '9'; f++)
			width = width * 10 + (u32)(*f - '0');
		for (; *f == 'l'; f++)
			wide = true;
		switch (*f) {
		case 's':
			for (const char *s = va_arg(list, const char *); *s; s++)
				serial_put(*s);
			break;
		case 'c':
			serial_put((char)va_arg(list, int));
			break;
		case 'd': {
			s64 value = wide ? va_arg(list, s64) : va_arg(list, int);
			if (value < 0)
				serial_put('-');
			put_number(value < 0 ? -(u64)value : (u64)value, 10, width);
			break;
		}
		case 'u':
		case 'x':
			put_number(wide ? va_arg(list, u64) : va_arg(list, u32), *f == 'x' ? 16 : 10, width);
			break;
		case '\0':
			va_end(list);
			return;
		default:
			serial_put(*f);
		}
	}
	va_end(list);
}
