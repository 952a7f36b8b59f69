/* Sources that use nothing now stand in a list, by when they left: their rate
 * is remembered, until the table is full and the first of them is forgotten. A
 * source that holds a stream is never forgotten, so its count is exact. */
#include "broker/quota.h"
#include "base/table.h"
#include "broker/limits.h"
#include <assert.h>
#include <sys/queue.h>

TAILQ_HEAD(sources, quota_source);

struct quota_source {
	struct table_node node;
	struct quota_who who;
	uint64_t full_at; /* of base/bucket.h */
	unsigned streams;
	TAILQ_ENTRY(quota_source) of_idle; /* while streams is 0 */
};

struct quota {
	struct quota_rules rules;
	struct table sources;
	struct sources idle;
	size_t streams;
};

const struct quota_rules quota_rules = {
	.rate = { .burst = LIMIT_RATE_BURST, .step_ms = LIMIT_RATE_STEP_MS },
	.streams = LIMIT_STREAMS_SOURCE,
	.sources = LIMIT_SOURCES,
};

void quota_who_address(
    struct quota_who *out, const struct address_source *source)
{
	static_assert(sizeof(*source) <= QUOTA_NAME_MOST, "it fits");
	*out = (struct quota_who){ .kind = 'a' };
	memcpy(out->name, source, sizeof(*source));
}

void quota_who_pod(struct quota_who *out, const char *uid)
{
	*out = (struct quota_who){ .kind = 'p' };
	memcpy(out->name, uid, strnlen(uid, sizeof(out->name)));
}

int quota_new(struct quota **out, const struct quota_rules *rules)
{
	struct quota *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->rules = *rules;
	table_init(&q->sources, rules->sources);
	TAILQ_INIT(&q->idle);
	*out = q;
	return 0;
}

static void forget(struct quota *q, struct quota_source *s)
{
	TAILQ_REMOVE(&q->idle, s, of_idle);
	table_remove(&q->sources, &s->node);
	free(s);
}

void quota_free(struct quota *q)
{
	if (!q)
		return;
	INVARIANT(!q->streams);
	while (!TAILQ_EMPTY(&q->idle))
		forget(q, TAILQ_FIRST(&q->idle));
	free(q);
}

/* NULL: no room. */
static struct quota_source *source_new(
    struct quota *q, const struct quota_who *who)
{
	struct quota_source *s;

	if (table_count(&q->sources) >= q->rules.sources) {
		if (TAILQ_EMPTY(&q->idle))
			return NULL;
		forget(q, TAILQ_FIRST(&q->idle));
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->who = *who;
	if (table_add(&q->sources, &s->node, &s->who, sizeof(s->who))) {
		free(s);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&q->idle, s, of_idle);
	return s;
}

static struct quota_source *source_get(
    struct quota *q, const struct quota_who *who)
{
	struct table_node *n = table_find(&q->sources, who, sizeof(*who));

	return n ? CONTAINER_OF(n, struct quota_source, node)
		 : source_new(q, who);
}

enum quota_verdict quota_enter(struct quota *q, const struct quota_who *who,
    uint64_t now_ms, struct quota_ticket *ticket, uint32_t *retry_ms)
{
	struct quota_source *s = source_get(q, who);
	uint32_t wait;

	if (!s)
		return QUOTA_FULL;
	wait = bucket_take(&s->full_at, &q->rules.rate, now_ms);
	if (wait) {
		*retry_ms = wait;
		return QUOTA_RATE;
	}
	if (s->streams >= q->rules.streams)
		return QUOTA_STREAMS;
	if (!s->streams++)
		TAILQ_REMOVE(&q->idle, s, of_idle);
	q->streams++;
	*ticket = (struct quota_ticket){ .quota = q, .source = s };
	return QUOTA_WELCOME;
}

void quota_leave(struct quota_ticket *ticket)
{
	struct quota *q = ticket->quota;
	struct quota_source *s = ticket->source;

	if (!q)
		return;
	*ticket = (struct quota_ticket){ .quota = NULL };
	q->streams--;
	if (!--s->streams)
		TAILQ_INSERT_TAIL(&q->idle, s, of_idle);
}

size_t quota_sources(const struct quota *q)
{
	return table_count(&q->sources);
}

size_t quota_streams(const struct quota *q)
{
	return q->streams;
}
