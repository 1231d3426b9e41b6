/* Constants shared by assembly and C. */
#pragma once

#define MAX_CPUS 64

/* Beside the exit device, which takes up to four ports from 0xf4. Nobody needs to answer it. */
#define BOOT_MARK_PORT 0xf8
#define EXIT_PORT 0xf4
#define RESET_PORT 0x64
#define SERIAL_PORT 0x3f8

#define KERNEL_CODE32 0x08
#define KERNEL_CODE64 0x10
#define KERNEL_DATA 0x18
#define USER_DATA 0x2b
#define USER_CODE 0x33
#define TSS_SELECTOR(cpu) (0x40 + 16 * (cpu))
#define GDT_BYTES (0x40 + 16 * MAX_CPUS)

/* Where application processors start: a free page below 1 MiB. */
#define TRAMPOLINE 0x8000
