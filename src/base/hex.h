/* base/hex.h: bytes as lower-case hex text, and back. */
#pragma once
#include "base/err.h"

/** hex_digit() - its value, of a lower- or upper-case digit; -1: it is none */
int hex_digit(char c);
/** hex_encode() - 2*@n digits and a NUL into @to */
void hex_encode(char *to, const void *bytes, size_t n);
/** hex_decode() - exactly 2*@n lower- or upper-case digits
 * Return: 0; -EINVAL: another length or character; @to is untouched. */
MUST_USE int hex_decode(void *to, size_t n, const char *text);
