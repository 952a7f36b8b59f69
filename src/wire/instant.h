/* wire/instant.h: a moment as text that people and programs both sort:
 * "2026-11-21T21:00:00Z" (RFC 3339, UTC, whole seconds), and back.
 */
#pragma once
#include "base/err.h"

enum { INSTANT_TEXT_SIZE = 20 };
/* The years 1970 to 9999. */
#define INSTANT_MOST INT64_C(253402300799)

/** instant_write() - @at: seconds since 1970, 0 to INSTANT_MOST */
void instant_write(char out[INSTANT_TEXT_SIZE + 1], int64_t at);
/** instant_read() - exactly that form; no leap second
 * Return: 0; -EINVAL. */
MUST_USE int instant_read(int64_t *out, const char *text);

enum { INSTANT_E_PAST = 1 }; /* not behind @now */
/** instant_read_end() - a moment to come: as above, or from @now on: "90m",
 * "12h", "30d", "2w"
 * Return: 0; INSTANT_E_PAST; -EINVAL. */
MUST_USE int instant_read_end(int64_t *out, const char *text, int64_t now);
