#include "cmdline.h"

char command_line[4096];

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

bool option_text_at(const char *key, u32 index, char *to, size_t bytes)
{
	const char *p = command_line;
	while (*p) {
		while (is_blank(*p))
			p++;
		const char *k = key;
		while (*k && *p == *k)
			p++, k++;
		if (!*k && *p == '=' && index-- == 0) {
			size_t n = 0;
			for (p++; *p && !is_blank(*p); p++)
				if (n + 1 < bytes)
					to[n++] = *p;
			to[n] = 0;
			return true;
		}
		while (*p && !is_blank(*p))
			p++;
	}
	return false;
}

bool option_text(const char *key, char *to, size_t bytes) { return option_text_at(key, 0, to, bytes); }

bool parse_number(const char **text, u64 *value)
{
	const char *p = *text;
	u64 number = 0;
	u32 base = 10;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	const char *digits = p;
	for (;; p++) {
		u32 digit;
		char c = (char)(*p | 0x20);
		if (*p >= '0' && *p <= '9')
			digit = (u32)(*p - '0');
		else if (base == 16 && c >= 'a' && c <= 'f')
			digit = (u32)(c - 'a' + 10);
		else
			break;
		number = number * base + digit;
	}
	if (p == digits)
		return false;
	switch (*p | 0x20) {
	case 'g':
		number <<= 10; /* fall through */
	case 'm':
		number <<= 10; /* fall through */
	case 'k':
		number <<= 10;
		p++;
	}
	*text = p;
	*value = number;
	return true;
}

u64 option_number(const char *key, u64 otherwise)
{
	char text[32];
	const char *p = text;
	u64 value;
	return option_text(key, text, sizeof text) && parse_number(&p, &value) && !*p ? value : otherwise;
}

bool option_is(const char *key, const char *value)
{
	char text[64];
	return option_text(key, text, sizeof text) && text_equal(text, value);
}
