/* net/pump.h: two legs joined, bytes both ways, bounded.
 *
 * Each direction is independent: it holds at most one block of the loop's pool,
 * borrowed only while bytes are in flight; the source is not read while the
 * sink cannot take it. The end passes after the last byte (leg_finish), a reset
 * as a reset, at once. Idle pairs are not cut; a half-closed pair without
 * traffic is, after half_closed_ms.
 */
#pragma once
#include "base/err.h"
#include "net/leg.h"

struct pump;

struct pump_result {
	uint64_t bytes[2]; /* a to b, b to a */
	bool reset;	   /* ended by a reset or an error, not by two ends */
	bool timed_out;	   /* half-closed and silent for too long */
	bool shed;	   /* as pump_shed() said last */
	int failed;	   /* 0: a, 1: b, -1: neither: who failed first */
};

/* Called once, from the loop, when both directions have ended; the legs are
 * closed already. */
typedef void (*pump_fn)(void *ctx, const struct pump_result *result);

/** pump_start() - both legs are taken (also on failure)
 * @half_closed_ms: 0 for never.
 * @out: valid until @fn is called.
 * Return: 0; -ENOMEM. */
MUST_USE int pump_start(struct pump **out, struct leg *a, struct leg *b,
    unsigned half_closed_ms, pump_fn fn, void *ctx);
/** pump_stop() - reset both; @fn is not called */
void pump_stop(struct pump *p);
/** pump_bytes() - so far, from leg @from (0: a, 1: b) to the other */
uint64_t pump_bytes(const struct pump *p, int from);
/** pump_shed() - have both legs shed their protection (net/leg.h)? */
bool pump_shed(const struct pump *p);
/** pump_last_active() - loop_now() of the last byte */
uint64_t pump_last_active(const struct pump *p);
