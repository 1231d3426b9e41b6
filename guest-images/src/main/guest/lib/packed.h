/*
 * Numbers as few characters: groups of five bits, the lowest first, each a character of base64's alphabet
 * with the sixth bit set if another follows. Below 32 it is one character.
 */
#pragma once
#include "serial.h"

static inline void print_packed(u64 value)
{
	do {
		u32 digit = (u32)(value & 31) | (value >> 5 ? 32 : 0);
		value >>= 5;
		serial_put("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[digit]);
	} while (value);
}
