/* cli/bridgecheck.h: is it the bridge that answers? TLS with whoever is at the
 * other end of a leg, as a client without a certificate.
 */
#pragma once
#include "cli/probe.h"
#include <openssl/types.h>

/* Their place in a table: one after the other. */
enum { BRIDGECHECK_TLS, BRIDGECHECK_PIN, BRIDGECHECK_ROLE, BRIDGECHECK_HOPS };
#define BRIDGECHECK_ROWS(first)                                                \
	{ first, "who answers there speaks Pharos' protocol",                  \
		"Do the bridge and this have versions that fit?" },            \
	    { "pin", "a certificate of the bridge's CA",                       \
		    "Somebody else answers, or the bridge has a certificate "  \
		    "of another CA: register the cluster again with pharos "   \
		    "source register, and give the broker the new join "       \
		    "string." },                                               \
	{                                                                      \
		"role", "the role bridge, in that CA's realm",                 \
		    "Not a bridge: look at whose certificate it is."           \
	}

struct bridgecheck_order {
	struct leg *lower; /* taken */
	X509 *ca;	   /* of the bridge */
	const char *alpn;  /* of the session */
	size_t first;	   /* hop */
};
/** bridgecheck() - those three, from hop order->first of @c on
 * @out: the leg, the caller's; NULL: one has failed
 * Return: 0, whatever the hops say; -errno with @fault. */
MUST_USE int bridgecheck(struct leg **out, struct probe *p, struct checks *c,
    const struct bridgecheck_order *order, struct fault *fault);
