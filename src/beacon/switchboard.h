/* beacon/switchboard.h: who is paired with whom. A pure core: legs come in with
 * a time, actions come out; no socket, no clock, no allocation by the number of
 * bytes that a peer sends.
 *
 * Per info hash there are listeners and connectors that wait; one of each makes
 * a pair, in one step. The owner (beacon/session.c) embeds a struct
 * switchboard_leg in each session, tells what happened to it, and after each
 * call takes switchboard_next() until it is empty: every change of fate is an
 * action.
 *
 * States of a leg, and what may be called (leave: in each, repeatable):
 *   IDLE      join
 *   WAITING   pong
 *   RESERVED  pong; it has its peer, but the pair waits for a slot (the cap)
 *   PAIRED    active, pong (the one that was owed, see PAIR)
 * drain sends all away that wait, and whoever joins after it.
 * leave on a PAIRED leg ends the pair: both legs are IDLE then, and the owner
 * sees to the other.
 */
#pragma once
#include "base/err.h"
#include "base/metric.h"
#include "base/wheel.h"
#include "net/address.h"
#include "wire/frame.h"
#include <sys/queue.h>

struct switchboard;
struct switchboard_hall;   /* what waits under one info hash */
struct switchboard_source; /* what came from one source */

enum switchboard_state {
	SWITCHBOARD_IDLE,
	SWITCHBOARD_WAITING,
	SWITCHBOARD_RESERVED,
	SWITCHBOARD_PAIRED,
	SWITCHBOARD_STATE_COUNT
};

/* What a leg says of itself when it joins; copied. */
struct switchboard_hello {
	enum frame_role role;
	uint8_t hash[FRAME_HASH];
	struct address_source source;
	bool proven;
	bool require_proven;
};

/* Embedded in the owner's object, all zero at first. The owner may read what
 * stands above the line and touches nothing. */
struct switchboard_leg {
	enum switchboard_state state;
	enum frame_role role;
	bool proven, require_proven;
	struct switchboard_leg *peer; /* RESERVED, PAIRED */
	uint64_t joined_ms;
	/* ---- */
	bool granted;	 /* (connector) the pair holds a slot */
	bool pinged;	 /* a PING has no answer yet */
	uint8_t pending; /* actions that switchboard_next() will give out */
	enum frame_error code;
	const char *text;
	uint32_t position, told; /* in the queue, and what the leg knows */
	uint64_t serial;	 /* order of joining */
	uint64_t turn;		 /* (connector) order of reserving */
	uint64_t opaque;	 /* of the last PING */
	struct switchboard *board;
	struct switchboard_hall *hall;
	struct switchboard_source *source;
	struct wheel_timer life;     /* next PING, or its answer's deadline */
	struct wheel_timer patience; /* (connector) WAITING without a peer */
	TAILQ_ENTRY(switchboard_leg) of_class;	/* WAITING */
	TAILQ_ENTRY(switchboard_leg) of_roster; /* WAITING, RESERVED */
	TAILQ_ENTRY(switchboard_leg) of_hall;	/* WAITING, RESERVED */
	TAILQ_ENTRY(switchboard_leg) of_source; /* WAITING, RESERVED */
	TAILQ_ENTRY(switchboard_leg) of_queue;	/* connector, without a slot */
	TAILQ_ENTRY(switchboard_leg)
	of_pairs; /* connector: its source's turns
		     or, with a slot, its pairs */
	TAILQ_ENTRY(switchboard_leg) of_news;
};

struct switchboard_limits {
	size_t pairs, pairs_fair;
	size_t waiting, hall_proven, hall_bare, source_bare;
	uint32_t connector_ms, ping_ms, pong_ms;
	uint32_t retry_peer_ms, retry_busy_ms, retry_drain_ms;
	size_t drain_step;
	uint32_t drain_step_ms;
	uint32_t positions_told;
};
/* from beacon/limits.h */
extern const struct switchboard_limits switchboard_limits;

/** switchboard_new() - @limits is copied; pairs_fair at least 1
 * @now_ms: any monotonic clock. @seed: of the jitter
 * Return: 0; -ENOMEM. */
MUST_USE int switchboard_new(struct switchboard **out,
    const struct switchboard_limits *limits, uint64_t now_ms, uint64_t seed);
/** switchboard_free() - INVARIANT: every leg has left */
void switchboard_free(struct switchboard *b);

/** switchboard_join() - a leg that has said HELLO
 * It waits, is paired at once, or (at a limit) gets a DROP.
 * Return: 0; -ENOMEM, the leg is IDLE. */
MUST_USE int switchboard_join(struct switchboard *b,
    struct switchboard_leg *leg, const struct switchboard_hello *hello,
    uint64_t now_ms);
/** switchboard_leave() - the leg is gone or, when PAIRED, the pair has ended
 * No action names it any more; its memory may go. */
void switchboard_leave(
    struct switchboard *b, struct switchboard_leg *leg, uint64_t now_ms);
/** switchboard_drain() - the beacon goes down: from now on nobody waits
 * Who does gets a GOAWAY, a few at a time; who joins gets a DROP with
 * FRAME_ERROR_DRAINING. Pairs go on, and none is cut for another one.
 * Repeatable; there is no way back. */
void switchboard_drain(struct switchboard *b, uint64_t now_ms);
/** switchboard_pong() - a PONG came
 * Return: 0; SWITCHBOARD_E_PONG: to no PING, or with other bytes. */
enum { SWITCHBOARD_E_PONG = 1 };
MUST_USE int switchboard_pong(struct switchboard *b,
    struct switchboard_leg *leg, const uint8_t opaque[FRAME_PING],
    uint64_t now_ms);
/** switchboard_owes_pong() - a PING was given out and is not yet answered */
bool switchboard_owes_pong(const struct switchboard_leg *leg);
/** switchboard_active() - bytes have gone through the leg's pair; when a source
 * must yield a pair, it is the one that was named here longest ago */
void switchboard_active(struct switchboard_leg *leg);
/** switchboard_tick() - time passes; to be called by switchboard_due()
 * switchboard_due() - a time in ms; UINT64_MAX: nothing has a deadline */
void switchboard_tick(struct switchboard *b, uint64_t now_ms);
uint64_t switchboard_due(const struct switchboard *b);

enum switchboard_what {
	SWITCHBOARD_WAIT,   /* tell the leg its position */
	SWITCHBOARD_PING,   /* send it, with opaque */
	SWITCHBOARD_PAIR,   /* leg (the listener) and peer are PAIRED. Where
			       switchboard_owes_pong(): read that PONG, before
			       anything else is read from this leg; the
			       switchboard keeps its deadline */
	SWITCHBOARD_DROP,   /* leg is IDLE: refused, or its time is up */
	SWITCHBOARD_CUT,    /* the pair of leg and peer must end; both IDLE */
	SWITCHBOARD_GOAWAY, /* leg is IDLE: to come back after retry_ms */
	SWITCHBOARD_WHAT_COUNT
};

struct switchboard_action {
	enum switchboard_what what;
	struct switchboard_leg *leg;
	struct switchboard_leg *peer; /* PAIR, CUT: the connector */
	uint32_t position;	      /* WAIT; 0: no slot is lacking */
	uint8_t opaque[FRAME_PING];   /* PING */
	enum frame_error code;	      /* DROP, CUT */
	uint32_t retry_ms;	      /* DROP, GOAWAY */
	const char *text;	      /* DROP, CUT; constant */
};

/** switchboard_next() - the next action, or false */
bool switchboard_next(struct switchboard *b, struct switchboard_action *out);

/* For gauges and counters; 64 bits, as base/metric.h reads them. */
struct switchboard_counts {
	uint64_t listeners, connectors; /* WAITING and RESERVED legs */
	uint64_t queued;		/* pairs without a slot */
	uint64_t paired;		/* pairs with a slot */
	uint64_t halls, sources;
	uint64_t pairs_total;
	uint64_t yielded; /* pairs cut for a waiting one */
	struct metric_histogram connector_wait; /* from join to PAIR */
};
const struct switchboard_counts *switchboard_counts(
    const struct switchboard *b);
