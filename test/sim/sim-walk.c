/* Every interleaving of a few legs, to the end: from the empty board each event
 * that makes sense is tried in each state that can be reached, until no new
 * state turns up. Two histories that lead to the same state are followed once.
 *
 * A state is everything that the switchboard's next decisions depend on: states
 * and peers, the order in every list, deadlines as they lie ahead, what each
 * leg was told. A history is kept as its last event and the one before; to try
 * something in a state its history is played again on a new board.
 */
#include "world.h"
#include <assert.h>
#include <stdio.h>

enum { LEGS_MOST = 4, DEPTH_MOST = 200 };
enum { EVENTS = LEGS_MOST * WORLD_KIND_COUNT };
static_assert(EVENTS <= 32, "a bit an event");

struct history {
	uint32_t before;
	uint32_t can; /* what makes sense after it, a bit an event */
	uint8_t event;
};

struct walk {
	const struct scene *scene;
	struct history *histories;
	uint64_t *seen; /* open addressing; 0 is free */
	size_t n, room, seen_room;
	uint64_t steps;
};

/* Legs: L listens, C connects; then r: asks for a proven peer, or b: is bare;
 * then the hash and the source. A limit of 0 stands for one that is not
 * reached. */
struct scene {
	const char *label, *legs;
	size_t slots;
	bool lazy;
	size_t waiting, hall, source_bare;
};

static const struct scene scenes[] = {
	{ "two legs", "L11 C12", 2 },
	{ "two legs, late news", "L11 C12", 2, .lazy = true },
	{ "two listeners, one connector", "L11 L11 C12", 2 },
	{ "one listener, two connectors", "L11 C12 C13", 2 },
	{ "three legs, late news", "L11 C12 C13", 2, .lazy = true },
	{ "three legs, late news, no slot", "L11 L11 C13", 0, .lazy = true },
	{ "two hashes", "L11 C12 L21 C22", 2 },
	{ "two hashes, one slot", "L11 C12 L21 C23", 1 },
	{ "one hash, one slot", "L11 C12 L11 C13", 1 },
	{ "one source, one slot", "L11 C11 L11 C11", 1 },
	{ "three connectors", "L11 C12 C13 C14", 1 },
	{ "three listeners", "L11 L12 L13 C14", 1 },
	{ "no slot at all", "L11 C12 L11 C13", 0 },
	{ "bare and proven", "L11 Lr11 Cb12 C13", 2 },
	{ "a stranger listens", "Lb11 L12 Cr13 Cb14", 1 },
	{ "full hall", "L11 C12 L11 C13", 0, .hall = 3 },
	{ "full hall of one source", "L11 C11 L11 C13", 0, .hall = 2 },
	{ "full board", "L11 C12 L21 C23", 0, .waiting = 3 },
	{ "one bare leg a source", "Lb11 Lb21 Cb12 Cb22", 1, .source_bare = 1 },
};

static struct switchboard_limits limits_of(const struct scene *s)
{
	return (struct switchboard_limits){
		.pairs = s->slots,
		.pairs_fair = 1,
		.waiting = s->waiting ? s->waiting : 100,
		.hall_proven = s->hall ? s->hall : 100,
		.hall_bare = 100,
		.source_bare = s->source_bare ? s->source_bare : 100,
		.connector_ms = 2,
		.ping_ms = 3,
		.pong_ms = 2,
		.positions_told = 1,
		.retry_drain_ms = 1,
		.drain_step = 1,
		.drain_step_ms = 2,
	};
}

static const char *parse_leg(const char *at, struct switchboard_hello *out)
{
	char role = *at++;
	char kind = *at == 'b' || *at == 'r' ? *at++ : ' ';

	*out = (struct switchboard_hello){
		.role = role == 'L' ? FRAME_LISTEN : FRAME_CONNECT,
		.proven = kind != 'b',
		.require_proven = kind == 'r',
		.hash = { (uint8_t)at[0] },
		.source = { .family = 4, .prefix = { (uint8_t)at[1] } },
	};
	at += 2;
	return *at ? at + 1 : at;
}

static size_t parse_legs(
    const struct scene *s, struct world_leg legs[LEGS_MOST])
{
	size_t n = 0;

	for (const char *at = s->legs; *at; n++) {
		INVARIANT(n < LEGS_MOST);
		at = parse_leg(at, &legs[n].script);
	}
	return n;
}

/* ---- states ---- */

static void mix(uint64_t *hash, uint64_t v)
{
	*hash = (*hash ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	*hash ^= *hash >> 29;
}

static size_t index_of(const struct world *w, const struct switchboard_leg *leg)
{
	if (!leg)
		return 0;
	return (size_t)(CONTAINER_OF((uintptr_t)leg, struct world_leg, leg) -
			w->legs) +
	       1;
}

static uint64_t ahead(const struct world *w, const struct wheel_timer *t)
{
	return wheel_armed(t) ? t->due_ms - w->now + 1 : 0;
}

/* Orders among equals matter; next ones in the lists give them all. */
static void mix_lists(
    uint64_t *hash, const struct world *w, const struct switchboard_leg *leg)
{
	bool here = leg->state == SWITCHBOARD_WAITING ||
		    leg->state == SWITCHBOARD_RESERVED;
	bool connector = leg->role == FRAME_CONNECT;

	if (leg->state == SWITCHBOARD_WAITING)
		mix(hash, index_of(w, TAILQ_NEXT(leg, of_class)));
	if (here) {
		mix(hash, index_of(w, TAILQ_NEXT(leg, of_hall)));
		mix(hash, index_of(w, TAILQ_NEXT(leg, of_source)));
	}
	if (leg->state == SWITCHBOARD_RESERVED && connector && !leg->granted)
		mix(hash, index_of(w, TAILQ_NEXT(leg, of_queue)));
	if (connector && (leg->granted || leg->state == SWITCHBOARD_RESERVED))
		mix(hash, index_of(w, TAILQ_NEXT(leg, of_pairs)));
	if (leg->pending)
		mix(hash, index_of(w, TAILQ_NEXT(leg, of_news)));
}

/* How many of the others have a lower serial: their order of joining. */
static size_t rank(const struct world *w, const struct switchboard_leg *leg)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_legs; i++)
		n += w->legs[i].leg.state != SWITCHBOARD_IDLE &&
		     w->legs[i].leg.serial < leg->serial;
	return n;
}

static void mix_leg(
    uint64_t *hash, const struct world *w, const struct world_leg *l)
{
	const struct switchboard_leg *leg = &l->leg;

	mix(hash, leg->state);
	mix(hash, l->view);
	mix(hash, leg->pending);
	if (leg->state == SWITCHBOARD_IDLE && !leg->pending && !leg->peer)
		return; /* the rest is left over */
	mix(hash, index_of(w, leg->peer));
	mix(hash, leg->granted);
	mix(hash, leg->pinged);
	mix(hash, l->pinged);
	mix(hash, leg->position);
	mix(hash, leg->told);
	mix(hash, rank(w, leg));
	mix(hash, ahead(w, &leg->life));
	mix(hash, ahead(w, &leg->patience));
	mix_lists(hash, w, leg);
}

static uint64_t state_of(const struct world *w)
{
	uint64_t hash = 1;

	for (size_t i = 0; i < w->n_legs; i++) {
		mix(&hash, i);
		mix_leg(&hash, w, &w->legs[i]);
	}
	mix(&hash, w->draining);
	if (w->draining && switchboard_due(w->board) != UINT64_MAX)
		mix(&hash, switchboard_due(w->board) - w->now);
	return hash | 1;
}

/* ---- the walk ---- */

static void *grown(void *old, size_t n)
{
	void *p = realloc(old, n);

	INVARIANT(p);
	return p;
}

static bool put(uint64_t *seen, size_t room, uint64_t state)
{
	size_t at = state % room;

	while (seen[at]) {
		if (seen[at] == state)
			return false;
		at = (at + 1) % room;
	}
	seen[at] = state;
	return true;
}

static void grow_seen(struct walk *k)
{
	size_t room = k->seen_room ? 2 * k->seen_room + 1 : 4097;
	uint64_t *seen = calloc(room, sizeof(*seen));

	INVARIANT(seen);
	for (size_t i = 0; i < k->seen_room; i++)
		if (k->seen[i])
			(void)put(seen, room, k->seen[i]);
	free(k->seen);
	k->seen = seen;
	k->seen_room = room;
}

static struct world_event event_of(unsigned number)
{
	return (struct world_event){
		.kind = number % WORLD_KIND_COUNT,
		.leg = number / WORLD_KIND_COUNT,
	};
}

static uint32_t what_can(const struct world *w)
{
	uint32_t can = 0;

	for (unsigned i = 0; i < w->n_legs * WORLD_KIND_COUNT; i++) {
		struct world_event e = event_of(i);

		if (e.leg && e.kind >= WORLD_TICK)
			continue; /* those have no leg */
		can |= (uint32_t)world_can(w, e) << i;
	}
	return can;
}

static void remember(
    struct walk *k, const struct world *w, uint32_t before, unsigned event)
{
	if (2 * k->n >= k->seen_room)
		grow_seen(k);
	if (!put(k->seen, k->seen_room, state_of(w)))
		return;
	if (k->n == k->room) {
		k->room = k->room ? 2 * k->room : 4096;
		k->histories =
		    grown(k->histories, k->room * sizeof(*k->histories));
	}
	k->histories[k->n++] = (struct history){
		.before = before,
		.can = what_can(w),
		.event = (uint8_t)event,
	};
}

static size_t recall(
    const struct walk *k, uint32_t at, unsigned path[DEPTH_MOST])
{
	size_t n = 0;

	for (; at; at = k->histories[at].before) {
		INVARIANT(n < DEPTH_MOST);
		path[n++] = k->histories[at].event;
	}
	return n;
}

static void check(
    const struct walk *k, const struct world *w, uint32_t at, unsigned last)
{
	const char *bad = world_check(w);
	unsigned path[DEPTH_MOST];
	size_t n;

	if (!bad)
		return;
	n = recall(k, at, path);
	fprintf(stderr, "%s: broken: %s, after", k->scene->label, bad);
	while (n)
		fprintf(stderr, " %s,", world_event_text(event_of(path[--n])));
	fprintf(stderr, " %s\n", world_event_text(event_of(last)));
	exit(1);
}

static void open_scene(
    const struct scene *s, struct world *w, struct world_leg legs[LEGS_MOST])
{
	struct switchboard_limits limits = limits_of(s);

	world_open(w, &limits, legs, parse_legs(s, legs));
	w->lazy = s->lazy;
}

/* Play the history at @at again, then something that makes sense there. */
static void try(struct walk *k, uint32_t at, unsigned event)
{
	struct world_leg legs[LEGS_MOST] = { 0 };
	unsigned path[DEPTH_MOST];
	size_t n = recall(k, at, path);
	struct world w;

	open_scene(k->scene, &w, legs);
	while (n)
		world_do(&w, event_of(path[--n]), 1);
	world_do(&w, event_of(event), 1);
	k->steps++;
	check(k, &w, at, event);
	remember(k, &w, at, event);
	world_close(&w);
}

static void start(struct walk *k)
{
	struct world_leg legs[LEGS_MOST] = { 0 };
	struct world w;

	open_scene(k->scene, &w, legs);
	remember(k, &w, 0, 0);
	world_close(&w);
}

static void walk(const struct scene *scene, size_t number)
{
	struct walk k = { .scene = scene };

	start(&k);
	for (uint32_t at = 0; at < k.n; at++)
		for (unsigned event = 0; event < EVENTS; event++)
			if (k.histories[at].can & 1U << event)
				try(&k, at, event);
	printf("ok %zu - %s: %zu states, %llu steps\n", number, scene->label,
	    k.n, (unsigned long long)k.steps);
	fflush(stdout);
	free(k.histories);
	free(k.seen);
}

int main(void)
{
	printf("1..%zu\n", N_ELEMS(scenes));
	for (size_t i = 0; i < N_ELEMS(scenes); i++)
		walk(&scenes[i], i + 1);
	return 0;
}
