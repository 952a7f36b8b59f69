/* net/routeplan.h: which target a route tries next, and when: a pure core.
 *
 * No socket, no clock, no random number of its own: times and numbers are
 * passed in. The owner (net/route.c) asks routeplan_next() until it says WAIT,
 * starts what it is told to, and reports what came of it.
 *
 * An attempt is on its way from routeplan_started() to routeplan_got() or
 * routeplan_failed(); in between the beacon may register it. A leg lives from
 * routeplan_got() to routeplan_ended().
 */
#pragma once
#include "base/err.h"

enum { ROUTE_TARGETS_MAX = 16 };

/* Two ways of keeping legs coming; net/route.h says what they are for. */
enum route_keep { ROUTE_EVERY, ROUTE_SOME };

/* Attempts of ROUTE_EVERY through a beacon ask for a proven peer, or take a
 * bare one too; all others are of the first kind. */
enum routeplan_kind { ROUTEPLAN_PROVEN, ROUTEPLAN_BARE, ROUTEPLAN_KINDS };

enum {
	/* the ceiling of a rest grows from the first to the second */
	ROUTEPLAN_REST_LEAST_MS = 500,
	ROUTEPLAN_REST_MOST_MS = 30000,
	/* what a beacon asks for is kept up to here */
	ROUTEPLAN_TOLD_MOST_MS = 60000,
	/* having worked for so long makes good for failures */
	ROUTEPLAN_WORKS_MS = 30000,
	/* attempts at one target: so many at once, then one an interval */
	ROUTEPLAN_REFILL_BURST = 30,
	ROUTEPLAN_REFILL_MS = 1000,
	/* the same for the bare ones, whose burst is their number; one that was
	 * of use is given back: routeplan_welcome() */
	ROUTEPLAN_REFILL_BARE_MS = 6000,
	/* for so long outer TLS is kept at a target where shedding it went
	 * wrong */
	ROUTEPLAN_KEEP_TLS_MS = 600000,
};

struct routeplan_refill {
	unsigned left;
	uint64_t since; /* one more every interval from here */
};

struct routeplan_target {
	unsigned on_way[ROUTEPLAN_KINDS];
	unsigned pending; /* of those, not registered yet */
	unsigned live;
	unsigned failures; /* since it worked for long enough */
	bool works; /* an attempt has come through since the last failure, */
	uint64_t works_since; /* then */
	uint64_t rest_until;
	uint64_t keep_tls_until;
	struct routeplan_refill refill[ROUTEPLAN_KINDS];
};

struct routeplan {
	enum route_keep keep;
	unsigned count, bare; /* as in route_config */
	bool spares; /* a leg that lives is not one of `count`: those on their
			way wait for a peer and are replaced once they have it
			*/
	size_t n_targets;
	uint8_t order[ROUTE_TARGETS_MAX]; /* ROUTE_SOME: best first */
	struct routeplan_target target[ROUTE_TARGETS_MAX];
};

/** routeplan_init() - nothing tried yet; the fields up to `order` are the
 * caller's to fill in before */
void routeplan_init(struct routeplan *p, uint64_t now);

struct routeplan_step {
	bool attempt; /* start one now at @target, of @kind; or */
	unsigned target;
	enum routeplan_kind kind;
	uint64_t until; /* wait: ask again then; UINT64_MAX: when something
			   has been reported */
};
struct routeplan_step routeplan_next(struct routeplan *p, uint64_t now);

void routeplan_started(
    struct routeplan *p, unsigned target, enum routeplan_kind kind);
/** routeplan_registered() - a beacon has taken the attempt in
 * Return: true when the target begins to work: for the first time, or again. */
MUST_USE bool routeplan_registered(
    struct routeplan *p, unsigned target, uint64_t now);
/** routeplan_got() - the attempt has become a leg
 * @registered: routeplan_registered() was called for it
 * Return: as routeplan_registered(). */
MUST_USE bool routeplan_got(struct routeplan *p, unsigned target,
    enum routeplan_kind kind, bool registered, uint64_t now);

/* What is known of an attempt that failed or a leg that ended. */
struct routeplan_end {
	uint64_t now;
	uint32_t retry_ms; /* what the beacon asked for, or 0 */
	uint32_t random;   /* uniform over all of uint32_t */
};
/** routeplan_failed() - an attempt has failed; the target rests
 * Return: true when this is news: it was not resting already. */
MUST_USE bool routeplan_failed(struct routeplan *p, unsigned target,
    enum routeplan_kind kind, bool registered, const struct routeplan_end *end);
/** routeplan_cut_at_shed() - a leg of @target's was cut where it shed outer TLS
 * routeplan_sheds() - may the next one shed it? */
void routeplan_cut_at_shed(struct routeplan *p, unsigned target, uint64_t now);
bool routeplan_sheds(const struct routeplan *p, unsigned target, uint64_t now);
/** routeplan_welcome() - a bare leg of @target's brought who was meant: it is
 * not counted as spent */
void routeplan_welcome(struct routeplan *p, unsigned target, uint64_t now);
/** routeplan_ended() - a leg has ended; the target rests, but with `spares`,
 * where the end of a leg says nothing of the target */
void routeplan_ended(
    struct routeplan *p, unsigned target, const struct routeplan_end *end);
