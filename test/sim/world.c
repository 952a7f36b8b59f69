#include "world.h"
#include "beacon/roster.h"
#include <stdio.h>

/* ---- the owner ---- */

static struct world_leg *of(struct switchboard_leg *leg)
{
	return CONTAINER_OF(leg, struct world_leg, leg);
}

/* The first thing that the owner was told and could not believe. */
#define BELIEVES(w, cond)                                                      \
	do {                                                                   \
		if (!(cond) && !(w)->disbelief)                                \
			(w)->disbelief = #cond;                                \
	} while (0)

static bool waits(const struct world_leg *l)
{
	return l->view == VIEW_JOINED || l->view == VIEW_WAITING;
}

static void told_pair(
    struct world *w, struct world_leg *listener, struct world_leg *connector)
{
	BELIEVES(w, waits(listener) && waits(connector));
	BELIEVES(w, listener->script.role == FRAME_LISTEN);
	BELIEVES(w, connector->script.role == FRAME_CONNECT);
	listener->view = connector->view = VIEW_PAIRED;
	listener->with = connector;
	connector->with = listener;
}

static void told_end(struct world *w, struct world_leg *l)
{
	BELIEVES(w, l->view == VIEW_PAIRED);
	if (!l->with)
		return;
	l->with->view = l->view = VIEW_ABSENT;
	l->with->pinged = l->pinged = false;
	l->with = l->with->with = NULL;
}

static void take(struct world *w, const struct switchboard_action *a)
{
	struct world_leg *l = of(a->leg);

	w->taken[a->what]++;
	w->codes[a->code]++;
	switch (a->what) {
	case SWITCHBOARD_WAIT:
		BELIEVES(w, waits(l));
		l->view = VIEW_WAITING;
		break;
	case SWITCHBOARD_PING:
		BELIEVES(w, l->view == VIEW_WAITING && !l->pinged);
		memcpy(l->opaque, a->opaque, sizeof(l->opaque));
		l->pinged = true;
		break;
	case SWITCHBOARD_PAIR:
		told_pair(w, l, of(a->peer));
		break;
	case SWITCHBOARD_DROP:
		BELIEVES(w, waits(l) && a->text && a->code);
		l->view = VIEW_ABSENT;
		l->pinged = false;
		break;
	case SWITCHBOARD_GOAWAY:
		BELIEVES(w, w->draining && waits(l) && a->retry_ms);
		l->view = VIEW_ABSENT;
		l->pinged = false;
		break;
	case SWITCHBOARD_CUT:
		BELIEVES(w, l->with == of(a->peer) && a->text && a->code);
		told_end(w, l);
		break;
	case SWITCHBOARD_WHAT_COUNT:
		break;
	}
}

static void take_all(struct world *w)
{
	struct switchboard_action a;

	while (switchboard_next(w->board, &a))
		take(w, &a);
}

void world_open(struct world *w, const struct switchboard_limits *limits,
    struct world_leg *legs, size_t n_legs)
{
	*w = (struct world){
		.limits = *limits, .legs = legs, .n_legs = n_legs, .now = 1000
	};
	INVARIANT(!switchboard_new(&w->board, limits, w->now, 1));
}

void world_close(struct world *w)
{
	struct switchboard_action a;

	for (size_t i = 0; i < w->n_legs; i++)
		switchboard_leave(w->board, &w->legs[i].leg, w->now);
	switchboard_tick(w->board, w->now + w->limits.drain_step_ms);
	INVARIANT(!switchboard_next(w->board, &a));
	INVARIANT(switchboard_due(w->board) == UINT64_MAX);
	switchboard_free(w->board);
}

bool world_can(const struct world *w, struct world_event e)
{
	const struct world_leg *l = &w->legs[e.leg];

	switch (e.kind) {
	case WORLD_JOIN:
		return l->view == VIEW_ABSENT;
	case WORLD_LEAVE:
		return l->view != VIEW_ABSENT;
	case WORLD_PONG:
		return l->pinged;
	case WORLD_ACTIVE:
		return l->view == VIEW_PAIRED;
	case WORLD_TICK:
		return true;
	case WORLD_DRAIN:
		return !w->draining;
	case WORLD_TAKE:
		return w->lazy;
	case WORLD_KIND_COUNT:
	default:
		return false;
	}
}

static void leave(struct world *w, struct world_leg *l)
{
	switchboard_leave(w->board, &l->leg, w->now);
	if (l->view == VIEW_PAIRED)
		told_end(w, l);
	l->view = VIEW_ABSENT;
	l->pinged = false;
}

/* In a lazy world the leg may have been dropped without the owner's knowledge:
 * the answer is then refused. */
static void pong(struct world *w, struct world_leg *l)
{
	int r = switchboard_pong(w->board, &l->leg, l->opaque, w->now);

	BELIEVES(w, !r || w->lazy);
	l->pinged = false;
	r = switchboard_pong(w->board, &l->leg, l->opaque, w->now);
	BELIEVES(w, r == SWITCHBOARD_E_PONG); /* not twice */
}

static void take_one(struct world *w)
{
	struct switchboard_action a;

	if (switchboard_next(w->board, &a))
		take(w, &a);
}

/* Whoever has a pair, or a slot for one, keeps it. */
static void drain(struct world *w)
{
	uint64_t paired = switchboard_counts(w->board)->paired;

	w->draining = true;
	switchboard_drain(w->board, w->now);
	BELIEVES(w, switchboard_counts(w->board)->paired >= paired);
}

void world_do(struct world *w, struct world_event e, uint64_t ms)
{
	struct world_leg *l = &w->legs[e.leg];

	switch (e.kind) {
	case WORLD_JOIN:
		INVARIANT(
		    !switchboard_join(w->board, &l->leg, &l->script, w->now));
		l->view = VIEW_JOINED;
		break;
	case WORLD_LEAVE:
		leave(w, l);
		break;
	case WORLD_PONG:
		pong(w, l);
		break;
	case WORLD_ACTIVE:
		switchboard_active(&l->leg);
		break;
	case WORLD_TICK:
		w->now += ms;
		switchboard_tick(w->board, w->now);
		break;
	case WORLD_DRAIN:
		drain(w);
		break;
	case WORLD_TAKE:
		take_one(w);
		break;
	case WORLD_KIND_COUNT:
	default:
		break;
	}
	if (!w->lazy)
		take_all(w);
}

const char *world_event_text(struct world_event e)
{
	static const char *const names[] = {
		[WORLD_JOIN] = "join",
		[WORLD_LEAVE] = "leave",
		[WORLD_PONG] = "pong",
		[WORLD_ACTIVE] = "active",
		[WORLD_TICK] = "tick",
		[WORLD_DRAIN] = "drain",
		[WORLD_TAKE] = "take",
	};
	static char text[32];

	snprintf(text, sizeof(text), "%s %zu", names[e.kind], e.leg);
	return text;
}

/* ---- what must hold ---- */

#define HOLDS(cond)                                                            \
	do {                                                                   \
		if (!(cond))                                                   \
			return #cond;                                          \
	} while (0)

static bool fits(
    const struct switchboard_leg *a, const struct switchboard_leg *b)
{
	return (!a->require_proven || b->proven) &&
	       (!b->require_proven || a->proven);
}

static bool granted(const struct switchboard_leg *leg)
{
	return leg->granted || (leg->peer && leg->peer->granted);
}

/* While draining nobody waits for long. */
static bool leaves_soon(const struct world *w)
{
	return !w->draining ||
	       switchboard_due(w->board) <= w->now + w->limits.drain_step_ms;
}

/* Nobody waits without a deadline that is near enough. */
static const char *check_deadlines(
    const struct world *w, const struct switchboard_leg *leg)
{
	uint64_t longest = w->limits.ping_ms > w->limits.pong_ms
			       ? w->limits.ping_ms
			       : w->limits.pong_ms;
	bool life = wheel_armed(&leg->life);

	if (life)
		HOLDS(leg->life.due_ms <= w->now + longest);
	switch (leg->state) {
	case SWITCHBOARD_IDLE:
		HOLDS(!life && !wheel_armed(&leg->patience));
		break;
	case SWITCHBOARD_WAITING:
		HOLDS(life);
		HOLDS(wheel_armed(&leg->patience) ==
		      (leg->role == FRAME_CONNECT));
		if (leg->role == FRAME_CONNECT)
			HOLDS(leg->patience.due_ms <=
			      w->now + w->limits.connector_ms);
		HOLDS(leaves_soon(w));
		break;
	case SWITCHBOARD_RESERVED:
		HOLDS(life || granted(leg));
		HOLDS(granted(leg) || leaves_soon(w));
		HOLDS(!wheel_armed(&leg->patience));
		break;
	case SWITCHBOARD_PAIRED:
		HOLDS(life == leg->pinged && !wheel_armed(&leg->patience));
		break;
	case SWITCHBOARD_STATE_COUNT:
	default:
		return "a state";
	}
	return NULL;
}

static const char *check_peer(const struct switchboard_leg *leg)
{
	const struct switchboard_leg *peer = leg->peer;

	if (leg->state != SWITCHBOARD_RESERVED &&
	    leg->state != SWITCHBOARD_PAIRED) {
		HOLDS(!leg->granted);
		return NULL;
	}
	HOLDS(peer && peer->peer == leg && peer->state == leg->state);
	HOLDS(peer->role != leg->role && fits(leg, peer));
	HOLDS(leg->role == FRAME_CONNECT || !leg->granted);
	HOLDS(leg->state == SWITCHBOARD_RESERVED || granted(leg));
	return NULL;
}

/* The owner, who has taken every action, knows how things stand. */
static const char *check_view(const struct world_leg *l)
{
	switch (l->leg.state) {
	case SWITCHBOARD_IDLE:
		HOLDS(l->view == VIEW_ABSENT);
		break;
	case SWITCHBOARD_WAITING:
	case SWITCHBOARD_RESERVED:
		HOLDS(l->view == VIEW_WAITING);
		HOLDS(!granted(&l->leg));
		break;
	case SWITCHBOARD_PAIRED:
		HOLDS(l->view == VIEW_PAIRED && l->leg.peer == &l->with->leg);
		break;
	case SWITCHBOARD_STATE_COUNT:
	default:
		return "a state";
	}
	HOLDS(l->pinged == switchboard_owes_pong(&l->leg));
	HOLDS(!l->leg.pending);
	return NULL;
}

static const char *check_leg(const struct world *w, const struct world_leg *l)
{
	const char *bad = check_deadlines(w, &l->leg);

	if (!bad)
		bad = check_peer(&l->leg);
	if (!bad && !w->lazy)
		bad = check_view(l);
	return bad;
}

/* Two that fit never both wait; kinds decide, so four heads against four. */
static const char *check_hall(const struct switchboard_hall *hall)
{
	for (size_t i = 0; i < ROSTER_KINDS; i++) {
		for (size_t j = 0; j < ROSTER_KINDS; j++) {
			const struct switchboard_leg *listener =
			    TAILQ_FIRST(&hall->waiting[0][i]);
			const struct switchboard_leg *connector =
			    TAILQ_FIRST(&hall->waiting[1][j]);

			HOLDS(!listener || !connector ||
			      !fits(listener, connector));
		}
	}
	return NULL;
}

static const char *check_limits(
    const struct world *w, const struct switchboard_leg *leg)
{
	HOLDS(leg->hall->n_all[false] <= w->limits.hall_bare);
	HOLDS(leg->hall->n_all[true] <= w->limits.hall_proven);
	HOLDS(leg->source->n_bare <= w->limits.source_bare);
	return NULL;
}

static const char *check_counts(
    const struct world *w, const struct switchboard_counts *seen)
{
	const struct switchboard_counts *said = switchboard_counts(w->board);

	HOLDS(seen->listeners == said->listeners);
	HOLDS(seen->connectors == said->connectors);
	HOLDS(seen->queued == said->queued);
	HOLDS(seen->paired == said->paired);
	HOLDS(said->paired <= w->limits.pairs);
	HOLDS(!said->queued || said->paired == w->limits.pairs);
	if (w->lazy)
		return NULL;
	HOLDS(said->listeners + said->connectors <= w->limits.waiting);
	HOLDS(said->halls <= said->listeners + said->connectors);
	HOLDS(
	    said->sources <= said->listeners + said->connectors + said->paired);
	return NULL;
}

/* Does a source have too much of what one with little waits for? */
static const char *check_fair(const struct world *w)
{
	size_t most = 0, fewest = SIZE_MAX;

	for (size_t i = 0; i < w->n_legs; i++) {
		const struct switchboard_leg *leg = &w->legs[i].leg;

		if (leg->role != FRAME_CONNECT || !leg->source)
			continue;
		if (leg->source->n_pairs > most)
			most = leg->source->n_pairs;
		if (leg->state == SWITCHBOARD_RESERVED && !leg->granted &&
		    leg->source->n_pairs < fewest)
			fewest = leg->source->n_pairs;
	}
	HOLDS(most <= w->limits.pairs_fair || fewest >= w->limits.pairs_fair);
	return NULL;
}

static void count(
    struct switchboard_counts *seen, const struct switchboard_leg *leg)
{
	bool here = leg->state == SWITCHBOARD_WAITING ||
		    leg->state == SWITCHBOARD_RESERVED;

	seen->listeners += here && leg->role == FRAME_LISTEN;
	seen->connectors += here && leg->role == FRAME_CONNECT;
	seen->queued += leg->state == SWITCHBOARD_RESERVED &&
			leg->role == FRAME_CONNECT && !leg->granted;
	seen->paired += leg->granted;
}

const char *world_check(const struct world *w)
{
	struct switchboard_counts seen = { 0 };
	const char *bad = w->disbelief;

	for (size_t i = 0; i < w->n_legs && !bad; i++) {
		const struct switchboard_leg *leg = &w->legs[i].leg;

		count(&seen, leg);
		bad = check_leg(w, &w->legs[i]);
		if (!bad && leg->state == SWITCHBOARD_WAITING)
			bad = check_hall(leg->hall);
		if (!bad && leg->hall && !w->lazy)
			bad = check_limits(w, leg);
	}
	if (!bad)
		bad = check_counts(w, &seen);
	if (!bad && !w->lazy && !w->draining)
		bad = check_fair(w);
	return bad;
}
