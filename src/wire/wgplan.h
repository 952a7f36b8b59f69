/* wire/wgplan.h: what to do to an interface so that it becomes what it should
 * be: desired state minus actual state.
 *
 * The plan names no peer that is as it should be, so nobody else's traffic
 * stops. A prefix that goes from one peer to another is given to the new one
 * and not taken from the old one first: WireGuard moves it in one step.
 *
 * Not compared: an endpoint that the peer has (it may have moved, and is then
 * right), one that is not wanted, and the port where the desired one is 0.
 */
#pragma once
#include "wire/wgstate.h"

enum wgop_kind {
	WGOP_PRIVATE_KEY, /* plan->desired has the values of these three */
	WGOP_PORT,
	WGOP_MARK,
	WGOP_REMOVE_PEER, /* only the key of `peer` counts */
	WGOP_TAKE,     /* `prefixes` are taken from `peer`, nobody gets them */
	WGOP_ADD_PEER, /* a new one, with all that it has, and `prefixes` */
	WGOP_CHANGE_PEER, /* set `what`, and give it `prefixes` besides */
	WGOP_KINDS
};

enum { /* what of a peer, bits */
	WGOP_PRESHARED = 1,
	WGOP_ENDPOINT = 2,
	WGOP_KEEPALIVE = 4,
};

struct wgop {
	enum wgop_kind kind;
	unsigned what;
	const struct wgpeer *peer; /* NULL for the first three */
	const struct prefix *prefixes;
	size_t n_prefixes;
};

struct wgplan {
	const struct wgstate *desired;
	struct wgop *ops; /* in the order in which they are to be done */
	size_t n_ops, room_ops;
	struct prefix *prefixes; /* those that ops point at, in part */
	size_t n_prefixes;
};

/** wgplan_make() - both sealed; they outlive the plan, which borrows from them
 * @out: to be freed with wgplan_deinit()
 * Return: 0; -ENOMEM. */
MUST_USE int wgplan_make(struct wgplan *out, const struct wgstate *desired,
    const struct wgstate *actual);
void wgplan_deinit(struct wgplan *p);

/** WGPLAN_NOBODY - a public key whose private key nobody has
 * To take a prefix from a peer that keeps others, a driver gives it to this
 * peer, in one step, and removes the peer: no interface can take back one of
 * several without a moment in which the peer has none. A peer with this key
 * that is still there is removed by the next plan, as any other. */
extern const struct wgkey WGPLAN_NOBODY;
