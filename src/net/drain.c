/* net/drain.c: whether something still runs is asked every 50 ms, so no module
 * has to say when its last session has ended. What has ended may still be on
 * its way to the peer (net/loop.h: lingerers), and is waited for as well. */
#include "net/drain.h"
#include <assert.h>

enum { LOOK_EACH_MS = 50 };

static void drain_move(struct drain *d, enum drain_state to)
{
	static const unsigned next[] = {
		[DRAIN_SERVING] = 1U << DRAIN_DRAINING | 1U << DRAIN_OVER,
		[DRAIN_DRAINING] = 1U << DRAIN_OVER,
		[DRAIN_OVER] = 0,
	};

	static_assert(N_ELEMS(next) == DRAIN_OVER + 1, "a row a state");
	INVARIANT(next[d->state] & 1U << to);
	d->state = to;
}

static bool busy(const struct drain *d)
{
	return d->config.busy(d->config.ctx) || loop_lingers(d->loop);
}

static void finish(struct drain *d, bool cut)
{
	loop_cancel(d->loop, &d->look);
	drain_move(d, DRAIN_OVER);
	d->config.over(d->config.owner, cut);
}

static void on_look(struct wheel_timer *t, uint64_t now_ms)
{
	struct drain *d = CONTAINER_OF(t, struct drain, look);

	if (!busy(d))
		finish(d, false);
	else if (now_ms >= d->until_ms)
		finish(d, true);
	else
		loop_after(d->loop, t, LOOK_EACH_MS, on_look);
}

void drain_init(
    struct drain *d, struct loop *loop, const struct drain_config *config)
{
	*d = (struct drain){ .loop = loop, .config = *config };
}

void drain_deinit(struct drain *d)
{
	if (d->loop)
		loop_cancel(d->loop, &d->look);
}

void drain_begin(struct drain *d)
{
	if (d->state != DRAIN_SERVING)
		return;
	drain_move(d, DRAIN_DRAINING);
	d->until_ms = loop_now(d->loop) + d->config.ms;
	d->config.begin(d->config.ctx);
	loop_after(d->loop, &d->look, 0, on_look);
}

void drain_cut(struct drain *d)
{
	if (d->state != DRAIN_OVER)
		finish(d, busy(d));
}
