/* A network of wires: every connection that is dialled runs over two pairs in
 * memory with the simulation between them, which carries bytes from one to the
 * other, or lets them lie, or cuts the connection.
 */
#pragma once
#include "net/test-network.h"

enum { WIRE_PLACES = 4, WIRE_BLOCK = 2048 };

struct wire {
	struct wire *next;
	int place;
	struct leg *end[2];	      /* 0: the side that dialled */
	uint8_t bytes[2][WIRE_BLOCK]; /* read at [i], for the other end */
	size_t n[2], start[2];
	bool ended[2];
	uint64_t stalled_until;
	unsigned most; /* bytes a step and direction */
};

enum wire_fate { WIRE_UP, WIRE_DOWN, WIRE_MUTE };

struct wires {
	struct test_network network;
	struct loop *loop;
	struct wire *first;
	size_t n;
	enum wire_fate fate[WIRE_PLACES]; /* of dials to "P.sim:1", P = 0… */
	uint64_t opened, carried, cuts;
	/* the far end of a connection to @place; the callee's */
	void (*arrive)(void *ctx, int place, struct leg *leg);
	void *ctx;
};

/** wires_join() - @w is zeroed but for arrive and ctx */
void wires_join(struct wires *w, struct loop *loop);
/** wires_carry() - one step; Return: whether a byte or an end has moved */
bool wires_carry(struct wires *w);
/** wires_cut() - reset both ends of the @i-th wire, counted from the newest */
void wires_cut(struct wires *w, size_t i);
/** wires_cut_place() - all wires to @place; -1: all */
void wires_cut_place(struct wires *w, int place);
/** wires_stall() - the @i-th carries nothing until @until */
void wires_stall(struct wires *w, size_t i, uint64_t until);
