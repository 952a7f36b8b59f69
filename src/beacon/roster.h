/* beacon/roster.h: the switchboard's books: which legs stand in which hall
 * (under which info hash), and how much each source has of everything that is
 * limited.
 *
 * It decides nothing. What it answers is kept as legs come and go, so that the
 * heaviest source and the next in turn are found without a search.
 *
 * A leg counts as waiting from roster_add() to roster_remove(). A connector
 * stands for its pair: in its source's turns while the pair wants a slot, among
 * its pairs while it has one. Pairs count for the connector's source.
 */
#pragma once
#include "base/heap.h"
#include "base/table.h"
#include "beacon/switchboard.h"

enum { ROSTER_ROLES = 2, ROSTER_KINDS = 4 };

TAILQ_HEAD(roster_legs, switchboard_leg);

struct switchboard_hall {
	struct table_node node;
	uint8_t hash[FRAME_HASH];
	/* The switchboard's: legs without a peer, by role and by what they are
	 * and ask for. */
	struct roster_legs waiting[ROSTER_ROLES][ROSTER_KINDS];
	struct roster_legs all[2]; /* bare, proven; by age */
	size_t n_all[2];
};

struct switchboard_source {
	struct table_node node;
	struct address_source address;
	struct heap_node by_waiting, by_held, by_turn;
	struct roster_legs waiting; /* by age */
	struct roster_legs turns;   /* connectors without a slot */
	struct roster_legs pairs;   /* with a slot, the least active first */
	size_t n_waiting, n_bare, n_pairs;
	size_t tally; /* in one hall; used within roster_hall_heaviest() */
};

struct roster {
	struct table halls, sources;
	struct roster_legs waiting;	 /* all that do, by age */
	struct heap by_waiting, by_held; /* the heaviest first */
	struct heap by_turn;		 /* those with turns, next one first */
	uint64_t turns;
	struct switchboard_counts *counts;
};

/** roster_init() - for at most so many waiting legs and pairs; @counts
 * (borrowed) is kept up to date */
void roster_init(struct roster *r, size_t waiting, size_t pairs,
    struct switchboard_counts *counts);

/** roster_add() - the leg (its role and proven are set) waits from now on
 * Return: 0; -ENOMEM. */
MUST_USE int roster_add(struct roster *r, struct switchboard_leg *leg,
    const uint8_t hash[FRAME_HASH], const struct address_source *source);
/** roster_remove() - it does not, any more; a connector with a slot keeps its
 * source */
void roster_remove(struct roster *r, struct switchboard_leg *leg);

/** roster_hall_heaviest() - among those in the hall of @leg that are proven (or
 * bare) as it is: the newest leg of the source with the most of them
 * roster_heaviest() - the same among all that wait
 * When the source of @leg, which must be the newest, has as many, it is @leg.
 */
struct switchboard_leg *roster_hall_heaviest(struct switchboard_leg *leg);
struct switchboard_leg *roster_heaviest(
    const struct roster *r, struct switchboard_leg *leg);

/** roster_add_turn() - the connector wants a slot
 * roster_remove_turn() - it has got one, or its pair fell apart */
void roster_add_turn(struct roster *r, struct switchboard_leg *connector);
void roster_remove_turn(struct roster *r, struct switchboard_leg *connector);
/** roster_next() - whose turn it is: of the source that holds the fewest pairs;
 * among equals, of who waits longest; NULL: nobody wants a slot */
struct switchboard_leg *roster_next(const struct roster *r);

/** roster_add_pair() - the connector has got a slot
 * roster_remove_pair() - its pair has ended */
void roster_add_pair(struct roster *r, struct switchboard_leg *connector);
void roster_remove_pair(struct roster *r, struct switchboard_leg *connector);
/** roster_most_pairs() - the least active pair of the source that has the most;
 * NULL: there is no pair */
struct switchboard_leg *roster_most_pairs(const struct roster *r);
/** roster_touch() - the connector's pair is its source's most active one */
void roster_touch(struct switchboard_leg *connector);
