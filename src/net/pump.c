/* net/pump.c
 *
 * Two flows (net/flow.h), one a direction, each with its own end. The interest
 * in each leg follows from the two flows that touch it: reading while its own
 * flow fills, writing while the other one drains. There is no queue and hence
 * nothing to bound but the block of each flow: an idle pair holds none, and a
 * pair whose two sinks are stuck holds two.
 *
 * A failure of either leg, told by LEG_GONE or met in a read or write, ends the
 * whole at once: the other leg is reset, whatever is in flight is dropped. Two
 * ends close both legs in order. Either way the owner is told once.
 *
 * A leg that has shed its protection both ways is given up for the one below it
 * (leg_bare), which the flows then use.
 *
 * The half-closed deadline is armed when the first flow ends and looks at the
 * time of the last byte when it fires, so a byte costs no timer work.
 */
#include "net/pump.h"
#include "base/slab.h"
#include "net/flow.h"
#include "net/loop.h"

struct pump {
	struct loop *loop;
	struct leg *leg[2];
	struct flow flow[2]; /* [i]: from leg[i] to leg[1 - i] */
	struct wheel_timer timer;
	bool bare[2]; /* leg[i] is no more the one that we were given */
	unsigned half_closed_ms;
	uint64_t last_active;
	pump_fn fn;
	void *ctx;
};

static struct slab slab = SLAB_OF(struct pump);

static void pump_still(struct pump *p)
{
	for (int i = 0; i < 2; i++)
		flow_deinit(&p->flow[i]);
}

static void pump_free(struct pump *p)
{
	loop_cancel(p->loop, &p->timer);
	slab_give(&slab, p);
}

static void pump_end(struct pump *p, const struct pump_result *how)
{
	struct pump_result result = *how;
	pump_fn fn = p->fn;
	void *ctx = p->ctx;

	pump_still(p);
	for (int i = 0; i < 2; i++) {
		result.bytes[i] = p->flow[i].bytes;
		result.shed = pump_shed(p);
		if (result.reset || result.timed_out)
			leg_reset(p->leg[i]);
		else
			leg_close(p->leg[i]);
	}
	pump_free(p);
	fn(ctx, &result);
}

/* leg[@who] has failed; -1: neither, but we have no memory to go on. */
static void pump_fail(struct pump *p, int who)
{
	pump_end(p, &(struct pump_result){ .reset = true, .failed = who });
}

static void pump_want(struct pump *p)
{
	for (int i = 0; i < 2; i++) {
		unsigned wanted = flow_wants_read(&p->flow[i]) |
				  flow_wants_write(&p->flow[1 - i]);

		leg_want(p->leg[i], wanted);
	}
}

static void on_half_closed(struct wheel_timer *t, uint64_t now)
{
	struct pump *p = CONTAINER_OF(t, struct pump, timer);
	uint64_t due = p->last_active + p->half_closed_ms;

	if (due > now)
		loop_after(p->loop, t, due - now, on_half_closed);
	else
		pump_end(p,
		    &(struct pump_result){ .timed_out = true, .failed = -1 });
}

static void pump_half_closed(struct pump *p)
{
	if (!p->half_closed_ms || wheel_armed(&p->timer))
		return;
	p->last_active = loop_now(p->loop);
	loop_after(p->loop, &p->timer, p->half_closed_ms, on_half_closed);
}

static void on_leg(void *ctx, struct leg *leg, unsigned events);

static void pump_look_below(struct pump *p, int i)
{
	struct leg *leg = leg_bare(p->leg[i]);

	if (leg == p->leg[i])
		return;
	p->leg[i] = p->flow[i].from = p->flow[1 - i].to = leg;
	p->bare[i] = true;
	leg_handle(leg, on_leg, p);
}

/* What follows from where the two flows have come to. */
static void pump_settle(struct pump *p)
{
	int ended = flow_ended(&p->flow[0]) + flow_ended(&p->flow[1]);

	for (int i = 0; i < 2; i++)
		pump_look_below(p, i);

	if (ended == 2) {
		pump_end(p, &(struct pump_result){ .failed = -1 });
		return;
	}
	if (ended)
		pump_half_closed(p);
	pump_want(p);
}

/* Return: false when that was the end of the pump. */
static bool pump_run(struct pump *p, int i)
{
	struct flow *f = &p->flow[i];
	uint64_t before = f->bytes;
	enum flow_outcome outcome = flow_run(f);

	if (f->bytes != before)
		p->last_active = loop_now(p->loop);
	switch (outcome) {
	case FLOW_FROM_FAILED:
		pump_fail(p, i);
		return false;
	case FLOW_TO_FAILED:
		pump_fail(p, 1 - i);
		return false;
	case FLOW_NO_MEMORY:
		pump_fail(p, -1);
		return false;
	case FLOW_MOVED:
	case FLOW_STUCK:
		break;
	}
	return true;
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct pump *p = ctx;
	int i = leg == p->leg[1];

	if (events & LEG_GONE) {
		pump_fail(p, i);
		return;
	}
	if (events & LEG_READ && !pump_run(p, i))
		return;
	if (events & LEG_WRITE && !pump_run(p, 1 - i))
		return;
	pump_settle(p);
}

int pump_start(struct pump **out, struct leg *a, struct leg *b,
    unsigned half_closed_ms, pump_fn fn, void *ctx)
{
	struct pump *p = slab_take(&slab);

	if (!p) {
		leg_reset(a);
		leg_reset(b);
		return -ENOMEM;
	}
	p->loop = leg_loop(a);
	p->leg[0] = a;
	p->leg[1] = b;
	flow_init(&p->flow[0], a, b);
	flow_init(&p->flow[1], b, a);
	p->half_closed_ms = half_closed_ms;
	p->last_active = loop_now(p->loop);
	p->fn = fn;
	p->ctx = ctx;
	leg_handle(a, on_leg, p);
	leg_handle(b, on_leg, p);
	pump_want(p);
	*out = p;
	return 0;
}

void pump_stop(struct pump *p)
{
	pump_still(p);
	leg_reset(p->leg[0]);
	leg_reset(p->leg[1]);
	pump_free(p);
}

uint64_t pump_bytes(const struct pump *p, int from)
{
	return p->flow[from].bytes;
}

bool pump_shed(const struct pump *p)
{
	return p->bare[0] && p->bare[1];
}

uint64_t pump_last_active(const struct pump *p)
{
	return p->last_active;
}
