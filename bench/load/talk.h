/* load/talk.h: one end of a conversation in which every byte is checked.
 *
 * What an end says is a stretch of one long text. It first says where that
 * begins, how long it is and whether it will break off in the middle; so
 * whoever is at the other end can check every byte and how it ends: one that is
 * lost, doubled, changed or somebody else's is noticed.
 */
#pragma once
#include "net/leg.h"

enum { TALK_HEAD = 17 };

/* How it went. */
enum talk_end {
	TALK_GOOD,   /* both have said all, and both ways ended in order */
	TALK_BROKEN, /* one of the two has broken off, as it had said */
	TALK_RESET,  /* a reset that nobody had announced */
	TALK_WRONG,  /* a byte that nobody said */
	TALK_SHORT,  /* an end at the wrong place */
	TALK_ENDS
};

struct talk {
	/* filled in by the owner */
	uint64_t seed, say; /* bytes after the head */
	bool breaks;	    /* reset once half of it is said */
	/* last call, from the loop; the leg is closed */
	void (*ended)(struct talk *t, enum talk_end how);

	struct leg *leg;
	uint8_t head[TALK_HEAD], peer_head[TALK_HEAD];
	uint64_t said, heard; /* the heads included */
	uint64_t peer_seed, peer_say;
	bool peer_breaks, heard_end, finished;
};

/** talk_start() - @leg is taken, and @t lives until `ended` or talk_stop() */
void talk_start(struct talk *t, struct leg *leg);
/** talk_stop() - reset; `ended` is not called; repeatable */
void talk_stop(struct talk *t);
