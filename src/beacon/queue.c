#include "beacon/queue.h"

enum { SWEEP_MS = 1000 };

void queue_init(struct queue *q, uint32_t told_at_once, struct news *news)
{
	*q = (struct queue){ .told_at_once = told_at_once, .news = news };
	TAILQ_INIT(&q->legs);
}

void queue_add(struct queue *q, struct switchboard_leg *connector)
{
	TAILQ_INSERT_TAIL(&q->legs, connector, of_queue);
	q->moved = true;
}

void queue_remove(struct queue *q, struct switchboard_leg *connector)
{
	TAILQ_REMOVE(&q->legs, connector, of_queue);
	q->moved = true;
}

/* @all: not only the first ones. */
static void number(struct queue *q, bool all)
{
	struct switchboard_leg *c;
	uint32_t position = 0;

	TAILQ_FOREACH (c, &q->legs, of_queue) {
		bool tell = ++position <= q->told_at_once;

		if (!tell && !all)
			break;
		news_position(q->news, c, position, tell);
		news_position(q->news, c->peer, position, tell);
	}
	q->stale = !all;
}

void queue_tell(struct queue *q)
{
	if (q->moved)
		number(q, false);
	q->moved = false;
}

void queue_sweep(struct queue *q, uint64_t now_ms)
{
	if (!q->stale || now_ms - q->swept_ms < SWEEP_MS)
		return;
	number(q, true);
	q->swept_ms = now_ms;
}
