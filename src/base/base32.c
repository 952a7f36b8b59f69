#include "base/base32.h"

char base32_digit(unsigned value)
{
	return "abcdefghijklmnopqrstuvwxyz234567"[value & 31];
}

int base32_value(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

void base32_encode(char *to, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	unsigned held = 0, bits = 0;

	for (size_t i = 0; i < n; i++) {
		held = (held << 8 | at[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5)
			*to++ = base32_digit(held >> (bits - 5));
	}
	if (bits)
		*to++ = base32_digit(held << (5 - bits));
	*to = '\0';
}

/* The bits that the last digit has over; they must be 0, or two texts would
 * stand for the same bytes. */
static bool spare_bits_clear(size_t n, char last)
{
	unsigned spare = (unsigned)(BASE32_DIGITS(n) * 5 - n * 8);

	return !((unsigned)base32_value(last) & ((1U << spare) - 1));
}

int base32_decode(void *to, size_t n, const char *text)
{
	size_t digits = BASE32_DIGITS(n);
	uint8_t *out = to;
	unsigned held = 0, bits = 0;

	for (size_t i = 0; i < digits; i++)
		if (base32_value(text[i]) < 0)
			return -EINVAL;
	if (text[digits] || (n && !spare_bits_clear(n, text[digits - 1])))
		return -EINVAL;
	for (size_t i = 0; i < digits; i++) {
		held = (held << 5 | (unsigned)base32_value(text[i])) & 0x1fff;
		bits += 5;
		if (bits < 8)
			continue;
		bits -= 8;
		*out++ = (uint8_t)(held >> bits);
	}
	return 0;
}
