#include "broker/bootway.h"
#include "net/loop.h"

enum { RETIRE_MS = 60000 }; /* for the streams of a tunnel that makes room */
enum { LEGS_TRIED = 2 };    /* beacons at once: the first that answers counts */

struct bootway {
	struct loop *loop;
	struct uplink *uplink;
	struct uplink_config config;
	const struct bootway_events *events;
	void *ctx;
	/* over beacons, while there is a wish */
	struct route *route;
	struct tls_context *outer;
	struct identity *identity; /* our own copy; NULL: bare */
	/* by the listener of the tunnels */
	bool wishing, borrowed;
	unsigned target; /* of the leg that is borrowed */
};

/* ---- over beacons ------------------------------------------------------- */

static void drop_visit(struct bootway *w)
{
	route_close(STEAL(w->route));
	tls_context_free(STEAL(w->outer));
	identity_free(STEAL(w->identity));
}

static void on_leg(void *ctx, struct leg *leg, unsigned target)
{
	struct bootway *w = ctx;

	(void)target;
	drop_visit(w);
	w->events->leg(w->ctx, leg);
}

static void on_target(void *ctx, unsigned target, const struct fault *fault)
{
	struct bootway *w = ctx;
	struct route_state state;
	struct fault own;

	if (!fault)
		return;
	route_look(w->route, target, &state);
	own = *fault;
	if (!strstr(own.text, state.target))
		fault_wrap(&own, "over %s", state.target);
	w->events->failed(w->ctx, &own);
}

static const struct route_events route_events = {
	.leg = on_leg,
	.target = on_target,
};

/* A certificate that has ended proves nothing, so the leg is bare then. */
static void prove_if_possible(struct bootway *w, struct beaconc_config *beacon)
{
	const struct identity *id =
	    w->uplink ? uplink_identity(w->uplink) : NULL;

	if (!id || identity_new(&w->identity, id->leaf, id->key, id->ca, NULL))
		return;
	beacon->identity = w->identity;
	beacon->name = w->identity->subject.name;
}

/* TLS of the beacon is not shed: a session is a few messages. */
static int visit(struct bootway *w, const uint8_t *hash, struct fault *fault)
{
	struct route_config route = w->config.route;
	const struct beaconc_trust trust = { .ca_file = w->config.beacon_ca,
		.pin_hex = w->config.beacon_pin };
	int r = beaconc_outer_context(&w->outer, &trust, fault);

	if (hash)
		memcpy(route.beacon.hash, hash, sizeof(route.beacon.hash));
	else if (!r)
		r = realm_of(route.beacon.hash, w->config.ca);
	if (r)
		return r;
	route.keep = ROUTE_SOME;
	route.count = route.n_targets < LEGS_TRIED ? (unsigned)route.n_targets
						   : LEGS_TRIED;
	route.beacon.role = FRAME_CONNECT;
	route.beacon.outer = w->outer;
	route.beacon.require_proven = false;
	route.beacon.shed = false;
	prove_if_possible(w, &route.beacon);
	return route_open(&w->route, w->loop, &route, &route_events, w, fault);
}

/* ---- by the listener of the tunnels ------------------------------------- */

static void on_lent(void *ctx, struct leg *leg, unsigned target)
{
	struct bootway *w = ctx;

	w->wishing = false;
	w->borrowed = true;
	w->target = target;
	w->events->leg(w->ctx, leg);
}

static void drop_loan(struct bootway *w)
{
	if (w->wishing)
		uplink_borrow(w->uplink, NULL, NULL, 0);
	if (w->borrowed)
		uplink_return(w->uplink, w->target);
	w->wishing = w->borrowed = false;
}

/* ---- both --------------------------------------------------------------- */

int bootway_wish(
    struct bootway *w, const uint8_t hash[FRAME_HASH], struct fault *fault)
{
	int r;

	INVARIANT(!w->route && !w->wishing && !w->borrowed);
	if (w->config.route.kind == ROUTE_BEACON) {
		r = visit(w, hash, fault);
		if (r)
			drop_visit(w);
		return r;
	}
	w->wishing = true;
	uplink_borrow(w->uplink, on_lent, w, RETIRE_MS);
	return 0;
}

void bootway_end(struct bootway *w)
{
	drop_visit(w);
	drop_loan(w);
}

void bootway_aim(struct bootway *w, const struct bootway_order *order)
{
	bootway_end(w);
	w->uplink = order->uplink;
	w->config = *order->config;
}

int bootway_new(struct bootway **out, const struct bootway_order *order,
    const struct bootway_events *events, void *ctx)
{
	struct bootway *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->loop = order->loop;
	bootway_aim(w, order);
	w->events = events;
	w->ctx = ctx;
	*out = w;
	return 0;
}

void bootway_free(struct bootway *w)
{
	if (!w)
		return;
	bootway_end(w);
	free(w);
}
