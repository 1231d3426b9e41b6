/* A polling driver for one virtio block device over MMIO (virtio 1.2, sections 4.2 and 5.2), one request at a time. */
#pragma once
#include "types.h"

#define SECTOR_SIZE 512u

enum block_operation { BLOCK_READ = 0, BLOCK_WRITE = 1, BLOCK_FLUSH = 4 };

struct block_device {
	u64 base;
	u64 sectors;
	bool read_only, can_flush;
	u32 version;
};

/* Finds the first block device the command line names and makes it ready; null, or what went wrong. */
const char *block_open(struct block_device *device);

/*
 * Carries out one request and waits for it, calling `waiting` (may be null) all the while. Null, or what
 * went wrong. `bytes` is a multiple of 512, `buffer` any guest memory.
 */
const char *block_request(struct block_device *device, enum block_operation operation, u64 sector, void *buffer,
			  u32 bytes, void (*waiting)(void));
