/* net/dial.h: from "host:port" to a TCP leg.
 *
 * Names are resolved by c-ares on the loop (so that a static binary needs no
 * NSS), /etc/hosts included; the addresses are tried in turn, IPv6 and IPv4
 * interleaved, each for a share of the deadline.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "net/leg.h"

struct dial;

/* @leg: connected and the callee's, or NULL with @fault (name not found,
 * refused, unreachable, timed out: which address, what to check). Called once,
 * from the loop. */
typedef void (*dial_fn)(void *ctx, struct leg *leg, const struct fault *fault);

/** dial_open() - begin; @target as for address_parse(), with a host
 * @ms: for everything together. @out: valid until @fn is called.
 * Return: 0; -EINVAL with @fault; -ENOMEM. */
MUST_USE int dial_open(struct dial **out, struct loop *loop,
    const char *target, unsigned ms, dial_fn fn, void *ctx,
    struct fault *fault);
/** dial_cancel() - @fn is not called; NULL is fine */
void dial_cancel(struct dial *d);
