#include "broker/join.h"

enum { TUNNELS_LIVE = 2 };

static struct uplink_config uplink_of(const struct config *config)
{
	size_t beacons = config->uplink.beacon_address.n_items;
	struct uplink_config uplink = {
		.role = ROLE_BROKER,
		.peer_role = ROLE_BRIDGE,
		.end = TLS_CLIENT,
		.route = { .kind = ROUTE_ACCEPT,
		    .keep = ROUTE_EVERY,
		    .option = "--reverse-listen",
		    .targets = (const char *const *)&config->reverse_listen,
		    .n_targets = 1,
		    .beacon = { .role = FRAME_CONNECT } },
	};

	if (config->uplink.mode == UPLINK_BEACON) {
		uplink.route.keep = ROUTE_SOME;
		uplink.route.count =
		    beacons < TUNNELS_LIVE ? (unsigned)beacons : TUNNELS_LIVE;
	}
	uplink_options_use(&config->uplink, &uplink);
	return uplink;
}

int join_open(struct uplink **out, struct loop *loop,
    const struct config *config, struct fault *fault)
{
	const struct uplink_config uplink = uplink_of(config);

	return uplink_open(out, loop, &uplink, fault);
}

int join_prepare(struct papers **out, const struct uplink *u,
    const struct config *config, struct fault *fault)
{
	const struct uplink_config uplink = uplink_of(config);

	return uplink_prepare(out, u, &uplink, fault);
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
