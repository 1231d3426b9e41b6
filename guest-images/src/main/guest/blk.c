/*
 * Reads, writes and verifies a virtio block device. Parameters and output are in README.md.
 */
#include "lib/clock.h"
#include "lib/cmdline.h"
#include "lib/cpu.h"
#include "lib/memory.h"
#include "lib/serial.h"
#include "lib/virtio_blk.h"
#include "lib/worker.h"

#define BLOCK_SECTORS 8u
#define BLOCK_BYTES (BLOCK_SECTORS * SECTOR_SIZE)
#define MAX_BLOCKS 4096u

static struct block_device device;
static struct worker *self;
static u8 sector[SECTOR_SIZE] __attribute__((aligned(SECTOR_SIZE)));
static u32 generations[MAX_BLOCKS]; /* 0 = not written by this run */
static u64 blocks, buffer_page, left, random_state;

_Noreturn static void fail(const char *what, u64 at, const char *why)
{
	print("ERROR %s sector=%lu: %s\n", what, at, why);
	guest_exit(3);
}

static void tick_self(void) { tick(self); }

static void transfer(enum block_operation operation, u64 at, void *buffer, u32 bytes)
{
	const char *error = block_request(&device, operation, at, buffer, bytes, self ? tick_self : 0);
	if (error)
		fail(operation == BLOCK_READ ? "read" : operation == BLOCK_WRITE ? "write" : "flush", at, error);
}

static void show_first_sector(void)
{
	transfer(BLOCK_READ, 0, sector, SECTOR_SIZE);
	print("SECTOR0 hex=");
	for (u32 i = 0; i < 16; i++)
		print("%02x", sector[i]);
	print(" text=");
	for (u32 i = 0; i < 16; i++)
		serial_put(sector[i] >= ' ' && sector[i] <= '~' ? (char)sector[i] : '.');
	print("\n");
}

static void write_text(const char *text)
{
	static u8 back[SECTOR_SIZE] __attribute__((aligned(SECTOR_SIZE)));
	memset(sector, 0, SECTOR_SIZE);
	memcpy(sector, text, strlen(text));
	transfer(BLOCK_WRITE, 1, sector, SECTOR_SIZE);
	if (device.can_flush)
		transfer(BLOCK_FLUSH, 0, 0, 0);
	transfer(BLOCK_READ, 1, back, SECTOR_SIZE);
	for (u32 i = 0; i < SECTOR_SIZE; i++)
		if (back[i] != sector[i])
			fail("verify", 1, "read back something else than was written");
	print("WROTE sector=1 text=%s flushed=%u\n", text, device.can_flush);
}

static u64 block_sector(u64 block) { return (block + 1) * BLOCK_SECTORS; }

/* The buffer is a page made for this block: the content of page number (buffer) under a seed of the block. */
static void prepare(u64 block) { page_seed = block + 1; }

static void check_block(struct worker *w, u64 block)
{
	struct mismatch m;
	prepare(block);
	page_zero(buffer_page);
	transfer(BLOCK_READ, block_sector(block), (void *)page_at(buffer_page), BLOCK_BYTES);
	w->checked++;
	if (!page_check(buffer_page, generations[block], &m))
		fail_page(w, "block", buffer_page, generations[block], &m);
}

static bool step(struct worker *w)
{
	self = w;
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	u64 block = (random_state >> 32) * blocks >> 32;
	if (generations[block])
		check_block(w, block);
	prepare(block);
	page_fill(buffer_page, ++generations[block]);
	transfer(BLOCK_WRITE, block_sector(block), (void *)page_at(buffer_page), BLOCK_BYTES);
	w->writes++;
	if (left && --left == 0)
		w->done = true;
	return true;
}

static u64 verify(struct worker *w)
{
	self = w;
	u64 checked = 0;
	if (device.can_flush)
		transfer(BLOCK_FLUSH, 0, 0, 0);
	for (u64 i = 0; i < blocks; i++)
		if (generations[i]) {
			check_block(w, i);
			checked++;
		}
	return checked;
}

static void layout(void)
{
	u64 page = take_pages(1);
	if (!page)
		fail("buffer", 0, "no memory");
	buffer_page = page / PAGE_SIZE;
	blocks = device.sectors / BLOCK_SECTORS;
	blocks = blocks ? blocks - 1 : 0;
	if (blocks > MAX_BLOCKS)
		blocks = MAX_BLOCKS;
	if (!blocks || device.read_only)
		fail("loop", 0, blocks ? "the device is read-only" : "the device is smaller than 16 sectors");
	random_state = option_number("seed", 1) * 0x9e3779b97f4a7c15ull | 1;
}

static void fill(struct worker *w) { (void)w; }
static void describe(void) { print("blocks=%lu", blocks); }

_Noreturn void guest_main(void)
{
	char text[256];
	clock_init();
	const char *error = block_open(&device);
	if (error)
		fail("open", 0, error);
	print("BLK base=0x%lx version=%u sectors=%lu read_only=%u flush=%u\n", device.base, device.version, device.sectors,
	      device.read_only, device.can_flush);
	if (device.sectors)
		show_first_sector();
	if (option_text("write", text, sizeof text))
		write_text(text);
	if (!option_text("loop", text, sizeof text))
		guest_exit(0);
	left = option_is("loop", "forever") ? 0 : option_number("loop", 1);
	static const struct guest guest = {
		.layout = layout, .fill = fill, .step = step, .verify = verify, .describe = describe};
	run_guest(&guest, 1);
}
