/* base/base32.h: bytes as base32 digits (RFC 4648, section 6) without padding,
 * lower-case; and back.
 */
#pragma once
#include "base/err.h"

/* digits that @n bytes take, without a NUL */
#define BASE32_DIGITS(n) (((n)*8 + 4) / 5)

/** base32_encode() - BASE32_DIGITS(@n) digits and a NUL into @to */
void base32_encode(char *to, const void *bytes, size_t n);
/** base32_decode() - exactly @n bytes, from lower- or upper-case digits
 * Return: 0; -EINVAL: another length or character, or bits left over that are
 * not 0; @to is untouched. */
MUST_USE int base32_decode(void *to, size_t n, const char *text);
/** base32_value() - of one digit, 0..31; -1: it is none
 * base32_digit() - of one value below 32 */
int base32_value(char c);
char base32_digit(unsigned value);
