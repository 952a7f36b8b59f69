/* lib/route.c: routes of libpharos-leg.
 *
 * A route is a loop of its own with a trunk on it (net/trunk.h); all that is
 * done here is to turn that loop when the caller says so, and to put other
 * words on it. A callback may close the route: that takes effect when the turn
 * is over, since the loop is still on the stack.
 */
#include "lib/inside.h"
#include "base/table.h"
#include <pthread.h>
#include <stdio.h>

enum { LINE_MOST = 1024, CONNECTING_TUNNELS = 1, LISTENING_LEGS = 4 };
enum { WAIT_MS = 30000 };

/* The size of the first version: what every caller has. */
#define CONFIG_LEAST                                                           \
	(offsetof(struct pharos_route_config, ctx) + sizeof(void *))

void error_of(struct pharos_error *error, const struct fault *fault)
{
	_Static_assert(sizeof(error->text) >= sizeof(fault->text) &&
			   sizeof(error->hint) >= sizeof(fault->hint),
	    "a fault fits");
	if (!error)
		return;
	memset(error, 0, sizeof(*error));
	error->code = fault->code;
	memcpy(error->text, fault->text, sizeof(fault->text));
	memcpy(error->hint, fault->hint, sizeof(fault->hint));
}

/* ---- turning */

void route_enter(struct pharos_route *route)
{
	if (!route->inside)
		loop_refresh(route->loop);
}

void route_leave(struct pharos_route *route)
{
	if (!route->inside)
		turn_arm(&route->turn, route->loop);
}

static void route_free(struct pharos_route *route)
{
	route->inside = true; /* nobody is to be woken any more */
	loop_cancel(route->loop, &route->patience);
	while (!TAILQ_EMPTY(&route->streams))
		pharos_stream_reset(TAILQ_FIRST(&route->streams));
	trunk_close(route->trunk);
	egress_close(route->egress, route->loop);
	loop_free(route->loop);
	turn_deinit(&route->turn);
	for (char **name = route->peer_names; name && *name; name++)
		free(*name);
	free(route->peer_names);
	free(route);
}

static void on_patience(struct wheel_timer *timer, uint64_t now)
{
	(void)timer; /* it has woken who waits */
	(void)now;
}

void route_wait_at_most(struct pharos_route *route, int ms)
{
	loop_refresh(route->loop);
	if (ms < 0)
		loop_cancel(route->loop, &route->patience);
	else
		loop_after(
		    route->loop, &route->patience, (uint64_t)ms, on_patience);
}

bool route_waits(const struct pharos_route *route)
{
	return wheel_armed(&route->patience);
}

bool route_turn(struct pharos_route *route, bool waits)
{
	turn_clear(&route->turn);
	route->inside = true;
	if (waits)
		loop_wait(route->loop);
	else
		loop_turn(route->loop);
	route->inside = false;
	if (route->closing) {
		route_free(route);
		return false;
	}
	turn_arm(&route->turn, route->loop);
	return true;
}

int pharos_route_fd(const struct pharos_route *route)
{
	return route->turn.epoll;
}

int pharos_route_wait(struct pharos_route *route, int ms)
{
	if (route->inside)
		return -EDEADLK;
	route_wait_at_most(route, ms);
	if (route_turn(route, true))
		loop_cancel(route->loop, &route->patience);
	return 0;
}

int pharos_route_dispatch(struct pharos_route *route)
{
	if (route->inside)
		return -EDEADLK;
	(void)route_turn(route, false);
	return 0;
}

/* ---- news */

static void on_told(void *ctx, const struct uplink_news *news)
{
	struct pharos_route *route = ctx;
	const struct fault *fault = news->fault;
	bool worry = fault && fault->code != -ESHUTDOWN;
	char line[LINE_MOST];

	if (!route->log || route->closing)
		return;
	(void)snprintf(line, sizeof(line), "%s: %s%s%s%s%s%s%s%s",
	    uplink_what_text(news->what), news->target,
	    *news->peer ? ", peer " : "", news->peer, fault ? ": " : "",
	    fault ? fault->text : "", fault && *fault->hint ? " (" : "",
	    fault ? fault->hint : "", fault && *fault->hint ? ")" : "");
	route->log(route->ctx, worry ? PHAROS_WARNING : PHAROS_INFO, line);
}

/* ---- opening */

static int bad(struct fault *fault, const char *text)
{
	return fault_set(
	    fault, -EINVAL, "pharos-leg(3) has the fields", "%s", text);
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

static int role_of(enum role *out, const char *text, struct fault *fault)
{
	*out = text ? role_parse(text) : ROLE_PIPE;
	return *out == ROLE_NONE ? bad(fault, "role: no such role") : 0;
}

static int check(const struct pharos_route_config *c, struct fault *fault)
{
	int ways = !!c->beacons + !!c->dial + !!c->accept;

	if (c->side != PHAROS_LISTEN && c->side != PHAROS_CONNECT)
		return bad(fault, "side: neither listen nor connect");
	if (!c->cert_file || !c->key_file || !c->ca_file)
		return bad(fault, "cert_file, key_file or ca_file is missing");
	if (ways != 1)
		return bad(
		    fault, "one of beacons, dial and accept says how to meet");
	if (c->side == PHAROS_LISTEN && !c->offered)
		return bad(fault, "offered is missing");
	return 0;
}

/* How to meet. @accept: room for a pointer that the route points to. */
static void use_way(struct trunk_config *to,
    const struct pharos_route_config *c, const char **accept)
{
	struct route_config *route = &to->uplink.route;
	bool listens = c->side == PHAROS_LISTEN;

	*accept = c->accept;
	to->uplink.beacon_ca = c->beacon_ca;
	to->uplink.beacon_pin = c->beacon_pin;
	route->beacon.shed = !c->keep_outer_tls;
	route->kind = c->beacons ? ROUTE_BEACON
		      : c->dial	 ? ROUTE_DIAL
				 : ROUTE_ACCEPT;
	route->targets = c->beacons ? c->beacons : c->dial ? c->dial : accept;
	route->n_targets =
	    c->accept ? 1 : count(c->beacons ? c->beacons : c->dial);
	route->keep = listens ? ROUTE_EVERY : ROUTE_SOME;
	route->count = c->tunnels;
	if (!c->tunnels)
		route->count =
		    listens && c->beacons ? LISTENING_LEGS : CONNECTING_TUNNELS;
	if (!listens && route->count > route->n_targets)
		route->count = (unsigned)route->n_targets;
}

static int copy_names(struct pharos_route *route, const char *const *names)
{
	size_t n = count(names);

	if (!n)
		return 0;
	route->peer_names = calloc(n + 1, sizeof(*route->peer_names));
	for (size_t i = 0; route->peer_names && i < n; i++) {
		route->peer_names[i] = strdup(names[i]);
		if (!route->peer_names[i])
			return -ENOMEM;
	}
	return route->peer_names ? 0 : -ENOMEM;
}

static int open_egress(struct pharos_route *route,
    const struct pharos_route_config *c, struct fault *fault)
{
	struct egress_words words;
	int r;

	egress_choose(&words, c->egress_proxy, getenv);
	if (c->egress_proxy)
		words.from = "egress_proxy";
	r = egress_new(&route->egress, &words, fault);
	if (!r)
		loop_set_egress(route->loop, route->egress);
	return r;
}

/* @accept: room for a pointer that @config points to */
static int trunk_config_of(struct trunk_config *config,
    struct pharos_route *route, const struct pharos_route_config *c,
    const char **accept, struct fault *fault)
{
	int r;

	*config = (struct trunk_config){
		.side = c->side == PHAROS_LISTEN ? TRUNK_LISTEN : TRUNK_CONNECT,
		.uplink = { .cert_file = c->cert_file,
		    .key_file = c->key_file,
		    .ca_file = c->ca_file,
		    .peer_names = (const char *const *)route->peer_names,
		    .n_peer_names =
			count((const char *const *)route->peer_names) },
		.offered = stream_offered,
		.told = on_told,
		.ctx = route,
		.wait_ms = c->wait_ms ? c->wait_ms : WAIT_MS,
	};
	r = role_of(&config->uplink.role, c->role, fault);
	if (!r)
		r = role_of(&config->uplink.peer_role, c->peer_role, fault);
	if (!r)
		use_way(config, c, accept);
	return r;
}

static int open_trunk(struct pharos_route *route,
    const struct pharos_route_config *c, struct fault *fault)
{
	struct trunk_config config;
	const char *accept;
	int r = trunk_config_of(&config, route, c, &accept, fault);

	return r ? r : trunk_open(&route->trunk, route->loop, &config, fault);
}

static int reload_trunk(struct pharos_route *route,
    const struct pharos_route_config *c, struct fault *fault)
{
	struct trunk_config config;
	const char *accept;
	int r = check(c, fault);

	if (!r && c->side != route->side)
		r = bad(fault, "side: it cannot change");
	if (!r)
		r = trunk_config_of(&config, route, c, &accept, fault);
	return r ? r : trunk_reload(route->trunk, &config, fault);
}

/* What the process has one of, drawn before two threads could at once. */
static void warm_up(void)
{
	struct table table;

	table_init(&table, 1);
}

static int route_new(struct pharos_route **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct pharos_route *route = calloc(1, sizeof(*route));
	int r;

	if (!route)
		return -ENOMEM;
	(void)pthread_once(&once, warm_up);
	TAILQ_INIT(&route->streams);
	r = loop_new(&route->loop);
	if (r) {
		free(route);
		return r;
	}
	r = turn_init(&route->turn, route->loop);
	if (r) {
		loop_free(route->loop);
		free(route);
		return r;
	}
	*out = route;
	return 0;
}

static int route_begin(struct pharos_route **out,
    const struct pharos_route_config *c, struct fault *fault)
{
	struct pharos_route *route;
	int r = check(c, fault);

	if (!r)
		r = route_new(&route);
	if (r)
		return r;
	route->side = c->side;
	route->offered = c->offered;
	route->log = c->log;
	route->ctx = c->ctx;
	r = copy_names(route, c->peer_names);
	if (!r)
		r = open_egress(route, c, fault);
	if (!r)
		r = open_trunk(route, c, fault);
	if (r) {
		route_free(route);
		return r;
	}
	route_leave(route);
	*out = route;
	return 0;
}

/* A caller that was built against a later header may have fields that we do
 * not know: it is refused if it uses them. */
static int take_config(struct pharos_route_config *to,
    const struct pharos_route_config *from, struct fault *fault)
{
	const char *rest = (const char *)from + sizeof(*to);

	if (from->size < CONFIG_LEAST)
		return bad(fault, "size: not set");
	for (size_t i = sizeof(*to); i < from->size; i++)
		if (*rest++)
			return bad(fault,
			    "the program uses what this version of the "
			    "library does not know yet");
	memset(to, 0, sizeof(*to));
	memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
	return 0;
}

int pharos_route_open(struct pharos_route **out,
    const struct pharos_route_config *config, struct pharos_error *error)
{
	struct pharos_route_config c = { .size = 0 };
	struct fault fault = FAULT_NONE;
	int r = take_config(&c, config, &fault);

	if (!r)
		r = route_begin(out, &c, &fault);
	if (r && !fault.code)
		fault_set(&fault, r, NULL, "%s", strerror(-r));
	error_of(error, &fault);
	return r;
}

int pharos_route_renew(struct pharos_route *route,
    const struct pharos_route_config *config, struct pharos_error *error)
{
	struct pharos_route_config c = { .size = 0 };
	struct fault fault = FAULT_NONE;
	int r = take_config(&c, config, &fault);

	route_enter(route);
	if (!r)
		r = reload_trunk(route, &c, &fault);
	route_leave(route);
	if (r && !fault.code)
		fault_set(&fault, r, NULL, "%s", strerror(-r));
	error_of(error, &fault);
	return r;
}

/* ---- the rest of its life */

void pharos_route_close(struct pharos_route *route)
{
	if (!route)
		return;
	if (route->inside)
		route->closing = true;
	else
		route_free(route);
}

void pharos_route_drain(struct pharos_route *route, unsigned ms)
{
	route_enter(route);
	trunk_drain(route->trunk, ms);
	route_leave(route);
}

int pharos_route_busy(const struct pharos_route *route)
{
	return uplink_busy(trunk_uplink(route->trunk)) ||
	       loop_lingers(route->loop);
}

unsigned pharos_route_tunnels(const struct pharos_route *route)
{
	return (unsigned)uplink_up(trunk_uplink(route->trunk));
}

const char *pharos_route_address(const struct pharos_route *route)
{
	return route_address(uplink_route(trunk_uplink(route->trunk)));
}

void pharos_route_error(
    const struct pharos_route *route, struct pharos_error *error)
{
	const char *last = uplink_last_fault(trunk_uplink(route->trunk));
	struct fault fault = FAULT_NONE;

	if (*last)
		fault_set(&fault, -ENOTCONN, NULL, "%s", last);
	error_of(error, &fault);
}
