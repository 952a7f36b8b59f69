/* net/route.h: how a leg is obtained: dial, accept or beacon. What runs above
 * never knows which.
 *
 * A route has targets and keeps legs coming. Two ways of keeping:
 *   ROUTE_EVERY  on every target always `count` legs on their way (the bridge:
 *                spare legs waiting at each beacon; or, by dial, `count` live)
 *   ROUTE_SOME   `count` legs in all, live or on their way, each on a target
 *                of its own, best first by rendezvous hashing of the info
 *                hash; the next target when one fails (the broker)
 *
 * A target that fails rests, with full-jitter back-off; net/routeplan.h has the
 * numbers. The owner says route_ended() when a leg that it got has ended.
 */
#pragma once
#include "base/fault.h"
#include "net/beaconc.h"
#include "net/leg.h"
#include "net/routeplan.h"

struct route;

enum route_kind { ROUTE_DIAL, ROUTE_ACCEPT, ROUTE_BEACON };

struct route_config {
	enum route_kind kind;
	enum route_keep keep;
	unsigned count;
	const char *const *targets; /* "host:port"; for ROUTE_ACCEPT one listen
				       address */
	size_t n_targets;	    /* at most ROUTE_TARGETS_MAX */
	const char *option; /* that named them, "--beacon-address", or NULL */
	struct beaconc_config beacon; /* ROUTE_BEACON; target is filled in, and
				shed may be cleared for a while */
	unsigned bare_spares; /* ROUTE_EVERY and ROUTE_BEACON: of `count`, so
				 many do not ask for a proven peer, where the
				 others do (beacon.require_proven); refilled at
				 most 10 times a minute, but for
				 route_welcome() */
};

/* Called from the loop; the route may be closed from any of them. */
struct route_events {
	/* a leg, the callee's; @target: index, for route_ended() */
	void (*leg)(void *ctx, struct leg *leg, unsigned target);
	/* something to tell the operator: a target failed, and @fault names the
	 * hop; or @fault is NULL: it works, for the first time or again (a
	 * beacon has registered us, or a dial is through). That a beacon begins
	 * to drain is always told. */
	void (*target)(void *ctx, unsigned target, const struct fault *fault);
};

/** route_open() - begin; strings are copied, contexts and identities borrowed.
 * Without beacon.outer a ROUTE_BEACON dials nothing before route_renew()
 * Return: 0; -errno with @fault (bad target, cannot listen). */
MUST_USE int route_open(struct route **out, struct loop *loop,
    const struct route_config *config, const struct route_events *events,
    void *ctx, struct fault *fault);
/** route_close() - legs on their way are dropped; legs handed out are not */
void route_close(struct route *r);
/** route_stop() - no more legs: those on their way are dropped, and nobody is
 * let in; everything else goes on until route_close() */
void route_stop(struct route *r);
/** route_renew() - (ROUTE_BEACON) visits that begin from now on use these; both
 * are borrowed */
void route_renew(struct route *r, struct tls_context *outer,
    const struct identity *identity);
/** route_ended() - a leg from @target has ended, or could not be used
 * route_cut_at_shed() - (before it) its fault was LEG_CUT_AT_SHED: for a while
 * legs from there keep outer TLS */
void route_ended(struct route *r, unsigned target);
/** route_welcome() - a leg that asked for no proof brought who was meant, so
 * the one that takes its place does not count: see bare_spares
 * @target: as text; one that is unknown is fine */
void route_welcome(struct route *r, const char *target);
void route_cut_at_shed(struct route *r, unsigned target);

/** route_address() - ROUTE_ACCEPT: where it listens, with the real port; else
 * NULL */
const char *route_address(const struct route *r);

/** route_order() - indices of the @n targets for an info hash, best first */
void route_order(uint8_t order[ROUTE_TARGETS_MAX],
    const uint8_t hash[FRAME_HASH], const char *const *targets, size_t n);

/* For status pages. */
struct route_state {
	const char *target;
	unsigned waiting; /* registered at the beacon, or on the way to it */
	unsigned live;
	uint64_t resting_until; /* loop_now() time; 0: not resting */
	const char *last_fault; /* "" when all is well; borrowed */
	bool draining; /* the beacon has said that it goes down, and has not
			  taken us in again */
};
size_t route_targets(const struct route *r);
void route_look(
    const struct route *r, unsigned target, struct route_state *out);
