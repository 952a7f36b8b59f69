/* broker/bootkey.h: the key that a broker makes for one boot session, and what
 * binds the two and a token (doc/wire/boot.md).
 */
#pragma once
#include "net/leg.h"
#include "wire/boot.h"
#include <openssl/types.h>

/** bootkey_make() - a new key, in memory, and a request for its certificate
 * @key: owned by the caller, also after a failure; as @to is, whose csr is set
 * @audience: of the token that is good for this key and the session of @leg
 * @leg: over which TLS is up; NULL: it has ended
 * Return: 0; -EPROTO: the session has ended; -ENOMEM. */
MUST_USE int bootkey_make(EVP_PKEY **key, struct boot_request *to,
    char audience[BOOT_AUDIENCE + 1], struct leg *leg);
