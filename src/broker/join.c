#include "broker/join.h"
#include "base/file.h"
#include "net/address.h"
#include <openssl/x509v3.h>

enum { TUNNELS_LIVE = 2 };

/* ---- the join string ---------------------------------------------------- */

/* Either is fine: a line as it was printed, or without its end. */
static int read_file(char **out, const char *file, struct fault *fault)
{
	int r = file_read(out, NULL, file, JOINSTRING_MOST + 2);

	if (r) {
		file_fault(fault, r, file, JOINSTRING_MOST + 2);
		return r < 0 ? r : -EINVAL;
	}
	(*out)[strcspn(*out, "\r\n")] = '\0';
	return 0;
}

static int take_ca(struct join *j, struct fault *fault)
{
	const uint8_t *at = j->said.ca;
	X509 *ca = d2i_X509(NULL, &at, (long)j->said.n_ca);

	if (ca && at == j->said.ca + j->said.n_ca && X509_check_ca(ca) == 1) {
		j->ca = ca;
		return 0;
	}
	X509_free(ca);
	return fault_set(fault, -EINVAL,
	    "Paste it again as `pharos source register` printed it.",
	    "the certificate in it is no CA's");
}

static int take(struct join *j, const char *text, struct fault *fault)
{
	if (joinstring_read(&j->said, text, fault))
		return -EINVAL;
	for (size_t i = 0; i < j->said.n_beacons; i++)
		j->beacons[i] = j->said.beacon[i];
	return take_ca(j, fault);
}

int join_read(struct join *j, const struct config *config, struct fault *fault)
{
	CLEANUP(free_p) char *text = NULL;
	int r;

	if (config->join) {
		r = take(j, config->join, fault);
		return r ? fault_wrap(fault, "--join") : 0;
	}
	if (!config->join_file)
		return 0;
	r = read_file(&text, config->join_file, fault);
	if (!r)
		r = take(j, text, fault);
	return r ? fault_wrap(fault, "--join-file %s", config->join_file) : 0;
}

void join_clear(struct join *j)
{
	X509_free(j->ca);
	j->ca = NULL;
}

void join_profile(
    const struct join *j, const struct config *config, struct profile *profile)
{
	uplink_options_profile(&config->uplink, profile);
	if (config->uplink.mode == UPLINK_REVERSE || !j->ca)
		return;
	for (size_t i = 0; i < j->said.n_beacons; i++)
		profile_port(profile, address_port_of(j->beacons[i]));
}

/* ---- the uplink --------------------------------------------------------- */

/* --beacon-address wins over the join string. */
static void use_beacons(struct route_config *route, const struct join *j)
{
	if (!route->n_targets && j->ca) {
		route->option = "--join";
		route->targets = j->beacons;
		route->n_targets = j->said.n_beacons;
	}
	route->keep = ROUTE_SOME;
	route->count = route->n_targets < TUNNELS_LIVE
			   ? (unsigned)route->n_targets
			   : TUNNELS_LIVE;
}

void join_config(struct uplink_config *out, const struct join *j,
    const struct config *config)
{
	*out = (struct uplink_config){
		.ca = j->ca,
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
	uplink_options_use(&config->uplink, out);
	if (config->uplink.mode == UPLINK_BEACON)
		use_beacons(&out->route, j);
}

/* ---- what a status page shows ------------------------------------------- */

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
