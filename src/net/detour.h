/* net/detour.h: a leg to an egress proxy becomes a leg to the target: what is
 * said to the proxy before it lets bytes through (wire/connect.h,
 * wire/socks.h).
 */
#pragma once
#include "base/fault.h"
#include "net/egress.h"
#include "net/leg.h"

struct detour;

/* @leg: the callee's, at the target's first byte; NULL with @fault, which names
 * the proxy, what it said, and what to do. Called once, from the loop; nothing
 * is left of the detour then. */
typedef void (*detour_fn)(
    void *ctx, struct leg *leg, const struct fault *fault);

/** detour_open() - @leg to @proxy is taken, and led to @to
 * There is no deadline: detour_cancel() is it.
 * @proxy: borrowed until @fn is called or the detour cancelled.
 * Return: 0; -EINVAL with @fault: @to cannot be said to a proxy; -ENOMEM. The
 * leg is then reset. */
MUST_USE int detour_open(struct detour **out, struct leg *leg,
    const struct egress_proxy *proxy, const struct address *to, detour_fn fn,
    void *ctx, struct fault *fault);
/** detour_cancel() - the leg is reset, @fn is not called; NULL is fine */
void detour_cancel(struct detour *d);
/** detour_silence() - what is being waited for, for a deadline's words */
const char *detour_silence(const struct detour *d);
