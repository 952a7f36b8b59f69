/* net/shake.h: a TLS handshake with a deadline, and one call with its outcome.
 *
 * tls_leg_open() alone leaves the deadline and the first LEG_WRITE or LEG_GONE
 * to its owner. Everybody who opens TLS needs both: a beacon's session, the
 * visit to a beacon, a tunnel, the HTTPS listeners, the sealed session. A
 * handshake that fails is closed in order, so that the peer still reads the
 * alert that says why.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "net/leg.h"
#include "net/tls.h"

struct tls_shake;

/* @leg: a TLS leg that is OPEN, the callee's, without handler; or NULL: then
 * @why is the class of the failure and @fault names the hop, what was seen and
 * the remedy (both borrowed for the call). Called once, from the loop. */
typedef void (*tls_shake_fn)(void *ctx, struct leg *leg, enum tls_failure why,
    const struct fault *fault);

struct tls_shake_order {
	struct leg *lower;	     /* taken, also on failure */
	struct tls_context *context; /* borrowed for the call */
	const char *name;	     /* as for tls_leg_open() */
	unsigned ms;		     /* for the whole handshake; at least 1 */
	tls_shake_fn fn;
	void *ctx;
};

/** tls_shake() - begin
 * @out: valid until @fn is called.
 * Return: 0; -EINVAL: @name cannot be a name; -ENOMEM. No call comes then. */
MUST_USE int tls_shake(
    struct tls_shake **out, const struct tls_shake_order *order);
/** tls_shake_again() - it has @ms from now; what came before was waiting for
 * the leg below to reach anybody */
void tls_shake_again(struct tls_shake *s, unsigned ms);
/** tls_shake_release() - nobody will answer it: give it up
 * Return: the leg below, as it is, without a handler; @fn is not called. */
MUST_USE struct leg *tls_shake_release(struct tls_shake *s);
/** tls_shake_cancel() - reset the leg; @fn is not called; NULL is fine */
void tls_shake_cancel(struct tls_shake *s);
