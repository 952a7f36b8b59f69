/* net/tunnelset.h: keeps tunnels alive over a route, sends on one, fails over.
 *
 * A tunnel over a beacon that drains is closed in order, its streams may end,
 * as soon as another one to the same peer does not need that beacon.
 *
 * The route (net/route.h) says when and where; the set makes a tunnel of each
 * leg that comes, and tells the route when it has ended.
 */
#pragma once
#include "net/route.h"
#include "net/tunnel.h"

struct tunnel_set;

struct tunnel_set_config {
	struct route_config route;
	struct tls_context *context; /* as in struct tunnel_config; NULL: until
				tunnel_set_renew() legs that come are reset */
	struct httpd *handlers;
	unsigned most; /* tunnels at once; 0: 64; a leg over it is reset */
};

/* Called from the loop; the set may be closed from any of them. */
struct tunnel_set_events {
	/* a tunnel is up; or a tunnel that was up is gone, and why */
	void (*up)(void *ctx, struct tunnel *t, const char *target);
	void (*gone)(void *ctx, struct tunnel *t, const char *target,
	    const struct fault *fault);
	/* for the log: a target or a handshake failed (@fault), or the target
	 * works, for the first time or again (NULL): a beacon has registered
	 * us, or a dial is through */
	void (*told)(void *ctx, const char *target, const struct fault *fault);
	/* a guest (net/tunnel.h): @leg is the callee's, and counts neither as
	 * one of `most` nor as a leg of the route any more; NULL: none come */
	void (*guest)(void *ctx, struct leg *leg, const char *target);
};

MUST_USE int tunnel_set_open(struct tunnel_set **out, struct loop *loop,
    const struct tunnel_set_config *config,
    const struct tunnel_set_events *events, void *ctx, struct fault *fault);
void tunnel_set_close(struct tunnel_set *s);
/* @leg: as the route gave it, the callee's; @target: for tunnel_set_return() */
typedef void (*tunnel_set_lent_fn)(void *ctx, struct leg *leg, unsigned target);
/** tunnel_set_borrow() - the next leg that comes becomes no tunnel but is
 * @fn's, once; NULL: no more. If tunnels are up, the youngest is closed in
 * order (its streams may end for @ms), so that the peer sends another leg in
 * its place tunnel_set_return() - that leg has ended */
void tunnel_set_borrow(
    struct tunnel_set *s, tunnel_set_lent_fn fn, void *ctx, unsigned ms);
void tunnel_set_return(struct tunnel_set *s, unsigned target);
/** tunnel_set_cut() - at once, those whose peer @admit does not let in any
 * more; `gone` comes for each, and the set is not closed from it
 * Return: how many. */
size_t tunnel_set_cut(struct tunnel_set *s,
    bool (*admit)(void *ctx, const char *name), void *ctx);
/** tunnel_set_drain() - no new tunnels; those that are there take no more
 * streams, and those that run may end for @ms; `gone` comes for each
 * tunnel_set_busy() - are there tunnels, up or on their way? */
void tunnel_set_drain(struct tunnel_set *s, unsigned ms);
bool tunnel_set_busy(const struct tunnel_set *s);
/** tunnel_set_renew() - tunnels that come from now on use @context; borrowed,
 * as that of the configuration */
void tunnel_set_renew(struct tunnel_set *s, struct tls_context *context);
/** tunnel_set_pick() - the tunnel to send on: the oldest that is up and takes
 * streams, and of those rather one that owes no answer to a ping; NULL if there
 * is none */
struct http_conn *tunnel_set_pick(struct tunnel_set *s);
size_t tunnel_set_up(const struct tunnel_set *s);
struct route *tunnel_set_route(struct tunnel_set *s);
/** tunnel_set_refused() - legs reset because of @most, so far */
uint64_t tunnel_set_refused(const struct tunnel_set *s);
/** tunnel_set_last_fault() - text of the last failure, "" if none since up */
const char *tunnel_set_last_fault(const struct tunnel_set *s);
