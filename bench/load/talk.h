/* load/talk.h: a leg that says known bytes and checks what it hears.
 *
 * What a leg says is a stretch of one long text, which begins at a place that
 * follows from a seed: so whoever knows the seed can check every byte, and a
 * byte that is lost, doubled, changed or somebody else's is noticed.
 */
#pragma once
#include "net/leg.h"

struct talk;

/* How it went. */
enum talk_end {
	TALK_GOOD,  /* both have said all and ended in order */
	TALK_RESET, /* reset by the other side, or by us */
	TALK_WRONG, /* a byte that nobody said */
	TALK_SHORT, /* the end came too early, or too late */
};

struct talk_plan {
	uint64_t say_seed, hear_seed;
	uint64_t say, hear; /* bytes */
	uint64_t reset_at;  /* reset when so many are said; UINT64_MAX: never */
	/* last call, from the loop; the leg is closed */
	void (*ended)(void *ctx, enum talk_end how);
	void *ctx;
};

struct talk {
	struct talk_plan plan;
	struct leg *leg;
	uint64_t said, heard;
	bool heard_end, finished;
};

/** talk_start() - @leg is taken, and @t lives until `ended` */
void talk_start(struct talk *t, struct leg *leg, const struct talk_plan *plan);
/** talk_stop() - reset; `ended` is not called; repeatable */
void talk_stop(struct talk *t);
