/* net/routeplan.c
 *
 * A target rests after a failure: a time drawn from 0 to a ceiling that starts
 * at 0.5 s and doubles up to 30 s (full jitter, so that the clients of a relay
 * that comes back do not come all at once), but not less than the relay asked
 * for. Several legs that die of one cause count once: what fails while the
 * target rests already only stretches the rest. A target that has worked for
 * 30 s is forgiven all failures before, so a relay that takes everybody in and
 * throws everybody out is still met with patience.
 *
 * After a failure one attempt goes first; the others follow when it has come
 * through. Attempts are also spent from a refill, a small store that grows by
 * one an interval: a stranger who pairs with bare legs and leaves, again and
 * again, makes the bridge register new ones at most ten times a minute, and
 * one with a certificate cannot make it use up what the relay grants a source.
 *
 * With ROUTE_EVERY every target is on its own. With ROUTE_SOME the targets are
 * gone through in their order, and each takes one leg until there are enough;
 * there is no way back to a better target while the leg at a worse one lives.
 */
#include "net/routeplan.h"
#include "base/backoff.h"

static unsigned on_way(const struct routeplan_target *t)
{
	return t->on_way[ROUTEPLAN_PROVEN] + t->on_way[ROUTEPLAN_BARE];
}

static unsigned refill_most(const struct routeplan *p, enum routeplan_kind kind)
{
	return kind == ROUTEPLAN_BARE ? p->bare : ROUTEPLAN_REFILL_BURST;
}

static uint64_t refill_interval(enum routeplan_kind kind)
{
	return kind == ROUTEPLAN_BARE ? ROUTEPLAN_REFILL_BARE_MS
				      : ROUTEPLAN_REFILL_MS;
}

/* Count up what has grown since. */
static void refill_grow(
    struct routeplan *p, unsigned i, enum routeplan_kind kind, uint64_t now)
{
	struct routeplan_refill *r = &p->target[i].refill[kind];
	uint64_t grown = (now - r->since) / refill_interval(kind);
	unsigned most = refill_most(p, kind);

	if (r->left + grown >= most) {
		r->left = most;
		r->since = now;
	} else {
		r->left += (unsigned)grown;
		r->since += grown * refill_interval(kind);
	}
}

void routeplan_init(struct routeplan *p, uint64_t now)
{
	INVARIANT(p->count && p->bare <= p->count);
	INVARIANT(p->n_targets && p->n_targets <= ROUTE_TARGETS_MAX);
	memset(p->target, 0, sizeof(p->target));
	for (size_t i = 0; i < p->n_targets; i++) {
		for (int kind = 0; kind < ROUTEPLAN_KINDS; kind++)
			p->target[i].refill[kind] = (struct routeplan_refill){
				.left =
				    refill_most(p, (enum routeplan_kind)kind),
				.since = now,
			};
	}
}

static struct routeplan_step wait_until(uint64_t until)
{
	return (struct routeplan_step){ .until = until };
}

/* An attempt of @kind at @i, if nothing but time is in its way; or when. */
static struct routeplan_step attempt_at(
    struct routeplan *p, unsigned i, enum routeplan_kind kind, uint64_t now)
{
	struct routeplan_target *t = &p->target[i];

	if (now < t->rest_until)
		return wait_until(t->rest_until);
	refill_grow(p, i, kind, now);
	if (!t->refill[kind].left)
		return wait_until(
		    t->refill[kind].since + refill_interval(kind));
	return (struct routeplan_step){
		.attempt = true, .target = i, .kind = kind
	};
}

static bool lacks(
    const struct routeplan *p, unsigned i, enum routeplan_kind kind)
{
	const struct routeplan_target *t = &p->target[i];
	unsigned want = kind == ROUTEPLAN_BARE ? p->bare : p->count - p->bare;
	unsigned have = t->on_way[kind];

	if (!p->spares && kind == ROUTEPLAN_PROVEN)
		have += t->live;
	return have < want;
}

static struct routeplan_step next_at(
    struct routeplan *p, unsigned i, uint64_t now)
{
	struct routeplan_step best = wait_until(UINT64_MAX);

	if (!p->target[i].works && p->target[i].pending)
		return best; /* one goes first */
	for (int k = 0; k < ROUTEPLAN_KINDS && !best.attempt; k++) {
		enum routeplan_kind kind = (enum routeplan_kind)k;
		struct routeplan_step step;

		if (!lacks(p, i, kind))
			continue;
		step = attempt_at(p, i, kind, now);
		if (step.attempt || step.until < best.until)
			best = step;
	}
	return best;
}

static struct routeplan_step next_of_every(struct routeplan *p, uint64_t now)
{
	struct routeplan_step best = wait_until(UINT64_MAX);

	for (unsigned i = 0; i < p->n_targets && !best.attempt; i++) {
		struct routeplan_step step = next_at(p, i, now);

		if (step.attempt || step.until < best.until)
			best = step;
	}
	return best;
}

static struct routeplan_step next_of_some(struct routeplan *p, uint64_t now)
{
	struct routeplan_step best = wait_until(UINT64_MAX);
	unsigned have = 0;

	for (size_t i = 0; i < p->n_targets; i++)
		have += on_way(&p->target[i]) + p->target[i].live;
	if (have >= p->count)
		return best;
	for (size_t k = 0; k < p->n_targets && !best.attempt; k++) {
		unsigned i = p->order[k];
		struct routeplan_step step;

		if (on_way(&p->target[i]) || p->target[i].live)
			continue;
		step = attempt_at(p, i, ROUTEPLAN_PROVEN, now);
		if (step.attempt || step.until < best.until)
			best = step;
	}
	return best;
}

struct routeplan_step routeplan_next(struct routeplan *p, uint64_t now)
{
	return p->keep == ROUTE_EVERY ? next_of_every(p, now)
				      : next_of_some(p, now);
}

void routeplan_started(
    struct routeplan *p, unsigned target, enum routeplan_kind kind)
{
	struct routeplan_target *t = &p->target[target];

	INVARIANT(t->refill[kind].left);
	t->refill[kind].left--;
	t->on_way[kind]++;
	t->pending++;
}

static bool works_now(struct routeplan_target *t, uint64_t now)
{
	if (t->works)
		return false;
	t->works = true;
	t->works_since = now;
	return true;
}

bool routeplan_registered(struct routeplan *p, unsigned target, uint64_t now)
{
	struct routeplan_target *t = &p->target[target];

	INVARIANT(t->pending);
	t->pending--;
	return works_now(t, now);
}

static void leave_way(
    struct routeplan_target *t, enum routeplan_kind kind, bool registered)
{
	INVARIANT(t->on_way[kind] && (registered || t->pending));
	t->on_way[kind]--;
	if (!registered)
		t->pending--;
}

bool routeplan_got(struct routeplan *p, unsigned target,
    enum routeplan_kind kind, bool registered, uint64_t now)
{
	struct routeplan_target *t = &p->target[target];

	leave_way(t, kind, registered);
	t->live++;
	return works_now(t, now);
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t at_least(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Return: true when it was not resting already. */
static bool rest(struct routeplan_target *t, const struct routeplan_end *end)
{
	uint64_t told = at_most(end->retry_ms, ROUTEPLAN_TOLD_MOST_MS);
	const struct backoff_rule rule = { .least_ms = ROUTEPLAN_REST_LEAST_MS,
		.most_ms = ROUTEPLAN_REST_MOST_MS };
	uint64_t drawn;

	if (end->now < t->rest_until) {
		t->rest_until = at_least(t->rest_until, end->now + told);
		return false;
	}
	if (t->works && end->now - t->works_since >= ROUTEPLAN_WORKS_MS)
		t->failures = 0;
	t->failures++;
	drawn = backoff_ms(&rule, t->failures, end->random);
	t->rest_until = end->now + at_least(drawn, told);
	t->works = false;
	return true;
}

bool routeplan_failed(struct routeplan *p, unsigned target,
    enum routeplan_kind kind, bool registered, const struct routeplan_end *end)
{
	struct routeplan_target *t = &p->target[target];

	leave_way(t, kind, registered);
	return rest(t, end);
}

void routeplan_ended(
    struct routeplan *p, unsigned target, const struct routeplan_end *end)
{
	struct routeplan_target *t = &p->target[target];

	INVARIANT(t->live);
	t->live--;
	if (!p->spares)
		(void)rest(t, end);
}

void routeplan_welcome(struct routeplan *p, unsigned target, uint64_t now)
{
	struct routeplan_refill *r = &p->target[target].refill[ROUTEPLAN_BARE];

	refill_grow(p, target, ROUTEPLAN_BARE, now);
	if (r->left < p->bare)
		r->left++;
}

void routeplan_cut_at_shed(struct routeplan *p, unsigned target, uint64_t now)
{
	p->target[target].keep_tls_until = now + ROUTEPLAN_KEEP_TLS_MS;
}

bool routeplan_sheds(const struct routeplan *p, unsigned target, uint64_t now)
{
	return now >= p->target[target].keep_tls_until;
}
