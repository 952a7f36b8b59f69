/* net/tunnelset.c
 *
 * The session table of tunnels: a member a leg that the route has given, in the
 * order in which their tunnels came up, so that the first that takes requests
 * is the one to send on. A member is there from the leg to the tunnel's end,
 * and the route is told once for each, so that it replaces it. There are at
 * most `most`; a leg over that is reset, and counted.
 *
 * Failing over is the caller's: a request that did not reach the peer
 * (HTTP_WHY_REFUSED, or the connection went before a byte was sent) is sent
 * again on what tunnel_set_pick() gives then.
 */
#include "net/tunnelset.h"
#include "net/loop.h"

#include <stdio.h>

enum { TUNNELS_MOST = 64 };
enum { RETIRE_MS = 300000 }; /* for the streams of a tunnel that retires */

struct member {
	struct member *next;
	struct tunnel_set *set;
	struct tunnel *tunnel;
	unsigned target;
	bool up;
	bool retired; /* closed in order, for a better one */
};

struct tunnel_set {
	struct loop *loop;
	struct tunnel_set_config config;
	const struct tunnel_set_events *events;
	void *ctx;
	struct route *route;
	struct member *members;
	size_t n_members, n_up;
	uint64_t refused;
	tunnel_set_lent_fn lend; /* the next leg; NULL: it becomes a tunnel */
	void *lend_ctx;
	char last_fault[FAULT_TEXT_MAX];
};

static const char *target_name(const struct tunnel_set *s, unsigned target)
{
	struct route_state state;

	route_look(s->route, target, &state);
	return state.target;
}

static void keep_fault(struct tunnel_set *s, const struct fault *fault)
{
	(void)snprintf(s->last_fault, sizeof(s->last_fault), "%s", fault->text);
}

static void member_append(struct tunnel_set *s, struct member *m)
{
	struct member **end = &s->members;

	while (*end)
		end = &(*end)->next;
	m->next = NULL;
	*end = m;
}

static void member_unlink(struct tunnel_set *s, struct member *m)
{
	struct member **at = &s->members;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
}

/* ---- beacons that go down */

static bool stays(const struct member *m)
{
	struct route_state state;

	route_look(m->set->route, m->target, &state);
	return m->up && !m->retired && !state.draining;
}

static bool can_go(const struct member *m)
{
	const char *peer = tunnel_peer(m->tunnel);

	if (!m->up || m->retired || stays(m))
		return false;
	for (struct member *o = m->set->members; o; o = o->next)
		if (stays(o) && !strcmp(tunnel_peer(o->tunnel), peer))
			return true;
	return false;
}

static void retire_members(struct tunnel_set *s)
{
	for (struct member *m = s->members; m; m = m->next) {
		if (!can_go(m))
			continue;
		m->retired = true;
		tunnel_close(m->tunnel, RETIRE_MS);
	}
}

static void member_on_up(void *ctx, struct tunnel *t)
{
	struct member *m = ctx;
	struct tunnel_set *s = m->set;

	m->up = true;
	s->n_up++;
	s->last_fault[0] = '\0';
	member_unlink(s, m);
	member_append(s, m);
	retire_members(s);
	s->events->up(s->ctx, t, target_name(s, m->target));
}

static void member_on_gone(
    void *ctx, struct tunnel *t, const struct fault *fault, bool was_up)
{
	struct member *m = ctx;
	struct tunnel_set *s = m->set;
	const char *target = target_name(s, m->target);
	struct fault own = *fault;

	fault_wrap(&own, "over %s", target);
	if (own.code == LEG_CUT_AT_SHED)
		route_cut_at_shed(s->route, m->target);
	route_ended(s->route, m->target);
	member_unlink(s, m);
	s->n_members--;
	free(m);
	keep_fault(s, &own);
	if (was_up) {
		s->n_up--;
		s->events->gone(s->ctx, t, target, &own);
	} else {
		s->events->told(s->ctx, target, &own);
	}
}

/* For the route its leg has ended, so another one waits in its place. */
static void member_on_guest(void *ctx, struct tunnel *t, struct leg *leg)
{
	struct member *m = ctx;
	struct tunnel_set *s = m->set;
	const char *target = target_name(s, m->target);

	(void)t;
	route_ended(s->route, m->target);
	member_unlink(s, m);
	s->n_members--;
	free(m);
	s->events->guest(s->ctx, leg, target);
}

static const struct tunnel_events member_events = {
	.up = member_on_up,
	.gone = member_on_gone,
	.guest = member_on_guest,
};

static int member_open(struct tunnel_set *s, struct leg *leg, unsigned target)
{
	struct member *m = calloc(1, sizeof(*m));
	struct tunnel_config config = {
		.context = s->config.context,
		.handlers = s->config.handlers,
		.events = &member_events,
		.ctx = m,
	};

	if (!m) {
		leg_reset(leg);
		return -ENOMEM;
	}
	m->set = s;
	m->target = target;
	if (tunnel_open(&m->tunnel, leg, &config)) {
		free(m);
		return -ENOMEM;
	}
	member_append(s, m);
	s->n_members++;
	return 0;
}

static void on_leg(void *ctx, struct leg *leg, unsigned target)
{
	struct tunnel_set *s = ctx;
	tunnel_set_lent_fn lend = STEAL(s->lend);
	bool full = s->n_members >= s->config.most;

	if (lend) {
		lend(s->lend_ctx, leg, target);
		return;
	}
	if (full || !s->config.context) {
		s->refused += full;
		leg_reset(leg);
		route_ended(s->route, target);
		return;
	}
	if (member_open(s, leg, target))
		route_ended(s->route, target);
}

static void on_target(void *ctx, unsigned target, const struct fault *fault)
{
	struct tunnel_set *s = ctx;

	if (fault)
		keep_fault(s, fault);
	retire_members(s);
	s->events->told(s->ctx, target_name(s, target), fault);
}

static const struct route_events route_events = {
	.leg = on_leg,
	.target = on_target,
};

int tunnel_set_open(struct tunnel_set **out, struct loop *loop,
    const struct tunnel_set_config *config,
    const struct tunnel_set_events *events, void *ctx, struct fault *fault)
{
	struct tunnel_set *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->config = *config;
	s->events = events;
	s->ctx = ctx;
	if (!s->config.most)
		s->config.most = TUNNELS_MOST;
	r = route_open(
	    &s->route, loop, &config->route, &route_events, s, fault);
	if (r) {
		free(s);
		return r;
	}
	*out = s;
	return 0;
}

void tunnel_set_close(struct tunnel_set *s)
{
	if (!s)
		return;
	while (s->members) {
		struct member *m = s->members;

		s->members = m->next;
		tunnel_cut(m->tunnel);
		free(m);
	}
	route_close(s->route);
	free(s);
}

/* The last of the list that is up; those that came before it carry more. */
static void retire_youngest(struct tunnel_set *s, unsigned ms)
{
	struct member *youngest = NULL;

	for (struct member *m = s->members; m; m = m->next)
		if (m->up && !m->retired)
			youngest = m;
	if (!youngest)
		return;
	youngest->retired = true;
	tunnel_close(youngest->tunnel, ms);
}

void tunnel_set_borrow(
    struct tunnel_set *s, tunnel_set_lent_fn fn, void *ctx, unsigned ms)
{
	s->lend = fn;
	s->lend_ctx = ctx;
	if (fn)
		retire_youngest(s, ms);
}

void tunnel_set_return(struct tunnel_set *s, unsigned target)
{
	route_ended(s->route, target);
}

static void member_shut_out(struct member *m)
{
	struct tunnel_set *s = m->set;
	const char *target = target_name(s, m->target);
	struct fault fault;

	fault_set(&fault, -EACCES, NULL, "tunnel: %s is shut out; over %s",
	    tunnel_peer(m->tunnel), target);
	route_ended(s->route, m->target);
	member_unlink(s, m);
	s->n_members--;
	s->n_up--;
	keep_fault(s, &fault);
	s->events->gone(s->ctx, m->tunnel, target, &fault);
	tunnel_cut(m->tunnel);
	free(m);
}

size_t tunnel_set_cut(
    struct tunnel_set *s, bool (*admit)(void *ctx, const char *name), void *ctx)
{
	struct member *next;
	size_t n = 0;

	for (struct member *m = s->members; m; m = next) {
		next = m->next;
		if (!m->up || admit(ctx, tunnel_peer(m->tunnel)))
			continue;
		member_shut_out(m);
		n++;
	}
	return n;
}

void tunnel_set_drain(struct tunnel_set *s, unsigned ms)
{
	route_stop(s->route);
	for (struct member *m = s->members; m; m = m->next)
		tunnel_close(m->tunnel, ms);
}

bool tunnel_set_busy(const struct tunnel_set *s)
{
	return s->n_members > 0;
}

void tunnel_set_renew(struct tunnel_set *s, struct tls_context *context)
{
	s->config.context = context;
}

struct http_conn *tunnel_set_pick(struct tunnel_set *s)
{
	struct http_conn *silent = NULL;

	for (struct member *m = s->members; m; m = m->next) {
		struct http_conn *c = m->up ? tunnel_http(m->tunnel) : NULL;

		if (!c || !http_conn_takes(c))
			continue;
		if (!http_conn_silent(c))
			return c;
		if (!silent)
			silent = c;
	}
	return silent;
}

size_t tunnel_set_up(const struct tunnel_set *s)
{
	return s->n_up;
}

struct route *tunnel_set_route(struct tunnel_set *s)
{
	return s->route;
}

uint64_t tunnel_set_refused(const struct tunnel_set *s)
{
	return s->refused;
}

const char *tunnel_set_last_fault(const struct tunnel_set *s)
{
	return s->last_fault;
}
