/* base/base64.h: base64 text from outside, to bytes (RFC 4648).
 *
 * There is one text for each content: nothing but the alphabet, no stray bits
 * in the last digit. libsodium decodes, but lets some bytes above 127 pass for
 * digits where char is signed (up to 1.0.18 at least); these are refused
 * before it sees them. To write, take sodium_bin2base64().
 */
#pragma once
#include "base/err.h"
#include <sys/types.h>

enum base64 {
	BASE64_PADDED, /* section 4, with its = signs */
	BASE64_LINES,  /* the same, with blanks and line ends anywhere */
	BASE64_URL,    /* section 5, without = signs */
};

/** base64_read() - the bytes that @n_text characters of @text stand for
 * @to: room for @most bytes; of any content when it fails
 * Return: how many bytes; -EINVAL: not that kind of base64, or more than @most.
 */
MUST_USE ssize_t base64_read(
    enum base64 kind, void *to, size_t most, const char *text, size_t n_text);
