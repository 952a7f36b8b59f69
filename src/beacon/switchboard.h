/* beacon/switchboard.h: who is paired with whom. A pure core: legs come in with
 * a time, actions come out; no socket, no clock, no allocation by the number of
 * bytes a peer sends.
 *
 * Per info hash there is a queue of listeners and a queue of connectors; one of
 * each makes a pair, in one step. The owner (beacon/session.c) embeds a struct
 * switchboard_leg in each session, calls join, leave and the like, and then
 * drains switchboard_next() until it is empty: every change of fate is an action,
 * in the order in which it was decided.
 *
 * States of a leg, and what may be called:
 *   IDLE      join
 *   WAITING   leave, pong, (tick may DROP it)
 *   RESERVED  the same; it has its peer, the pair waits for a slot (cap)
 *   PAIRED    active, leave (which is: the pair has ended, for both legs)
 */
#pragma once
#include "base/err.h"
#include "base/table.h"
#include "net/address.h"
#include "wire/frame.h"

struct switchboard;

enum switchboard_state { SWITCHBOARD_IDLE, SWITCHBOARD_WAITING,
			 SWITCHBOARD_RESERVED, SWITCHBOARD_PAIRED };

/* What a leg says of itself when it joins; copied. */
struct switchboard_hello {
	enum frame_role role;
	uint8_t hash[FRAME_HASH];
	struct address_source source;
	bool proven;
	bool require_proven;
};
