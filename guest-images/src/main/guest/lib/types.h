#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define PAGE_SIZE 4096ull
#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* The compiler may call these by itself. */
void *memset(void *to, int value, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
size_t strlen(const char *text);
bool text_equal(const char *a, const char *b);
