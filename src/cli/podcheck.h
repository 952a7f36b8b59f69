/* cli/podcheck.h: what a pod does at the broker, hop by hop: CONNECT, the
 * sealed session with the bridge, login, one read.
 */
#pragma once
#include "cli/bridgecheck.h"

enum {
	PODCHECK_CONNECT,
	PODCHECK_SEALED, /* and BRIDGECHECK_PIN, BRIDGECHECK_ROLE */
	PODCHECK_LOGIN = PODCHECK_SEALED + BRIDGECHECK_HOPS,
	PODCHECK_READ,
	PODCHECK_HOPS
};
#define PODCHECK_ROWS                                                          \
	{ "connect", "the broker carries a session to the bridge",             \
		"407: give --broker-token-file. 503: it has no tunnel." },     \
	    BRIDGECHECK_ROWS("sealed tls"),                                    \
	    { "login", "the store takes the pod's token",                      \
		    "pharos target validate, with that --namespace and "       \
		    "--serviceaccount, says what the store has for it." },     \
	{                                                                      \
		"read", "the pod may read it, and it is there",                \
		    "pharos source grant with that --path; or write the "      \
		    "secret."                                                  \
	}

/* All borrowed. */
struct podcheck_order {
	const char *target;	       /* "host:port" of the broker */
	const char *ca_file;	       /* of the broker; NULL: the system's */
	const char *token_file;	       /* of the pod, for the store */
	const char *broker_token_file; /* for the broker; NULL: none */
	X509 *ca;		       /* of the bridge */
	const char *mount, *role;      /* role NULL: as the token says */
	const char *path;	       /* NULL: nothing is read */
	size_t first;		       /* hop */
};
/** podcheck() - those hops, from order->first of @c on
 * Return: 0, whatever the hops say; -errno with @fault: a file. */
MUST_USE int podcheck(struct probe *p, struct checks *c,
    const struct podcheck_order *order, struct fault *fault);
