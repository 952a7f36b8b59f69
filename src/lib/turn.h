/* lib/turn.h: a loop behind one descriptor: readable when the loop has
 * something to do, deadlines included
 */
#pragma once
#include "net/loop.h"

struct turn {
	int epoll; /* the descriptor; holds the loop's own and: */
	int timer;
	uint64_t armed; /* the timer's, as of loop_now(); UINT64_MAX: not */
};

/** turn_init() - over @loop, which must outlive it
 * Return: 0; -errno. */
MUST_USE int turn_init(struct turn *t, struct loop *loop);
void turn_deinit(struct turn *t);
/** turn_arm() - after anything that may have posted or armed something outside
 * of a turn of the loop, and after each turn */
void turn_arm(struct turn *t, struct loop *loop);
/** turn_clear() - before each turn: what woke us is being seen to */
void turn_clear(struct turn *t);
