/* net/loop.h: the one event loop of a process, on libuv.
 *
 * Made in main, passed down, never global. Time is read once a turn. Deadlines
 * of many objects share a timer wheel. Callbacks run on the loop's thread and
 * never from inside a call that an owner made: what must happen "right after"
 * is posted. No callback blocks; what would block goes to loop_work().
 *
 * A turn: descriptors that are ready, then timers that are due, then what was
 * posted (things posted from there run in the same turn, at most 64 rounds;
 * then the loop looks at descriptors first).
 *
 * An error of libuv is -errno, as everywhere.
 */
#pragma once
#include "base/err.h"
#include "base/wheel.h"
#include <uv.h>

struct loop;
struct metric_histogram;
struct pipes;
struct pool;

MUST_USE int loop_new(struct loop **out);
/** loop_free() - lingerers are ended, and the loop runs until closed handles
 * are gone. INVARIANT: nothing else is watched, posted, armed or at work */
void loop_free(struct loop *l);
void loop_freep(struct loop **l);

/** loop_run() - until loop_stop(); loop_turn() - one turn, without waiting;
 * loop_wait() - one turn, waiting until there is something to do */
void loop_run(struct loop *l);
void loop_turn(struct loop *l);
void loop_wait(struct loop *l);
void loop_stop(struct loop *l);
/** loop_due_in() - (between turns, for a loop inside another one) in how many
 * ms a turn is due though no descriptor is ready: 0: now; -1: never
 * loop_refresh() - (the same) loop_now() is now; to be called before anything
 * that arms a timer */
int loop_due_in(struct loop *l);
void loop_refresh(struct loop *l);

/** loop_now() - monotonic ms, as of this turn; loop_wall() - seconds since 1970
 */
uint64_t loop_now(const struct loop *l);
/** loop_us() - monotonic microseconds, read now: for measuring, not for
 * deciding */
uint64_t loop_us(const struct loop *l);
/** loop_lag() - how long turns took, without their waiting: so long an event
 * may have had to wait for those before it */
const struct metric_histogram *loop_lag(const struct loop *l);
int64_t loop_wall(const struct loop *l);
/** loop_turns() - the number of this turn, counted up */
uint64_t loop_turns(const struct loop *l);
/** loop_fake_clock() - (tests, before any timer is armed) from now on
 * loop_now() is what loop_set_now() says, timers follow at the next
 * loop_turn(), and loop_random() repeats itself from run to run loop_next_due()
 * - the time to set next, as wheel_next() says it */
void loop_fake_clock(struct loop *l, uint64_t now_ms);
void loop_set_now(struct loop *l, uint64_t now_ms);
uint64_t loop_next_due(const struct loop *l);

/** loop_pool() - the process's pool of blocks, for bytes in flight */
enum {
	LOOP_BLOCK = 64 * 1024,
	/* its size: as many bytes as four TLS records, and what these add */
	LOOP_BLOCK_ROOM = LOOP_BLOCK + 1024,
};
struct pool *loop_pool(struct loop *l);
/** loop_pipes() - the same of pipes (net/pipes.h) */
struct pipes *loop_pipes(struct loop *l);
/** loop_uv() - for the modules of net/ that own uv handles */
uv_loop_t *loop_uv(struct loop *l);

/** loop_after() - call @fn once, @ms from now; an armed timer is moved
 * loop_cancel() - repeatable. The timer is embedded in its object. */
void loop_after(
    struct loop *l, struct wheel_timer *t, uint64_t ms, wheel_fn fn);
void loop_cancel(struct loop *l, struct wheel_timer *t);

/** loop_set_network() - (simulations) net/dial.h asks @network for its legs
 * from now on; loop_network() - that, or NULL */
struct dial_network;
void loop_set_network(struct loop *l, struct dial_network *network);
struct dial_network *loop_network(const struct loop *l);

/** loop_set_egress() - net/dial.h goes out by @egress from now on, which lives
 * as long as there are dials; NULL: directly. loop_egress() - that */
struct egress;
void loop_set_egress(struct loop *l, const struct egress *egress);
const struct egress *loop_egress(const struct loop *l);

/* Something to run at the end of this turn; embedded in its object. */
struct loop_task {
	struct loop_task *next, **link; /* link is NULL while not posted */
	void (*fn)(struct loop_task *t);
};
/** loop_post() - posting what is posted already changes nothing
 * loop_post_next() - the same for the end of the next turn, which comes without
 * waiting, once descriptors have been looked at */
void loop_post(
    struct loop *l, struct loop_task *t, void (*fn)(struct loop_task *));
void loop_post_next(
    struct loop *l, struct loop_task *t, void (*fn)(struct loop_task *));
void loop_unpost(struct loop *l, struct loop_task *t);

/* Work for the pool of threads. The owner keeps it until @done has run. */
struct loop_job {
	uv_work_t request;
	struct loop *loop;
	void (*work)(struct loop_job *j); /* on another thread */
	void (*done)(struct loop_job *j); /* on the loop's thread */
};
MUST_USE int loop_work(struct loop *l, struct loop_job *j,
    void (*work)(struct loop_job *), void (*done)(struct loop_job *));

/** loop_signal() - call @fn on the loop's thread when @signum comes; one
 * function a signal; until loop_free() or loop_unsignal() */
MUST_USE int loop_signal(
    struct loop *l, int signum, void (*fn)(void *ctx, int signum), void *ctx);
void loop_unsignal(struct loop *l, int signum);

/* What stays for a while after its owner has closed it (a leg that drains).
 * Embedded in its object; loop_free() calls @end on what is still there, which
 * then frees itself, at once. */
struct loop_lingerer {
	struct loop_lingerer *next, **link; /* link is NULL while not there */
	void (*end)(struct loop_lingerer *one);
};
void loop_linger(struct loop *l, struct loop_lingerer *one,
    void (*end)(struct loop_lingerer *));
void loop_unlinger(struct loop_lingerer *one);
/** loop_lingers() - is anything of that kind left? */
bool loop_lingers(const struct loop *l);

/** loop_random() - a uniform number below @bound, for jitter only */
uint32_t loop_random(struct loop *l, uint32_t bound);
