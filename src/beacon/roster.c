#include "beacon/roster.h"
#include "base/slab.h"

enum { SLACK = 16 }; /* a leg is counted before a limit drops another */

static struct slab hall_slab = SLAB_OF(struct switchboard_hall),
		   source_slab = SLAB_OF(struct switchboard_source);

static const struct switchboard_source *source_at(
    const struct heap_node *n, size_t offset)
{
	return (const void *)((const char *)n - offset);
}

#define SOURCE_AT(n, heap)                                                     \
	source_at((n), offsetof(struct switchboard_source, heap))

static bool waits_more(const struct heap_node *a, const struct heap_node *b)
{
	return SOURCE_AT(a, by_waiting)->n_waiting >
	       SOURCE_AT(b, by_waiting)->n_waiting;
}

static bool holds_more(const struct heap_node *a, const struct heap_node *b)
{
	return SOURCE_AT(a, by_held)->n_pairs > SOURCE_AT(b, by_held)->n_pairs;
}

static bool turn_before(const struct heap_node *a, const struct heap_node *b)
{
	const struct switchboard_source *x = SOURCE_AT(a, by_turn);
	const struct switchboard_source *y = SOURCE_AT(b, by_turn);

	if (x->n_pairs != y->n_pairs)
		return x->n_pairs < y->n_pairs;
	return TAILQ_FIRST(&x->turns)->turn < TAILQ_FIRST(&y->turns)->turn;
}

void roster_init(struct roster *r, size_t waiting, size_t pairs,
    struct switchboard_counts *counts)
{
	*r = (struct roster){
		.by_waiting.before = waits_more,
		.by_held.before = holds_more,
		.by_turn.before = turn_before,
		.counts = counts,
	};
	TAILQ_INIT(&r->waiting);
	table_init(&r->halls, waiting + SLACK);
	table_init(&r->sources, waiting + pairs + SLACK);
}

static struct switchboard_hall *hall_new(const uint8_t hash[FRAME_HASH])
{
	struct switchboard_hall *hall = slab_take(&hall_slab);

	if (!hall)
		return NULL;
	memcpy(hall->hash, hash, FRAME_HASH);
	for (size_t role = 0; role < ROSTER_ROLES; role++)
		for (size_t kind = 0; kind < ROSTER_KINDS; kind++)
			TAILQ_INIT(&hall->waiting[role][kind]);
	TAILQ_INIT(&hall->all[false]);
	TAILQ_INIT(&hall->all[true]);
	return hall;
}

static int hall_get(struct roster *r, const uint8_t hash[FRAME_HASH],
    struct switchboard_hall **out)
{
	struct table_node *n = table_find(&r->halls, hash, FRAME_HASH);
	struct switchboard_hall *hall;
	int code;

	if (n) {
		*out = CONTAINER_OF(n, struct switchboard_hall, node);
		return 0;
	}
	hall = hall_new(hash);
	if (!hall)
		return -ENOMEM;
	code = table_add(&r->halls, &hall->node, hall->hash, FRAME_HASH);
	if (code) {
		slab_give(&hall_slab, hall);
		return ERR_FOLD(code);
	}
	r->counts->halls++;
	*out = hall;
	return 0;
}

static void hall_put(struct roster *r, struct switchboard_hall *hall)
{
	if (hall->n_all[false] + hall->n_all[true])
		return;
	table_remove(&r->halls, &hall->node);
	r->counts->halls--;
	slab_give(&hall_slab, hall);
}

static int source_get(struct roster *r, const struct address_source *address,
    struct switchboard_source **out)
{
	struct table_node *n =
	    table_find(&r->sources, address, sizeof(*address));
	struct switchboard_source *s;
	int code;

	if (n) {
		*out = CONTAINER_OF(n, struct switchboard_source, node);
		return 0;
	}
	s = slab_take(&source_slab);
	if (!s)
		return -ENOMEM;
	s->address = *address;
	TAILQ_INIT(&s->waiting);
	TAILQ_INIT(&s->turns);
	TAILQ_INIT(&s->pairs);
	code = table_add(&r->sources, &s->node, &s->address, sizeof(*address));
	if (code) {
		slab_give(&source_slab, s);
		return ERR_FOLD(code);
	}
	r->counts->sources++;
	*out = s;
	return 0;
}

static void source_put(struct roster *r, struct switchboard_source *s)
{
	if (s->n_waiting + s->n_pairs)
		return;
	table_remove(&r->sources, &s->node);
	r->counts->sources--;
	slab_give(&source_slab, s);
}

static uint64_t *role_count(struct roster *r, const struct switchboard_leg *leg)
{
	return leg->role == FRAME_LISTEN ? &r->counts->listeners
					 : &r->counts->connectors;
}

int roster_add(struct roster *r, struct switchboard_leg *leg,
    const uint8_t hash[FRAME_HASH], const struct address_source *source)
{
	struct switchboard_source *s;
	struct switchboard_hall *hall;
	int code = source_get(r, source, &s);

	if (code)
		return code;
	code = hall_get(r, hash, &hall);
	if (code) {
		source_put(r, s);
		return code;
	}
	leg->hall = hall;
	leg->source = s;
	TAILQ_INSERT_TAIL(&r->waiting, leg, of_roster);
	TAILQ_INSERT_TAIL(&hall->all[leg->proven], leg, of_hall);
	hall->n_all[leg->proven]++;
	TAILQ_INSERT_TAIL(&s->waiting, leg, of_source);
	s->n_waiting++;
	s->n_bare += !leg->proven;
	heap_update(&r->by_waiting, &s->by_waiting);
	++*role_count(r, leg);
	return 0;
}

void roster_remove(struct roster *r, struct switchboard_leg *leg)
{
	struct switchboard_source *s = leg->source;

	TAILQ_REMOVE(&r->waiting, leg, of_roster);
	TAILQ_REMOVE(&leg->hall->all[leg->proven], leg, of_hall);
	leg->hall->n_all[leg->proven]--;
	TAILQ_REMOVE(&s->waiting, leg, of_source);
	s->n_waiting--;
	s->n_bare -= !leg->proven;
	heap_remove(&r->by_waiting, &s->by_waiting);
	if (s->n_waiting)
		heap_add(&r->by_waiting, &s->by_waiting);
	--*role_count(r, leg);
	hall_put(r, STEAL(leg->hall));
	if (leg->granted)
		return;
	leg->source = NULL;
	source_put(r, s);
}

struct switchboard_leg *roster_hall_heaviest(struct switchboard_leg *leg)
{
	const struct roster_legs *all = &leg->hall->all[leg->proven];
	const struct switchboard_source *heaviest = leg->source;
	struct switchboard_leg *l;

	TAILQ_FOREACH (l, all, of_hall)
		l->source->tally = 0;
	TAILQ_FOREACH (l, all, of_hall)
		l->source->tally++;
	TAILQ_FOREACH (l, all, of_hall)
		if (l->source->tally > heaviest->tally)
			heaviest = l->source;
	TAILQ_FOREACH_REVERSE(l, all, roster_legs, of_hall)
	if (l->source == heaviest)
		break;
	return l;
}

struct switchboard_leg *roster_heaviest(
    const struct roster *r, struct switchboard_leg *leg)
{
	const struct switchboard_source *heaviest =
	    SOURCE_AT(heap_first(&r->by_waiting), by_waiting);

	if (heaviest->n_waiting <= leg->source->n_waiting)
		return leg;
	return TAILQ_LAST(&heaviest->waiting, roster_legs);
}

/* What orders the source among those that have pairs or want some has
 * changed. */
static void reorder(struct roster *r, struct switchboard_source *s)
{
	heap_remove(&r->by_held, &s->by_held);
	if (s->n_pairs)
		heap_add(&r->by_held, &s->by_held);
	heap_remove(&r->by_turn, &s->by_turn);
	if (!TAILQ_EMPTY(&s->turns))
		heap_add(&r->by_turn, &s->by_turn);
}

void roster_add_turn(struct roster *r, struct switchboard_leg *connector)
{
	connector->turn = r->turns++;
	TAILQ_INSERT_TAIL(&connector->source->turns, connector, of_pairs);
	r->counts->queued++;
	reorder(r, connector->source);
}

void roster_remove_turn(struct roster *r, struct switchboard_leg *connector)
{
	TAILQ_REMOVE(&connector->source->turns, connector, of_pairs);
	r->counts->queued--;
	reorder(r, connector->source);
}

struct switchboard_leg *roster_next(const struct roster *r)
{
	const struct heap_node *n = heap_first(&r->by_turn);

	return n ? TAILQ_FIRST(&SOURCE_AT(n, by_turn)->turns) : NULL;
}

void roster_add_pair(struct roster *r, struct switchboard_leg *connector)
{
	connector->granted = true;
	TAILQ_INSERT_TAIL(&connector->source->pairs, connector, of_pairs);
	connector->source->n_pairs++;
	r->counts->paired++;
	reorder(r, connector->source);
}

void roster_remove_pair(struct roster *r, struct switchboard_leg *connector)
{
	struct switchboard_source *s = connector->source;

	connector->granted = false;
	TAILQ_REMOVE(&s->pairs, connector, of_pairs);
	s->n_pairs--;
	r->counts->paired--;
	reorder(r, s);
	if (connector->hall)
		return; /* it still waits */
	connector->source = NULL;
	source_put(r, s);
}

struct switchboard_leg *roster_most_pairs(const struct roster *r)
{
	const struct heap_node *n = heap_first(&r->by_held);

	return n ? TAILQ_FIRST(&SOURCE_AT(n, by_held)->pairs) : NULL;
}

void roster_touch(struct switchboard_leg *connector)
{
	TAILQ_REMOVE(&connector->source->pairs, connector, of_pairs);
	TAILQ_INSERT_TAIL(&connector->source->pairs, connector, of_pairs);
}
