/* wire/storeaddress.h: what an address of a secret store may be. Whoever
 * registers a cluster and the bridge that is then let in both ask here, so
 * neither takes what the other refuses. Pure; whether plain HTTP may be, who
 * connects says (link/web.h).
 */
#pragma once
#include "base/fault.h"

enum { STOREADDRESS_MOST = 512 }; /* characters */

/** storeaddress_check() - https://HOST[:PORT][/PATH], or http://
 * The scheme may be in any case, an address of version 6 may name its zone
 * (RFC 6874). The path is what the store's own /v1 stands below; a slash may
 * end it.
 * @option: where it was said, for @fault; in which no password is told
 * Return: 0; -EINVAL with @fault. */
MUST_USE int storeaddress_check(
    const char *text, const char *option, struct fault *fault);

/** storeaddress_complete() - of one as people write it: without a scheme it is
 * https; a slash, or the API's own /v1, at its end is left out
 * Return: as storeaddress_check(). */
MUST_USE int storeaddress_complete(char out[STOREADDRESS_MOST + 1],
    const char *text, const char *option, struct fault *fault);
