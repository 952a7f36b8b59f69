/* broker/pods.h: the listener that pods come in by: HTTPS, HTTP/2 or 1.1.
 *
 *   CONNECT bridge.pharos:443   a sealed session with the bridge (carry)
 *   GET /v1/status              what the broker knows of itself
 *   /v1/…                       pass-through to the store (forward), if it is
 * on
 *
 * Each request passes the door first (quota, token); only then is it looked at.
 */
#pragma once
#include "broker/carry.h"
#include "broker/door.h"
#include "broker/forward.h"
#include "broker/status.h"
#include "net/tls.h"

struct pods;

struct pods_config {
	const char *address;
	/* counted up; NULL: it is to come by pods_renew(), and nobody is let
	 * in before */
	struct tls_context *tls;
	const struct secret *client_token; /* borrowed; NULL: none needed */
	struct reviewer *reviewer;	   /* borrowed; NULL: no reviews */
	const struct quota_rules *rules;
	struct carry *carry;	   /* borrowed */
	struct forward *forward;   /* borrowed; NULL: no pass-through */
	struct refusals *refusals; /* borrowed */
	/* fill in the status page */
	void (*look)(void *ctx, struct status *status);
	void *ctx;
};

/** pods_open() - listen and serve
 * Return: 0; -errno with @fault. */
MUST_USE int pods_open(struct pods **out, struct loop *loop,
    const struct pods_config *config, struct fault *fault);
/** pods_renew() - show newcomers @tls (counted up; NULL: what they are shown),
 * and ask them for @token
 * (borrowed; NULL: none) */
void pods_renew(
    struct pods *p, struct tls_context *tls, const struct secret *token);
/** pods_drain() - stop listening; requests and sessions that run may end for
 * @ms
 * pods_busy() - is somebody still connected? */
void pods_drain(struct pods *p, unsigned ms);
bool pods_busy(const struct pods *p);
/** pods_shut() - stop listening, cut the connections: their streams are told
 * pods_close() - once every session has ended; NULL is fine for both */
void pods_shut(struct pods *p);
void pods_close(struct pods *p);
/** pods_serve() - one more connection, which is taken */
void pods_serve(struct pods *p, struct leg *leg, enum http_version version);

const char *pods_address(const struct pods *p);

struct pods_gauges {
	uint64_t connections, sources, streams;
	uint64_t waiting;     /* streams, for the review of their token */
	uint64_t turned_away; /* connections closed at a limit, so far */
};
struct pods_gauges pods_gauges(const struct pods *p);
