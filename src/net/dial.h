/* net/dial.h: from "host:port" to a leg: TCP, directly or by the loop's egress
 * proxy.
 *
 * Names are resolved on the loop (net/resolve.h, so that a static binary needs
 * no NSS). The addresses are tried in turn, IPv6 and IPv4 interleaved: each has
 * a head start of 250 ms before the next one is tried beside it (RFC 8305); one
 * that fails makes room at once. The first that is connected wins.
 *
 * When loop_egress() has a proxy for the target, that is what is looked up and
 * connected to; the target's name goes to the proxy as it is. The leg that is
 * handed out is at the target's first byte all the same.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "net/leg.h"

struct dial;

/* @leg: connected and the callee's, or NULL with @fault (name not found,
 * refused, unreachable, timed out: which address, or what the egress proxy
 * said, and what to check). Called once,
 * from the loop. */
typedef void (*dial_fn)(void *ctx, struct leg *leg, const struct fault *fault);

/** dial_open() - begin; @target as for address_parse(), with a host and a port
 * @ms: for everything together. @out: valid until @fn is called.
 * Return: 0; -EINVAL, -EIO with @fault; -ENOMEM. */
MUST_USE int dial_open(struct dial **out, struct loop *loop, const char *target,
    unsigned ms, dial_fn fn, void *ctx, struct fault *fault);
/** dial_open_near() - the same, never by a proxy: to what stands beside us */
MUST_USE int dial_open_near(struct dial **out, struct loop *loop,
    const char *target, unsigned ms, dial_fn fn, void *ctx,
    struct fault *fault);
/** dial_check() - would dial_open() take @target?
 * Return: 0; -EINVAL with @fault. */
MUST_USE int dial_check(const char *target, struct fault *fault);
/** dial_name_servers() - (tests) ask these, as resolve_config.servers, in place
 * of the system's; right after dial_open() */
MUST_USE int dial_name_servers(struct dial *d, const char *servers);
/** dial_cancel() - @fn is not called; NULL is fine */
void dial_cancel(struct dial *d);

/* A network in memory, for simulations: loop_set_network(). */
struct dial_network {
	/* a dial begins; dial_answer() it later, from the loop */
	void (*connect)(
	    struct dial_network *n, struct dial *d, const char *target);
	/* it was cancelled, or its deadline has come: forget it */
	void (*forget)(struct dial_network *n, struct dial *d);
};
/** dial_answer() - @leg: OPEN, handed over; NULL: refused */
void dial_answer(struct dial *d, struct leg *leg);
