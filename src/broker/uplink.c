#include "broker/uplink.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/tunnelset.h"
#include <stdio.h>
#include <sys/queue.h>

enum { TUNNELS_LIVE = 2, TARGET_TEXT = 264 };

/* A tunnel that is up, for status and log. */
struct line {
	TAILQ_ENTRY(line) of_uplink;
	const struct tunnel *tunnel;
	char target[TARGET_TEXT];
	uint64_t since;
};

TAILQ_HEAD(lines, line);

struct uplink {
	struct loop *loop;
	struct identity *identity;
	struct tunnel_trust trust;
	struct tls_context *tunnel_tls;
	struct tls_context *outer_tls; /* CONFIG_BEACON */
	struct tunnel_set *set;
	struct lines lines;
};

/* ---- what the set tells */

static void on_up(void *ctx, struct tunnel *t, const char *target)
{
	struct uplink *u = ctx;
	struct line *line = calloc(1, sizeof(*line));

	log_info("tunnel up", LOG_STR("peer", tunnel_peer(t)),
	    LOG_STR("target", target), LOG_UINT("up", tunnel_set_up(u->set)));
	if (!line)
		return; /* it works all the same, but no status shows it */
	line->tunnel = t;
	line->since = loop_now(u->loop);
	(void)snprintf(line->target, sizeof(line->target), "%s", target);
	TAILQ_INSERT_TAIL(&u->lines, line, of_uplink);
}

static void line_free(struct uplink *u, struct line *line)
{
	TAILQ_REMOVE(&u->lines, line, of_uplink);
	free(line);
}

static void on_gone(
    void *ctx, struct tunnel *t, const char *target, const struct fault *fault)
{
	struct uplink *u = ctx;
	struct line *line;

	log_warn("tunnel gone", LOG_STR("peer", tunnel_peer(t)),
	    LOG_STR("target", target),
	    LOG_STR("fault", fault->code ? fault->text : "closed by the peer"),
	    LOG_UINT("up", tunnel_set_up(u->set)));
	TAILQ_FOREACH (line, &u->lines, of_uplink) {
		if (line->tunnel != t)
			continue;
		line_free(u, line);
		return;
	}
}

static void on_told(void *ctx, const char *target, const struct fault *fault)
{
	(void)ctx;
	if (fault)
		log_warn("target failed", LOG_STR("target", target),
		    LOG_STR("fault", fault->text),
		    LOG_STR("hint", fault->hint));
	else
		log_info("target works", LOG_STR("target", target));
}

static const struct tunnel_set_events events = {
	.up = on_up,
	.gone = on_gone,
	.told = on_told,
};

/* ---- opening */

static int load_identity(
    struct uplink *u, const struct config *config, struct fault *fault)
{
	int r = identity_load(&u->identity, config->tls_cert, config->tls_key,
	    config->tls_ca, fault);

	if (r)
		return r;
	r = identity_expect(
	    u->identity, ROLE_BROKER, config->beacon_info_hash, fault);
	if (r)
		return fault_wrap(fault, "certificate %s with CA %s",
		    config->tls_cert, config->tls_ca);
	u->trust = (struct tunnel_trust){ .identity = u->identity,
		.end = TLS_CLIENT,
		.peer_role = ROLE_BRIDGE };
	return tunnel_context(&u->tunnel_tls, &u->trust, fault);
}

static int open_beacon(
    struct uplink *u, const struct config *config, struct fault *fault)
{
	const struct beaconc_trust trust = { .ca_file = config->beacon_ca,
		.pin_hex = config->beacon_pin };
	const struct option_list *beacons = &config->beacon_address;
	struct tunnel_set_config set = { .context = u->tunnel_tls };
	struct route_config *route = &set.route;
	int r = beaconc_outer_context(&u->outer_tls, &trust, fault);

	if (r)
		return r;
	route->kind = ROUTE_BEACON;
	route->keep = ROUTE_SOME;
	route->count = beacons->n_items < TUNNELS_LIVE
			   ? (unsigned)beacons->n_items
			   : TUNNELS_LIVE;
	route->targets = (const char *const *)beacons->items;
	route->n_targets = beacons->n_items;
	route->beacon = (struct beaconc_config){ .outer = u->outer_tls,
		.role = FRAME_CONNECT,
		.identity = u->identity,
		.require_proven = true,
		.name = u->identity->subject.name };
	memcpy(route->beacon.hash, u->identity->realm, FRAME_HASH);
	return tunnel_set_open(&u->set, u->loop, &set, &events, u, fault);
}

static int open_reverse(
    struct uplink *u, const struct config *config, struct fault *fault)
{
	const char *const target = config->reverse_listen;
	struct tunnel_set_config set = {
		.context = u->tunnel_tls,
		.route = { .kind = ROUTE_ACCEPT,
		    .keep = ROUTE_EVERY,
		    .targets = &target,
		    .n_targets = 1 },
	};

	return tunnel_set_open(&u->set, u->loop, &set, &events, u, fault);
}

int uplink_open(struct uplink **out, struct loop *loop,
    const struct config *config, struct fault *fault)
{
	struct uplink *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->loop = loop;
	TAILQ_INIT(&u->lines);
	r = load_identity(u, config, fault);
	if (!r)
		r = config->mode == CONFIG_REVERSE
			? open_reverse(u, config, fault)
			: open_beacon(u, config, fault);
	if (r)
		uplink_close(u);
	else
		*out = u;
	return r;
}

void uplink_close(struct uplink *u)
{
	if (!u)
		return;
	tunnel_set_close(u->set);
	while (!TAILQ_EMPTY(&u->lines))
		line_free(u, TAILQ_FIRST(&u->lines));
	tls_context_free(u->tunnel_tls);
	tls_context_free(u->outer_tls);
	identity_free(u->identity);
	free(u);
}

/* ---- use */

struct http_conn *uplink_pick(struct uplink *u)
{
	return tunnel_set_pick(u->set);
}

size_t uplink_up(const struct uplink *u)
{
	return tunnel_set_up(u->set);
}

const char *uplink_fault(const struct uplink *u)
{
	return tunnel_set_last_fault(u->set);
}

static uint64_t seconds_until(uint64_t now, uint64_t then)
{
	return then > now ? (then - now + 999) / 1000 : 0;
}

static void look_at_targets(const struct uplink *u, struct status *status)
{
	const struct route *route = tunnel_set_route(u->set);
	size_t n = route_targets(route);

	for (unsigned i = 0; i < n && i < STATUS_TARGETS_MOST; i++) {
		struct route_state state;

		route_look(route, i, &state);
		status->targets[status->n_targets++] = (struct status_target){
			.target = state.target,
			.live = state.live,
			.waiting = state.waiting,
			.rests_s = seconds_until(
			    loop_now(u->loop), state.resting_until),
			.last_error = state.last_fault,
		};
	}
}

void uplink_look(const struct uplink *u, struct status *status)
{
	const struct line *line;

	TAILQ_FOREACH (line, &u->lines, of_uplink) {
		if (status->n_tunnels == STATUS_TUNNELS_MOST)
			break;
		status->tunnels[status->n_tunnels++] = (struct status_tunnel){
			.peer = tunnel_peer(line->tunnel),
			.target = line->target,
			.age_s = (loop_now(u->loop) - line->since) / 1000,
		};
	}
	look_at_targets(u, status);
	status->last_error = uplink_fault(u);
}

int64_t uplink_expiry(const struct uplink *u)
{
	return tls_context_expiry(u->tunnel_tls);
}

const char *uplink_address(const struct uplink *u)
{
	return route_address(tunnel_set_route(u->set));
}
