#include "broker/join.h"

enum { TUNNELS_LIVE = 2 };

static void choose_beacons(
    struct uplink_config *uplink, const struct config *config)
{
	const struct option_list *beacons = &config->beacon_address;

	uplink->route = (struct route_config){
		.kind = ROUTE_BEACON,
		.keep = ROUTE_SOME,
		.count = beacons->n_items < TUNNELS_LIVE
			     ? (unsigned)beacons->n_items
			     : TUNNELS_LIVE,
		.targets = (const char *const *)beacons->items,
		.n_targets = beacons->n_items,
		.beacon = { .role = FRAME_CONNECT },
	};
	uplink->beacon_ca = config->beacon_ca;
	uplink->beacon_pin = config->beacon_pin;
}

int join_open(struct uplink **out, struct loop *loop,
    const struct config *config, struct fault *fault)
{
	const char *const here = config->reverse_listen;
	struct uplink_config uplink = {
		.cert_file = config->tls_cert,
		.key_file = config->tls_key,
		.ca_file = config->tls_ca,
		.info_hash = config->beacon_info_hash,
		.role = ROLE_BROKER,
		.peer_role = ROLE_BRIDGE,
		.end = TLS_CLIENT,
		.route = { .kind = ROUTE_ACCEPT,
		    .keep = ROUTE_EVERY,
		    .targets = &here,
		    .n_targets = 1 },
	};

	if (config->mode == CONFIG_BEACON)
		choose_beacons(&uplink, config);
	return uplink_open(out, loop, &uplink, fault);
}

static uint64_t seconds_until(uint64_t now, uint64_t then)
{
	return then > now ? (then - now + 999) / 1000 : 0;
}

static void look_at_targets(
    const struct uplink *u, uint64_t now, struct status *status)
{
	const struct route *route = uplink_route(u);
	size_t n = route_targets(route);

	for (unsigned i = 0; i < n && i < STATUS_TARGETS_MOST; i++) {
		struct route_state state;

		route_look(route, i, &state);
		status->targets[status->n_targets++] = (struct status_target){
			.target = state.target,
			.live = state.live,
			.waiting = state.waiting,
			.rests_s = seconds_until(now, state.resting_until),
			.last_error = state.last_fault,
		};
	}
}

void join_look(const struct uplink *u, uint64_t now, struct status *status)
{
	struct uplink_line lines[STATUS_TUNNELS_MOST];
	size_t n = uplink_lines(u, lines, N_ELEMS(lines));

	for (size_t i = 0; i < n; i++)
		status->tunnels[status->n_tunnels++] = (struct status_tunnel){
			.peer = lines[i].peer,
			.target = lines[i].target,
			.age_s = lines[i].age_ms / 1000,
		};
	look_at_targets(u, now, status);
	status->last_error = uplink_last_fault(u);
}
