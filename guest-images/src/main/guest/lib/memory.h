/* What RAM there is, and who uses it. Addresses are identity-mapped; pages are 4 KiB. */
#pragma once
#include "types.h"

/* Copies command line and memory map out of the start info, then maps all RAM. */
void memory_init(u64 start_info);

/* All RAM of the memory map in bytes, the part below 1 MiB too. */
extern u64 ram_bytes;
/* First address above all RAM and the mapped 4 GiB. */
extern u64 mapped_end;

bool is_ram(u64 address);

/* Free RAM above the image is one run of numbered pages, whatever holes the map has. */
u64 free_pages(void);
/* Guest page number (address / 4096) of the index-th free page. */
u64 page_number_at(u64 index);
/* Takes adjacent pages out of the free ones: their address, or 0. Renumbers the others. */
u64 take_pages(u64 count);

/* Maps one more GiB, so that accesses beyond RAM reach the host as device accesses. */
void map_gigabyte(u64 gigabyte);

_Noreturn void guest_main(void);
