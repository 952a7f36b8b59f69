/* base/wheel.h: deadlines of many objects, driven by a time that is passed in.
 *
 * A hierarchical timer wheel: arming and disarming cost O(1), whatever their
 * number; the resolution is one millisecond. The wheel never reads a clock:
 * wheel_advance() is told the time, so a test drives it with a fake one. A
 * timer is embedded in its object; disarm it before the object goes.
 */
#pragma once
#include "base/err.h"

struct wheel;
struct wheel_timer;
typedef void (*wheel_fn)(struct wheel_timer *t, uint64_t now_ms);

struct wheel_link {
	struct wheel_link *next, *prev; /* NULL while disarmed */
};

struct wheel_timer { /* all zero: disarmed */
	struct wheel_link link;
	uint64_t due_ms;
	wheel_fn fn;
};

/** wheel_new() - an empty wheel whose time is @now_ms
 * Return: 0; -ENOMEM. */
MUST_USE int wheel_new(struct wheel **out, uint64_t now_ms);
/** wheel_free() - INVARIANT: no timer is armed */
void wheel_free(struct wheel *w);

/** wheel_arm() - call @fn once, at the first wheel_advance() to @due_ms or
 * later An armed timer is moved. A @due_ms in the past runs at the next
 * advance. */
void wheel_arm(
    struct wheel *w, struct wheel_timer *t, uint64_t due_ms, wheel_fn fn);
void wheel_disarm(struct wheel *w, struct wheel_timer *t);
static inline bool wheel_armed(const struct wheel_timer *t)
{
	return t->link.next != NULL;
}

/** wheel_advance() - run, in order of due time, all timers due by @now_ms
 * Equal due times run in the order of arming. Time does not go back: an earlier
 * @now_ms than before counts as the former. Not to be called by a callback.
 * Callbacks may arm and disarm any timer, their own included; what they arm for
 * a time already reached runs at the next advance. */
void wheel_advance(struct wheel *w, uint64_t now_ms);
/** wheel_next() - when wheel_advance() should be called next, at the latest;
 * may be earlier than the first due time, never later
 * Return: a time in ms; UINT64_MAX when nothing is armed. */
uint64_t wheel_next(const struct wheel *w);
size_t wheel_count(const struct wheel *w);
