/* Guests that misbehave: mode=spin|triple|chatter|ports|halt|reset. README.md tells what each does. */
#include "lib/cmdline.h"
#include "lib/cpu.h"
#include "lib/memory.h"
#include "lib/serial.h"

#define GIGABYTE (1ull << 30)
#define APIC_PAGE 0xfee00000ull
#define IO_APIC_PAGE 0xfec00000ull
#define MAX_DEVICES 16

static u64 random_state;

static u64 next_random(void)
{
	u64 x = random_state;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return random_state = x;
}

_Noreturn static void spin(void)
{
	print("SPIN\n");
	for (;;)
		__asm__ volatile("1: jmp 1b");
}

/* There is no IDT. */
_Noreturn static void triple_fault(void)
{
	print("TRIPLE\n");
	for (;;)
		__asm__ volatile("ud2");
}

_Noreturn static void reset(void)
{
	print("RESET\n");
	for (u32 i = 0; i < 10000; i++)
		guest_reset();
	print("ERROR the host did not reset\n");
	guest_exit(2);
}

_Noreturn static void chatter(void)
{
	u64 bytes = option_number("bytes", ~0ull);
	for (u64 i = 0; i < bytes; i++)
		serial_put(i % 64 == 63 ? '\n' : (char)('!' + i % 64));
	guest_exit(0);
}

/* Any of these ports ends or resets the machine, at least with some values. */
static bool may_end(u32 port, u32 size)
{
	static const u16 ends[] = {RESET_PORT, 0x92, 0xcf9, EXIT_PORT, EXIT_PORT + 1, EXIT_PORT + 2, EXIT_PORT + 3};
	for (u32 i = 0; i < ARRAY_LENGTH(ends); i++)
		if (ends[i] >= port && ends[i] < port + size)
			return true;
	return false;
}

/* With trace=1 each access is told before it is made. */
static bool tracing;

static void trace(const char *what, u64 address, u32 size, u64 value)
{
	if (tracing) {
		serial_init(); /* the last access may have been to it */
		print("%s 0x%lx size=%u value=0x%lx\n", what, address, size, value);
	}
}

static bool touch_port(void)
{
	u64 r = next_random();
	u32 size = 1u << (r >> 60) % 3;
	u32 port = r & 0xffff;
	if (r >> 59 & 1)
		port &= 0xfff; /* where the devices are */
	u32 value = (u32)(r >> 16);
	if (port + size > 0x10000)
		return false;
	bool read = r >> 58 & 1;
	if (port == RESET_PORT && size == 1)
		value &= 0x7f;
	else if (!read && may_end(port, size))
		return false;
	trace(read ? "in" : "out", port, size, value);
	if (read) {
		size == 1 ? (void)in8((u16)port) : size == 2 ? (void)in16((u16)port) : (void)in32((u16)port);
		return true;
	}
	size == 1 ? out8((u16)port, (u8)value) : size == 2 ? out16((u16)port, (u16)value) : out32((u16)port, value);
	return true;
}

static u64 devices[MAX_DEVICES];
static u32 device_count;

static void find_devices(void)
{
	char text[48];
	while (device_count < MAX_DEVICES && option_text_at("virtio_mmio.device", device_count, text, sizeof text)) {
		const char *p = text;
		u64 size, base = 0;
		if (parse_number(&p, &size) && *p == '@')
			p++, parse_number(&p, &base);
		devices[device_count++] = base;
	}
}

static bool touch_memory(u64 above_ram)
{
	u64 r = next_random(), value = next_random();
	u32 size = 1u << (r >> 62);
	u64 address;
	if (device_count && (r >> 61 & 1))
		address = devices[(r >> 32) % device_count] + (r & 0x1ff);
	else if (r >> 60 & 1)
		address = above_ram + (r & (GIGABYTE - 1));
	else
		address = 3 * GIGABYTE + (r & (GIGABYTE - 1));
	u64 page = address & -PAGE_SIZE;
	if (page == APIC_PAGE || page == IO_APIC_PAGE || is_ram(address) || is_ram(address + size - 1) ||
	    address + size > mapped_end)
		return false;
	bool write = r >> 59 & 1;
	trace(write ? "write" : "read", address, size, value);
	if (write) {
		switch (size) {
		case 1:
			__asm__ volatile("movb %b0, (%1)" ::"r"(value), "r"(address) : "memory");
			break;
		case 2:
			__asm__ volatile("movw %w0, (%1)" ::"r"(value), "r"(address) : "memory");
			break;
		case 4:
			__asm__ volatile("movl %k0, (%1)" ::"r"(value), "r"(address) : "memory");
			break;
		default:
			__asm__ volatile("movq %0, (%1)" ::"r"(value), "r"(address) : "memory");
		}
		return true;
	}
	switch (size) {
	case 1:
		__asm__ volatile("movb (%1), %b0" : "=r"(value) : "r"(address) : "memory");
		break;
	case 2:
		__asm__ volatile("movw (%1), %w0" : "=r"(value) : "r"(address) : "memory");
		break;
	case 4:
		__asm__ volatile("movl (%1), %k0" : "=r"(value) : "r"(address) : "memory");
		break;
	default:
		__asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");
	}
	return true;
}

_Noreturn static void ports(void)
{
	u64 seed = option_number("seed", 1), count = option_number("count", 20000);
	random_state = seed * 0x9e3779b97f4a7c15ull | 1;
	tracing = option_number("trace", 0);
	find_devices();
	u64 above_ram = mapped_end;
	map_gigabyte(above_ram / GIGABYTE);
	print("PORTS seed=%lu count=%lu devices=%u\n", seed, count, device_count);
	for (u64 done = 0; done < count;)
		done += next_random() % 4 ? touch_port() : touch_memory(above_ram);
	serial_init();
	print("\nSURVIVED seed=%lu count=%lu\n", seed, count);
	guest_exit(0);
}

_Noreturn void guest_main(void)
{
	if (option_is("mode", "spin"))
		spin();
	if (option_is("mode", "triple"))
		triple_fault();
	if (option_is("mode", "reset"))
		reset();
	if (option_is("mode", "chatter"))
		chatter();
	if (option_is("mode", "ports"))
		ports();
	print("ERROR mode= must be spin, triple, reset, chatter, ports, or at the very start of the line halt\n");
	guest_exit(2);
}
