/* net/tunnel.h: a mutually authenticated TLS 1.3 session over a leg, carrying
 * HTTP/2. doc/wire/tunnel.md is the specification.
 *
 * Who dialled, who is TLS server and who sends requests are three separate
 * facts. In the tunnel between bridge and broker the bridge is TLS server and
 * answers requests, on every route. The peer is accepted by the role in its URI
 * SAN and by its realm, never by "chains to the root" alone.
 *
 * A tunnel set keeps tunnels alive over a route, sends on one, and fails over.
 */
#pragma once
#include "base/fault.h"
#include "net/http.h"
#include "net/httpd.h"
#include "net/route.h"
#include "net/tls.h"
#include "pki/identity.h"

#define TUNNEL_ALPN	   "pharos-tunnel/1"
#define TUNNEL_SEALED_ALPN "pharos-sealed/1"
#define TUNNEL_BRIDGE_NAME "bridge.pharos"

struct tunnel;

struct tunnel_events {
	void (*up)(void *ctx, struct tunnel *t);
	/* last call; the struct is freed after it. @fault: why; @was_up */
	void (*gone)(void *ctx, struct tunnel *t, const struct fault *fault,
	    bool was_up);
};

/** tunnel_context() - the TLS context of tunnels, for either end
 * The peer must show a certificate of @identity's CA, with role @peer_role.
 * Return: 0; -errno with @fault. */
MUST_USE int tunnel_context(struct tls_context **out, enum tls_end end,
    const struct identity *identity, enum role peer_role, struct fault *fault);

/** tunnel_answer() - the end that answers requests; @leg is taken
 * tunnel_ask() - the end that sends them
 * The TLS end is the context's. Handshake within 10 s; pings every 15 s; two
 * unanswered end it.
 * Return: 0; -ENOMEM. */
MUST_USE int tunnel_answer(struct tunnel **out, struct leg *leg,
    struct tls_context *context, struct httpd *handlers,
    const struct tunnel_events *events, void *ctx);
MUST_USE int tunnel_ask(struct tunnel **out, struct leg *leg,
    struct tls_context *context, const struct tunnel_events *events, void *ctx);
/** tunnel_close() - orderly: streams may end for @ms; `gone` comes
 * tunnel_cut() - at once; `gone` does not come */
void tunnel_close(struct tunnel *t, unsigned ms);
void tunnel_cut(struct tunnel *t);
/** tunnel_http() - to send requests on; NULL unless up and asking */
struct http_conn *tunnel_http(const struct tunnel *t);
/** tunnel_peer() - the peer's name from its URI SAN; "" until up */
const char *tunnel_peer(const struct tunnel *t);

struct tunnel_set;

struct tunnel_set_config {
	struct route_config route;
	struct tls_context *context;
	struct httpd *handlers; /* answering end; NULL: asking end */
	unsigned most;		/* tunnels at once; 0: 64; one over it is cut */
};

struct tunnel_set_events {
	/* the number of tunnels that are up has changed */
	void (*changed)(void *ctx, size_t up);
	/* for the log: a target or tunnel failed (@fault) or works (NULL) */
	void (*told)(void *ctx, const char *target, const struct fault *fault);
};

MUST_USE int tunnel_set_open(struct tunnel_set **out, struct loop *loop,
    const struct tunnel_set_config *config,
    const struct tunnel_set_events *events, void *ctx, struct fault *fault);
void tunnel_set_close(struct tunnel_set *s);
/** tunnel_set_pick() - the tunnel to send on: the oldest that is up and takes
 * streams; NULL if there is none */
struct http_conn *tunnel_set_pick(struct tunnel_set *s);
size_t tunnel_set_up(const struct tunnel_set *s);
struct route *tunnel_set_route(struct tunnel_set *s);
/** tunnel_set_last_fault() - text of the last failure, "" if none since up */
const char *tunnel_set_last_fault(const struct tunnel_set *s);
