/* beacon/allow.h: the info hashes that a beacon serves (--allow FILE).
 *
 * A line is 64 hex digits; blank lines and what follows a '#' are skipped.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "wire/frame.h"

enum { ALLOW_HASHES_MOST = 20000 };

struct allow;

/** allow_load() - read the file
 * Return: 0; -errno or -EINVAL with @fault naming file and line. */
MUST_USE int allow_load(
    struct allow **out, const char *path, struct fault *fault);
void allow_free(struct allow *a);
void allow_freep(struct allow **a);
/** allow_has() - NULL allows every hash */
bool allow_has(const struct allow *a, const uint8_t hash[FRAME_HASH]);
