/* beacon/queue.h: the queue of the pairs that wait for a slot, and who of them
 * is told its position when
 *
 * A connector stands for its pair. The first positions are told whenever the
 * queue has moved; those behind are numbered at most once a second, when a PING
 * is due to one of them, and each is told with its own next PING.
 */
#pragma once
#include "beacon/news.h"
#include "beacon/roster.h"

struct queue {
	struct roster_legs legs; /* by turn */
	struct news *news;
	uint32_t told_at_once;
	bool moved; /* the first positions are to be told */
	bool stale; /* those behind are not what they were numbered */
	uint64_t swept_ms;
};

/** queue_init() - @told_at_once: so many of the first; @news: borrowed */
void queue_init(struct queue *q, uint32_t told_at_once, struct news *news);
void queue_add(struct queue *q, struct switchboard_leg *connector);
void queue_remove(struct queue *q, struct switchboard_leg *connector);
/** queue_tell() - number and tell the first ones, if the queue has moved */
void queue_tell(struct queue *q);
/** queue_sweep() - number all, if that is due; the first ones are told */
void queue_sweep(struct queue *q, uint64_t now_ms);
