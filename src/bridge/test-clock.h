/* bridge/test-clock.h: tests with real sockets and a clock of their own: hours
 * pass when a test says so.
 */
#pragma once
#include "link/test-fakeserver.h"
#include <time.h>

#define SECOND UINT64_C(1000)

static struct loop *clock_loop;
static uint64_t clock_now;

static inline void clock_open(struct loop **loop)
{
	clock_now = 1000000;
	assert_int_equal(loop_new(loop), 0);
	clock_loop = *loop;
	loop_fake_clock(clock_loop, clock_now);
}

static inline void pass(uint64_t ms)
{
	clock_now += ms;
	loop_set_now(clock_loop, clock_now);
}

/* Sockets are real and time is not: it goes on a little, since libcurl waits
 * for a millisecond here and there. */
#define UNTIL(condition)                                                       \
	do {                                                                   \
		time_t end_ = time(NULL) + 20;                                 \
                                                                               \
		for (unsigned i_ = 0; !(condition); i_++) {                    \
			if (time(NULL) > end_)                                 \
				fail_msg("never came: %s", #condition);        \
			if (i_ % 64 == 63)                                     \
				pass(1);                                       \
			loop_turn(clock_loop);                                 \
		}                                                              \
	} while (0)
