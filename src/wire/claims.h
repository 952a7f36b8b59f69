/* wire/claims.h: what a token claims of itself, unchecked.
 *
 * For whoever does not decide by it: a process that reads its own name, or how
 * long an answer about a token can be good at most. wire/jwt.h checks.
 */
#pragma once
#include "wire/json.h"

enum { CLAIMS_MOST = 8192 }; /* bytes of a token's claims */

/** claims_read() - the middle part of a compact JWS (RFC 7515)
 * @token: NUL-terminated
 * @out: an object in which no name comes twice; to be counted down
 * Return: 0; -EINVAL: not such a token, or too large. */
MUST_USE int claims_read(json_t **out, const char *token);
