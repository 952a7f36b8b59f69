/* broker/bootway.h: how a boot session gets its connection to the bridge.
 *
 * Over beacons by a visit of its own, proven by the certificate that we have,
 * bare as long as there is none; also at the info hash where a cluster meets a
 * bridge whose CA it does not know. Where the bridge dials us, by the listener
 * of the tunnels: the next connection is for the session; the bridge keeps a
 * number of tunnels, so one of them is ended in order to have it dial.
 */
#pragma once
#include "net/uplink.h"

struct bootway;

struct bootway_events {
	/* the callee's, until bootway_end(); the wish is fulfilled */
	void (*leg)(void *ctx, struct leg *leg);
	/* a beacon failed; others are tried, and it again */
	void (*failed)(void *ctx, const struct fault *fault);
};

struct bootway_order {
	struct loop *loop;
	struct uplink *uplink; /* borrowed; NULL: there is none yet */
	/* of it, with its `ca`; copied, and what it points to stays until
	 * bootway_free() */
	const struct uplink_config *config;
};
/** bootway_new() - Return: 0; -ENOMEM. */
MUST_USE int bootway_new(struct bootway **out,
    const struct bootway_order *order, const struct bootway_events *events,
    void *ctx);
/** bootway_aim() - as @order says from now on; its loop stays. The wish ends.
 */
void bootway_aim(struct bootway *w, const struct bootway_order *order);
/** bootway_free() - no event comes after; NULL is fine */
void bootway_free(struct bootway *w);

/** bootway_wish() - have one leg come; it is the caller's to lose patience
 * @hash: over beacons, where to meet; NULL: the CA's own
 * Return: 0; -errno with @fault. */
MUST_USE int bootway_wish(
    struct bootway *w, const uint8_t hash[FRAME_HASH], struct fault *fault);
/** bootway_end() - the wish is over, or its leg has ended; repeatable */
void bootway_end(struct bootway *w);
