#include "virtio_blk.h"
#include "clock.h"
#include "cmdline.h"
#include "cpu.h"

/* Registers. */
#define MAGIC 0x000
#define VERSION 0x004
#define DEVICE_ID 0x008
#define DEVICE_FEATURES 0x010
#define DEVICE_FEATURES_SELECT 0x014
#define DRIVER_FEATURES 0x020
#define DRIVER_FEATURES_SELECT 0x024
#define QUEUE_SELECT 0x030
#define QUEUE_SIZE_MAX 0x034
#define QUEUE_SIZE 0x038
#define QUEUE_READY 0x044
#define QUEUE_NOTIFY 0x050
#define INTERRUPT_STATUS 0x060
#define INTERRUPT_ACKNOWLEDGE 0x064
#define STATUS 0x070
#define QUEUE_DESCRIPTORS 0x080
#define QUEUE_DRIVER 0x090
#define QUEUE_DEVICE 0x0a0
#define CONFIG_CAPACITY 0x100

#define MAGIC_VALUE 0x74726976u
#define BLOCK_DEVICE 2u

#define ACKNOWLEDGED 1u
#define DRIVER 2u
#define DRIVER_OK 4u
#define FEATURES_OK 8u
#define NEEDS_RESET 64u

#define FEATURE_READ_ONLY (1u << 5)
#define FEATURE_FLUSH (1u << 9)
#define FEATURE_VERSION_1 (1u << 0) /* bit 32 */

#define QUEUE_LENGTH 4u
#define NEXT 1u
#define DEVICE_WRITES 2u
#define NO_INTERRUPT 1u
#define TIMEOUT_US 10000000u

static struct {
	struct {
		u64 address;
		u32 length;
		u16 flags, next;
	} descriptors[QUEUE_LENGTH];
	struct {
		u16 flags, index, ring[QUEUE_LENGTH], event;
	} driver;
	struct {
		u16 flags, index;
		struct {
			u32 id, length;
		} ring[QUEUE_LENGTH];
		u16 event;
	} device __attribute__((aligned(4)));
	struct {
		u32 type, reserved;
		u64 sector;
	} header;
	u8 status;
} queue __attribute__((aligned(4096)));

static u32 reg(const struct block_device *d, u32 offset) { return mmio_read32(d->base + offset); }
static void set(const struct block_device *d, u32 offset, u32 value) { mmio_write32(d->base + offset, value); }

static void set_address(const struct block_device *d, u32 offset, void *address)
{
	set(d, offset, (u32)(u64)address);
	set(d, offset + 4, (u32)((u64)address >> 32));
}

static bool find(struct block_device *d)
{
	char text[48];
	for (u32 i = 0; option_text_at("virtio_mmio.device", i, text, sizeof text); i++) {
		const char *p = text;
		u64 size;
		if (!parse_number(&p, &size) || *p++ != '@' || !parse_number(&p, &d->base))
			continue;
		if (reg(d, MAGIC) == MAGIC_VALUE && reg(d, DEVICE_ID) == BLOCK_DEVICE)
			return true;
	}
	return false;
}

const char *block_open(struct block_device *d)
{
	if (!find(d))
		return "no virtio block device on the command line";
	d->version = reg(d, VERSION);
	if (d->version != 2)
		return "the device is a legacy one (QEMU: -global virtio-mmio.force-legacy=false)";
	set(d, STATUS, 0);
	for (u32 i = 0; reg(d, STATUS); i++)
		if (i == 1000)
			return "the device does not reset";
	set(d, STATUS, ACKNOWLEDGED);
	set(d, STATUS, ACKNOWLEDGED | DRIVER);
	set(d, DEVICE_FEATURES_SELECT, 1);
	if (!(reg(d, DEVICE_FEATURES) & FEATURE_VERSION_1))
		return "the device does not offer VIRTIO_F_VERSION_1";
	set(d, DEVICE_FEATURES_SELECT, 0);
	u32 offered = reg(d, DEVICE_FEATURES);
	d->read_only = offered & FEATURE_READ_ONLY;
	d->can_flush = offered & FEATURE_FLUSH;
	set(d, DRIVER_FEATURES_SELECT, 0);
	set(d, DRIVER_FEATURES, offered & (FEATURE_READ_ONLY | FEATURE_FLUSH));
	set(d, DRIVER_FEATURES_SELECT, 1);
	set(d, DRIVER_FEATURES, FEATURE_VERSION_1);
	set(d, STATUS, ACKNOWLEDGED | DRIVER | FEATURES_OK);
	if (!(reg(d, STATUS) & FEATURES_OK))
		return "the device refuses the features";
	set(d, QUEUE_SELECT, 0);
	if (reg(d, QUEUE_SIZE_MAX) < QUEUE_LENGTH || reg(d, QUEUE_READY))
		return "the device has no free queue of 4 entries";
	set(d, QUEUE_SIZE, QUEUE_LENGTH);
	set_address(d, QUEUE_DESCRIPTORS, queue.descriptors);
	set_address(d, QUEUE_DRIVER, &queue.driver);
	set_address(d, QUEUE_DEVICE, &queue.device);
	queue.driver.flags = NO_INTERRUPT;
	set(d, QUEUE_READY, 1);
	set(d, STATUS, ACKNOWLEDGED | DRIVER | FEATURES_OK | DRIVER_OK);
	d->sectors = reg(d, CONFIG_CAPACITY) | (u64)reg(d, CONFIG_CAPACITY + 4) << 32;
	return 0;
}

static void describe(u32 i, void *address, u32 length, u16 flags)
{
	queue.descriptors[i].address = (u64)address;
	queue.descriptors[i].length = length;
	queue.descriptors[i].flags = flags;
	queue.descriptors[i].next = (u16)(i + 1);
}

const char *block_request(struct block_device *d, enum block_operation operation, u64 sector, void *buffer, u32 bytes,
			  void (*waiting)(void))
{
	u32 n = 0;
	queue.header.type = operation;
	queue.header.sector = sector;
	queue.status = 0xff;
	describe(n++, &queue.header, sizeof queue.header, NEXT);
	if (bytes)
		describe(n++, buffer, bytes, NEXT | (operation == BLOCK_READ ? DEVICE_WRITES : 0));
	describe(n, &queue.status, 1, DEVICE_WRITES);
	u16 index = queue.driver.index;
	queue.driver.ring[index % QUEUE_LENGTH] = 0;
	compiler_barrier();
	*(volatile u16 *)&queue.driver.index = (u16)(index + 1);
	full_fence();
	set(d, QUEUE_NOTIFY, 0);
	u64 start = rdtsc();
	while (*(volatile u16 *)&queue.device.index != (u16)(index + 1)) {
		if (waiting)
			waiting();
		u64 passed = rdtsc() - start;
		if (passed > us_to_cycles(TIMEOUT_US) && passed < us_to_cycles(100ull * TIMEOUT_US)) {
			if (reg(d, STATUS) & NEEDS_RESET)
				return "the device failed and needs a reset";
			return "no answer in 10 seconds";
		}
		cpu_pause();
	}
	compiler_barrier();
	switch (*(volatile u8 *)&queue.status) {
	case 0:
		return 0;
	case 1:
		return "the device reports an I/O error";
	case 2:
		return "the device does not support the request";
	default:
		return "the device gave no valid status";
	}
}
