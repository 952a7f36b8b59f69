/* wire/fieldhash.h: SHA-256 over fields, each behind its length, so that no two
 * lists of fields give the same bytes.
 */
#pragma once
#include "base/err.h"
#include <sodium.h>

/** fieldhash_add() - a u32 length, big-endian, and the @n bytes */
void fieldhash_add(crypto_hash_sha256_state *hash, const void *bytes, size_t n);
