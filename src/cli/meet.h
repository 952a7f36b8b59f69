/* cli/meet.h: the way of a broker to its bridge, hop by hop: the beacon, what
 * it says, who answers behind it.
 */
#pragma once
#include "cli/probe.h"
#include "net/beaconc.h"
#include <openssl/types.h>

struct meet_order {
	const char *beacon; /* "host:port" */
	struct beaconc_trust trust;
	X509 *ca; /* of the bridge */
	const char
	    *alpn; /* of the session with it: BOOT_ALPN, or TUNNEL_ALPN */
	unsigned wait_ms; /* for the bridge, once registered */
};
/** meet_check() - try it; @out has every hop then
 * Return: 0, whatever the hops say; -errno with @fault: it could not be tried
 * (a file of @order). */
MUST_USE int meet_check(struct checks *out, struct probe *p,
    const struct meet_order *order, struct fault *fault);
