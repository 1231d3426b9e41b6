#include "memory.h"
#include "cmdline.h"
#include "cpu.h"
#include "serial.h"

#define START_MAGIC 0x336ec578u
#define MAX_RANGES 32
#define MAX_GIGABYTES 64
#define GIGABYTE (1ull << 30)
#define MEMORY_RAM 1
/* Present, writable, user, accessed; and for pages dirty and large. */
#define TABLE 0x27
#define LARGE_PAGE 0xe7

struct start_info {
	u32 magic, version, flags, modules;
	u64 module_list, command_line, rsdp;
	u64 memory_map; /* version 1 */
	u32 memory_map_entries, reserved;
};

struct map_entry {
	u64 address, size;
	u32 type, reserved;
};

struct range {
	u64 page, count;
};

extern char image_end[];
extern u64 page_directory_pointers[512];

u64 ram_bytes;
u64 mapped_end = 4 * GIGABYTE;

static struct map_entry map[MAX_RANGES];
static u32 map_entries;
static struct range free_ranges[MAX_RANGES];
static u32 free_range_count;
static u64 more_directories[MAX_GIGABYTES - 4][512] __attribute__((aligned(4096)));

void map_gigabyte(u64 gigabyte)
{
	if (gigabyte < 4 || gigabyte >= MAX_GIGABYTES || page_directory_pointers[gigabyte])
		return;
	u64 *directory = more_directories[gigabyte - 4];
	for (u64 i = 0; i < 512; i++)
		directory[i] = (gigabyte * GIGABYTE + i * 0x200000) | LARGE_PAGE;
	compiler_barrier();
	*(volatile u64 *)&page_directory_pointers[gigabyte] = (u64)directory | TABLE;
	if (mapped_end < (gigabyte + 1) * GIGABYTE)
		mapped_end = (gigabyte + 1) * GIGABYTE;
}

static void add_free(u64 start, u64 end)
{
	u64 lowest = (u64)image_end;
	u64 highest = MAX_GIGABYTES * GIGABYTE;
	start = start < lowest ? lowest : (start + PAGE_SIZE - 1) & -PAGE_SIZE;
	end = end > highest ? highest : end & -PAGE_SIZE;
	if (start >= end)
		return;
	free_ranges[free_range_count].page = start / PAGE_SIZE;
	free_ranges[free_range_count++].count = (end - start) / PAGE_SIZE;
	for (u64 g = start / GIGABYTE; g <= (end - 1) / GIGABYTE; g++)
		map_gigabyte(g);
}

void memory_init(u64 address)
{
	const struct start_info *info = (const struct start_info *)address;
	if (info->magic != START_MAGIC || info->version < 1 || !info->memory_map) {
		print("ERROR no PVH start info with a memory map at 0x%lx\n", address);
		guest_exit(2);
	}
	const char *from = (const char *)info->command_line;
	for (u32 i = 0; from && from[i] && i < sizeof command_line - 1; i++)
		command_line[i] = from[i];
	map_entries = info->memory_map_entries < MAX_RANGES ? info->memory_map_entries : MAX_RANGES;
	memcpy(map, (const void *)info->memory_map, map_entries * sizeof map[0]);
	for (u32 i = 0; i < map_entries; i++) {
		if (map[i].type != MEMORY_RAM)
			continue;
		ram_bytes += map[i].size;
		add_free(map[i].address, map[i].address + map[i].size);
	}
}

bool is_ram(u64 address)
{
	for (u32 i = 0; i < map_entries; i++)
		if (map[i].type == MEMORY_RAM && address - map[i].address < map[i].size)
			return true;
	return false;
}

u64 free_pages(void)
{
	u64 sum = 0;
	for (u32 i = 0; i < free_range_count; i++)
		sum += free_ranges[i].count;
	return sum;
}

u64 page_number_at(u64 index)
{
	u32 i = 0;
	while (index >= free_ranges[i].count)
		index -= free_ranges[i++].count;
	return free_ranges[i].page + index;
}

u64 take_pages(u64 count)
{
	for (u32 i = 0; i < free_range_count; i++) {
		struct range *r = &free_ranges[i];
		if (r->count < count)
			continue;
		u64 page = r->page;
		r->page += count;
		r->count -= count;
		return page * PAGE_SIZE;
	}
	return 0;
}

/* Called by the entry code in ring 3. */
_Noreturn void boot_main(u64 start_info)
{
	serial_init();
	memory_init(start_info);
	guest_main();
}
