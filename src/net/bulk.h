/* net/bulk.h: fewer wake-ups for who reads a great deal.
 *
 * A reader that is woken for each few kilobytes spends more on waking than on
 * bytes, and so do those that it wakes. A source that gives BULK_BYTES within
 * BULK_MS is bulk: its leg is asked to gather so many before it is reported
 * (leg_gather), until it has made its reader wait for BULK_MS. So the last
 * bytes of a stretch come up to two ticks of the clock later than they could;
 * who speaks in small messages never waits.
 *
 * The owner notes what it has read, and when it begins to wait. A source that
 * is not bulk costs it eight bytes and no timer.
 */
#pragma once
#include "net/leg.h"

enum { BULK_MS = 1, BULK_BYTES = 512 * 1024 };

struct bulk_watch;
struct bulk {
	uint32_t since_ms; /* loop_now() when counting began, its low bits */
	uint32_t bytes;
	struct bulk_watch *watch; /* while it gathers */
};

/** bulk_note() - @n bytes were read from *@from, which stays where it is until
 * bulk_end(); the leg that it names may be given up for its bare one (leg_bare)
 * bulk_wait() - the owner has nothing to do but to wait for more
 * bulk_end() - bytes are reported as they come again; repeatable */
void bulk_note(struct bulk *b, struct leg *const *from, size_t n);
void bulk_wait(struct bulk *b);
void bulk_end(struct bulk *b);

static inline bool bulk_gathers(const struct bulk *b)
{
	return b->watch != NULL;
}
