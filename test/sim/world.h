/* A switchboard with an owner that believes only what the actions told it, and
 * everything that must hold after each step. Used by the exhaustive walk and by
 * the long random run.
 */
#pragma once
#include "beacon/switchboard.h"

enum world_kind {
	WORLD_JOIN,
	WORLD_LEAVE,
	WORLD_PONG,
	WORLD_ACTIVE,
	WORLD_TICK,  /* `leg` is unused from here on */
	WORLD_DRAIN, /* once */
	WORLD_TAKE,  /* one action; in lazy worlds only */
	WORLD_KIND_COUNT
};

struct world_event {
	enum world_kind kind;
	size_t leg;
};

enum world_view { VIEW_ABSENT, VIEW_JOINED, VIEW_WAITING, VIEW_PAIRED };

struct world_leg {
	struct switchboard_hello script; /* what it says at each join */
	struct switchboard_leg leg;
	enum world_view view;	/* as the actions told it */
	struct world_leg *with; /* VIEW_PAIRED */
	uint8_t opaque[FRAME_PING];
	bool pinged;
};

struct world {
	struct switchboard *board;
	struct switchboard_limits limits;
	struct world_leg *legs;
	size_t n_legs;
	uint64_t now;
	bool draining;
	bool lazy; /* actions are taken by events, not after each step */
	uint64_t taken[SWITCHBOARD_WHAT_COUNT]; /* actions by kind */
	uint64_t codes[FRAME_ERROR_COUNT];	/* of DROP and CUT */
	const char *disbelief; /* an action that made no sense, or NULL */
};

/** world_open() - @legs (borrowed): their scripts are set
 * world_close() - everybody leaves; nothing may be left */
void world_open(struct world *w, const struct switchboard_limits *limits,
    struct world_leg *legs, size_t n_legs);
void world_close(struct world *w);

/** world_can() - does the event make sense for an owner now? */
bool world_can(const struct world *w, struct world_event e);
/** world_do() - one event; a WORLD_TICK takes @ms */
void world_do(struct world *w, struct world_event e, uint64_t ms);
/** world_check() - every invariant
 * Return: NULL, or the one that does not hold. */
const char *world_check(const struct world *w);
const char *world_event_text(struct world_event e);
