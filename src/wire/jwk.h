/* wire/jwk.h: what holds of a public key in JSON (RFC 7517) whoever reads it.
 */
#pragma once
#include "base/fault.h"
#include <jansson.h>

/** jwk_check_public() - a key with secret parts has no business in a set that
 * anybody may read, and whoever put it there has to hear of it
 * Return: 0; -EINVAL with @fault: it is a private or a symmetric one. */
MUST_USE int jwk_check_public(const json_t *jwk, struct fault *fault);
