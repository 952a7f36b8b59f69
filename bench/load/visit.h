/* load/visit.h: one visit to a relay, with the moments that a measurement
 * needs.
 *
 * net/beaconc.h is the product's client; it hides when TLS was done and says
 * HELLO at once. A visit stops there until visit_greet(), so that two legs can
 * be made to arrive together, and it speaks to other relays than ours.
 */
#pragma once
#include "load/crowd.h"
#include "net/shake.h"
#include "wire/frame.h"

enum visit_way {
	VISIT_BEACON,  /* TLS, HELLO, PAIRED */
	VISIT_TRANSIT, /* plain; a line with token and side, then "ok\n" */
	VISIT_STRELAY, /* plain; a session's key, then a response */
	VISIT_TLS,     /* TLS, and nothing to greet with */
	VISIT_TCP,     /* not even TLS */
};
extern const char *const visit_ways[]; /* their names, NULL-terminated */

struct visit;

/* What the visits of a program share. */
struct visit_plan {
	struct crowd *crowd;
	struct tls_context *outer; /* VISIT_BEACON, VISIT_TLS */
	enum visit_way way;
	/* connected, and TLS is done: visit_greet() may be called, or v->leg
	 * be taken */
	void (*secured)(struct visit *v);
	/* the relay has us wait; of a transit relay, which does not say so:
	 * it has been greeted */
	void (*waiting)(struct visit *v);
	/* last call; v->leg is there */
	void (*paired)(struct visit *v);
	/* last call; @text: why, for people */
	void (*failed)(struct visit *v, const char *text);
};

enum visit_state {
	VISIT_IDLE,
	VISIT_DIALLING,
	VISIT_SHAKING,
	VISIT_SECURED,
	VISIT_GREETING,
	VISIT_ASKED,
	VISIT_PAIRED,
	VISIT_STATES
};

struct visit {
	const struct visit_plan *plan;
	enum visit_state state;
	enum frame_role role;
	uint8_t key[FRAME_HASH]; /* info hash, token, key of the session */
	struct leg *leg;
	struct tls_shake *shake; /* in VISIT_SHAKING */
	/* tally_now() when it began, when TLS was done, when the greeting was
	 * written and when PAIRED was read */
	uint64_t began, secured, greeted, paired;
	uint8_t pair[FRAME_ID];
	uint8_t bytes[FRAME_BUFFER];
	size_t n_bytes, sent;
};

/** visit_start() - @v: zeroed, with plan, role and key. Events come from the
 * loop.
 * Return: 0; -errno of the socket. */
MUST_USE int visit_start(struct visit *v);
void visit_greet(struct visit *v);
/** visit_deinit() - closes the leg in order; repeatable. Not from an event but
 * the last one. */
void visit_deinit(struct visit *v);
