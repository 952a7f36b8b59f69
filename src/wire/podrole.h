/* wire/podrole.h: the role that a pod logs in with when none is given.
 */
#pragma once
#include "base/secret.h"

enum { PODROLE_MOST = 128 };

/** podrole_of() - from a ServiceAccount's token: "NAMESPACE.NAME" of its sub
 * "system:serviceaccount:NAMESPACE:NAME"
 * The token is not checked here; the store does that.
 * Return: 0; -EINVAL: not such a token. */
MUST_USE int podrole_of(char out[PODROLE_MOST + 1], const struct secret *jwt);
