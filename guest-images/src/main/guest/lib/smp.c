#include "smp.h"
#include "clock.h"
#include "cmdline.h"
#include "cpu.h"
#include "memory.h"
#include "serial.h"

#define APIC 0xfee00000ull
#define SPURIOUS (APIC + 0xf0)
#define COMMAND_LOW (APIC + 0x300)
#define COMMAND_HIGH (APIC + 0x310)
#define INIT_ASSERT 0x4500
#define INIT_DEASSERT 0x8500
#define STARTUP 0x4600
#define PENDING 0x1000
#define STACK_PAGES 4

extern char trampoline_start[], trampoline_end[];
extern u64 ap_frame[5];
extern u32 ap_tss_selector;

/* Stack of processor n ends at stacks + n * size: processor 0 has one of its own. */
static u64 stacks;
static volatile u32 arrived;
static void (*volatile ap_run)(void *);
static volatile u32 ap_index;

static void ap_main(void *argument)
{
	void (*run)(void *) = ap_run;
	arrived = ap_index;
	run(argument);
}

void reserve_stacks(u32 cpus)
{
	stacks = take_pages((cpus - 1) * STACK_PAGES);
	if (!stacks) {
		print("ERROR no memory for the stacks of %u vcpus\n", cpus);
		guest_exit(2);
	}
}

u32 cpu_count(void)
{
	u64 n = option_number("cpus", 1);
	return n < 1 ? 1 : n > MAX_CPUS ? MAX_CPUS : (u32)n;
}

static void send(u32 cpu, u32 command)
{
	mmio_write32(COMMAND_HIGH, cpu << 24);
	mmio_write32(COMMAND_LOW, command);
	for (u32 i = 0; i < 1000 && (mmio_read32(COMMAND_LOW) & PENDING); i++)
		cpu_pause();
}

static bool has_arrived(u32 cpu, u64 us)
{
	u64 start = rdtsc();
	while (arrived != cpu && rdtsc() - start < us_to_cycles(us))
		cpu_pause();
	return arrived == cpu;
}

void start_cpu(u32 cpu, void (*run)(void *), void *argument)
{
	u64 *top = (u64 *)(stacks + cpu * STACK_PAGES * PAGE_SIZE);
	*--top = (u64)ap_main;
	*--top = (u64)argument;
	ap_frame[3] = (u64)top;
	ap_tss_selector = TSS_SELECTOR(cpu);
	ap_run = run;
	ap_index = cpu;
	memcpy((void *)TRAMPOLINE, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	full_fence();

	mmio_write32(SPURIOUS, mmio_read32(SPURIOUS) | 0x100);
	send(cpu, INIT_ASSERT);
	send(cpu, INIT_DEASSERT);
	has_arrived(cpu, 200);
	send(cpu, STARTUP | TRAMPOLINE >> 12);
	if (has_arrived(cpu, 50000))
		return;
	send(cpu, STARTUP | TRAMPOLINE >> 12);
	if (has_arrived(cpu, 5000000))
		return;
	print("ERROR vcpu %u does not start: is cpus= more than the machine has?\n", cpu);
	guest_exit(2);
}
