/* Two buckets a source (base/bucket.h): one for coming in, one for being told
 * that it may not.
 *
 * Sources without a connection stand in a list, by when their last one went;
 * when the table is full the first of them is forgotten. One whose buckets are
 * full again is as good as unknown: each arrival forgets up to two such ones,
 * so what is remembered is the crowd of a minute, not of all time. Sources with
 * unfinished connections are in a heap, the heaviest first; when there are too
 * many, its oldest must go. So no number of sources that connect and say
 * nothing keeps out one that comes and says HELLO at once.
 *
 * Guests that a proxy brings, until it has said from where, belong to a source
 * of their own (`held`), which stands in the heap like the others, but in no
 * list.
 */
#include "beacon/limiter.h"
#include "base/heap.h"
#include "base/slab.h"
#include "base/table.h"
#include "beacon/limits.h"

/* More than arrive, so that the list gets shorter. */
enum { FORGET_AT_ONCE = 2 };

TAILQ_HEAD(guests, limiter_guest);
TAILQ_HEAD(sources, limiter_source);

struct limiter_source {
	struct table_node node;
	struct address_source address;
	uint64_t full_at[2]; /* welcome, polite */
	size_t n_guests;
	size_t n_unfinished;
	struct guests unfinished; /* by age */
	struct heap_node by_unfinished;
	TAILQ_ENTRY(limiter_source) of_idle; /* without guests */
};

struct limiter {
	struct limiter_rules rules;
	struct table sources;
	struct sources idle;
	struct heap by_unfinished;
	struct limiter_source held;
	struct limiter_counts counts;
};

const struct limiter_rules limiter_rules = {
	.rate = { .burst = LIMIT_RATE_BURST,
	    .step_ms = 60000 / LIMIT_RATE_PER_MINUTE },
	.polite = { .burst = LIMIT_RATE_POLITE - LIMIT_RATE_BURST,
	    .step_ms = 60000 / LIMIT_RATE_PER_MINUTE },
	.sources = LIMIT_RATE_SOURCES,
	.unfinished = LIMIT_UNFINISHED,
	.unfinished_source = LIMIT_UNFINISHED_SOURCE,
};

static struct slab slab = SLAB_OF(struct limiter_source);

static const struct limiter_source *source_at(const struct heap_node *n)
{
	return (const void *)((const char *)n -
			      offsetof(struct limiter_source, by_unfinished));
}

static bool more_unfinished(
    const struct heap_node *a, const struct heap_node *b)
{
	return source_at(a)->n_unfinished > source_at(b)->n_unfinished;
}

int limiter_new(struct limiter **out, const struct limiter_rules *rules)
{
	struct limiter *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->rules = *rules;
	l->by_unfinished.before = more_unfinished;
	table_init(&l->sources, rules->sources);
	TAILQ_INIT(&l->idle);
	TAILQ_INIT(&l->held.unfinished);
	*out = l;
	return 0;
}

static void forget(struct limiter *l, struct limiter_source *s)
{
	TAILQ_REMOVE(&l->idle, s, of_idle);
	table_remove(&l->sources, &s->node);
	l->counts.sources--;
	slab_give(&slab, s);
}

void limiter_free(struct limiter *l)
{
	if (!l)
		return;
	while (!TAILQ_EMPTY(&l->idle))
		forget(l, TAILQ_FIRST(&l->idle));
	INVARIANT(!table_count(&l->sources));
	free(l);
}

/* A new source is idle until its first guest is in. NULL: no room. */
static struct limiter_source *source_new(
    struct limiter *l, const struct address_source *address)
{
	struct limiter_source *s;

	if (table_count(&l->sources) >= l->rules.sources) {
		if (TAILQ_EMPTY(&l->idle)) {
			l->counts.table_full++;
			return NULL;
		}
		forget(l, TAILQ_FIRST(&l->idle));
	}
	s = slab_take(&slab);
	if (!s)
		return NULL;
	s->address = *address;
	TAILQ_INIT(&s->unfinished);
	if (table_add(&l->sources, &s->node, &s->address, sizeof(*address))) {
		slab_give(&slab, s);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&l->idle, s, of_idle);
	l->counts.sources++;
	return s;
}

static struct limiter_source *source_get(
    struct limiter *l, const struct address_source *address)
{
	struct table_node *n =
	    table_find(&l->sources, address, sizeof(*address));

	return n ? CONTAINER_OF(n, struct limiter_source, node)
		 : source_new(l, address);
}

static bool is_as_new(const struct limiter_source *s, uint64_t now_ms)
{
	return s->full_at[0] <= now_ms && s->full_at[1] <= now_ms;
}

static void forget_some(struct limiter *l, uint64_t now_ms)
{
	for (int i = 0; i < FORGET_AT_ONCE; i++) {
		struct limiter_source *s = TAILQ_FIRST(&l->idle);

		if (!s || !is_as_new(s, now_ms))
			return;
		forget(l, s);
	}
}

static struct limiter_answer judge(
    const struct limiter *l, struct limiter_source *s, uint64_t now_ms)
{
	const struct limiter_rules *rules = &l->rules;
	struct limiter_answer answer = { .verdict = LIMITER_WELCOME };

	answer.retry_ms = bucket_take(&s->full_at[0], &rules->rate, now_ms);
	if (!answer.retry_ms)
		return answer;
	answer.verdict = bucket_take(&s->full_at[1], &rules->polite, now_ms)
			     ? LIMITER_SHUT
			     : LIMITER_POLITE;
	return answer;
}

static void take_in(
    struct limiter *l, struct limiter_source *s, struct limiter_guest *guest)
{
	if (!s->n_guests++ && s != &l->held)
		TAILQ_REMOVE(&l->idle, s, of_idle);
	guest->source = s;
	guest->unfinished = true;
	TAILQ_INSERT_TAIL(&s->unfinished, guest, of_source);
	s->n_unfinished++;
	l->counts.unfinished++;
	heap_update(&l->by_unfinished, &s->by_unfinished);
}

/* Who must go since @s has too many unfinished ones, or all together have. */
static struct limiter_guest *too_many(
    struct limiter *l, const struct limiter_source *s)
{
	if (s == &l->held || s->n_unfinished <= l->rules.unfinished_source) {
		if (l->counts.unfinished <= l->rules.unfinished)
			return NULL;
		s = source_at(heap_first(&l->by_unfinished));
	}
	l->counts.pushed_out++;
	return TAILQ_FIRST(&s->unfinished);
}

struct limiter_answer limiter_arrive(struct limiter *l,
    struct limiter_guest *guest, const struct address_source *source,
    uint64_t now_ms)
{
	struct limiter_answer answer = { .verdict = LIMITER_SHUT };
	struct limiter_source *s;

	INVARIANT(!guest->source);
	forget_some(l, now_ms);
	s = source_get(l, source);
	if (s)
		answer = judge(l, s, now_ms);
	l->counts.verdicts[answer.verdict]++;
	if (answer.verdict == LIMITER_SHUT)
		return answer;
	take_in(l, s, guest);
	answer.victim = too_many(l, s);
	return answer;
}

struct limiter_guest *limiter_hold(
    struct limiter *l, struct limiter_guest *guest)
{
	INVARIANT(!guest->source);
	take_in(l, &l->held, guest);
	return too_many(l, &l->held);
}

void limiter_settle(struct limiter *l, struct limiter_guest *guest)
{
	struct limiter_source *s = guest->source;

	if (!guest->unfinished)
		return;
	guest->unfinished = false;
	TAILQ_REMOVE(&s->unfinished, guest, of_source);
	l->counts.unfinished--;
	heap_remove(&l->by_unfinished, &s->by_unfinished);
	if (--s->n_unfinished)
		heap_add(&l->by_unfinished, &s->by_unfinished);
}

void limiter_leave(struct limiter *l, struct limiter_guest *guest)
{
	struct limiter_source *s = guest->source;

	if (!s)
		return;
	limiter_settle(l, guest);
	guest->source = NULL;
	if (!--s->n_guests && s != &l->held)
		TAILQ_INSERT_TAIL(&l->idle, s, of_idle);
}

const struct limiter_counts *limiter_counts(const struct limiter *l)
{
	return &l->counts;
}
