/* Parameters from the kernel command line: words of key=value, separated by blanks. */
#pragma once
#include "types.h"

/* The whole line as the host gave it, cut at 4095 bytes. */
extern char command_line[4096];

/* Value of the index-th word with this key copied into `to` (cut to fit); false if there is none. */
bool option_text_at(const char *key, u32 index, char *to, size_t bytes);
bool option_text(const char *key, char *to, size_t bytes);
/* Number or size: decimal or 0x, with an optional k, m or g. A value that is no number is the default. */
u64 option_number(const char *key, u64 otherwise);
/* True if the option has just this value. */
bool option_is(const char *key, const char *value);

/* Reads a number with its suffix and moves *text behind it; false if there is none. */
bool parse_number(const char **text, u64 *value);
