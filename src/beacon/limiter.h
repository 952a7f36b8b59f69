/* beacon/limiter.h: who may come in, before anything is known but the source:
 * new connections a minute, and connections that have not yet said HELLO. Pure:
 * sources and a time in, verdicts out.
 *
 * A source may open `rate.burst` connections at once and one more every
 * `rate.step_ms`.
 * As many again are taken in only to be told so (POLITE); beyond that the door
 * is shut without a word. The owner embeds a struct limiter_guest in what it
 * keeps for a connection.
 */
#pragma once
#include "base/bucket.h"
#include "net/address.h"
#include <sys/queue.h>

struct limiter;
struct limiter_source;

struct limiter_rules {
	struct bucket_rule rate, polite;
	size_t sources;
	size_t unfinished, unfinished_source;
};
/* from beacon/limits.h */
extern const struct limiter_rules limiter_rules;

struct limiter_guest { /* all zero at first: not here */
	struct limiter_source *source;
	bool unfinished;
	TAILQ_ENTRY(limiter_guest) of_source;
};

enum limiter_verdict {
	LIMITER_WELCOME,
	LIMITER_POLITE, /* finish the handshake, send rateLimit, close */
	LIMITER_SHUT,	/* close now; the guest is not here */
	LIMITER_VERDICT_COUNT
};

struct limiter_answer {
	enum limiter_verdict verdict;
	uint32_t retry_ms;	      /* POLITE: when the next one is allowed */
	struct limiter_guest *victim; /* must go at once (limiter_leave), since
					 too many are unfinished; or NULL */
};

/** limiter_new() - @rules is copied
 * Return: 0; -ENOMEM. */
MUST_USE int limiter_new(
    struct limiter **out, const struct limiter_rules *rules);
/** limiter_free() - INVARIANT: every guest has left */
void limiter_free(struct limiter *l);

/** limiter_arrive() - a connection was accepted at @now_ms
 * Without memory it is SHUT. */
struct limiter_answer limiter_arrive(struct limiter *l,
    struct limiter_guest *guest, const struct address_source *source,
    uint64_t now_ms);
/** limiter_hold() - one whose source is not known yet, since a proxy in front
 * of us will say it: it is unfinished, counts for no source's rate, and has no
 * other bound than that of all together. When the source is known, it leaves
 * and arrives.
 * Return: who must go at once, as limiter_answer.victim. */
struct limiter_guest *limiter_hold(
    struct limiter *l, struct limiter_guest *guest);
/** limiter_settle() - it has said HELLO, so it is no longer unfinished */
void limiter_settle(struct limiter *l, struct limiter_guest *guest);
/** limiter_leave() - the connection is gone; repeatable */
void limiter_leave(struct limiter *l, struct limiter_guest *guest);

/* For gauges and counters. */
struct limiter_counts {
	uint64_t verdicts[LIMITER_VERDICT_COUNT];
	uint64_t sources, unfinished;
	uint64_t pushed_out; /* unfinished ones that had to go */
	uint64_t table_full; /* SHUT because all sources have connections */
};
const struct limiter_counts *limiter_counts(const struct limiter *l);
