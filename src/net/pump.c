/* net/pump.c
 *
 * Two flows, one a direction, each with its own end. A flow moves bytes until
 * the source has none, the sink takes none, or its share of this turn is used
 * up:
 *
 *   FILL   no block: take one from the pool, read into it
 *   DRAIN  a block with bytes: write from it; the source is not read
 *   ENDED  the source has ended and the last byte is written: the sink has been
 *          told (leg_finish)
 *
 * A block is held only in DRAIN, so an idle pair holds none, and a pair whose
 * two sinks are stuck holds two. The interest in each leg follows from the two
 * flows that touch it: reading while its own flow fills, writing while the
 * other one drains. There is no queue and hence nothing to bound but the block.
 *
 * A failure of either leg, told by LEG_GONE or met in a read or write, ends the
 * whole at once: the other leg is reset, whatever is in flight is dropped. Two
 * ends close both legs in order. Either way the owner is told once.
 *
 * The half-closed deadline is armed when the first flow ends and looks at the
 * time of the last byte when it fires, so a byte costs no timer work.
 */
#include "net/pump.h"
#include "base/buf.h"
#include "net/loop.h"

/* How many blocks a flow moves in one turn. */
enum { PUMP_SHARE = 4 };

enum flow_state { FLOW_FILL, FLOW_DRAIN, FLOW_ENDED };

struct flow {
	enum flow_state state;
	struct leg *from, *to;
	struct pool_block *block; /* in FLOW_DRAIN only */
	uint64_t bytes;
};

struct pump {
	struct loop *loop;
	struct leg *leg[2];
	struct flow flow[2]; /* [i]: from leg[i] to leg[1 - i] */
	struct wheel_timer timer;
	unsigned half_closed_ms;
	uint64_t last_active;
	pump_fn fn;
	void *ctx;
};

/* What a step of a flow came to. */
enum outcome { MOVED, STUCK, FROM_FAILED, TO_FAILED, NO_MEMORY };

static void flow_move(struct pump *p, struct flow *f, enum flow_state to)
{
	static const unsigned allowed[] = {
		[FLOW_FILL] = 1u << FLOW_DRAIN | 1u << FLOW_ENDED,
		[FLOW_DRAIN] = 1u << FLOW_FILL,
		[FLOW_ENDED] = 0,
	};

	INVARIANT(allowed[f->state] & 1u << to);
	f->state = to;
	if (to != FLOW_DRAIN)
		pool_give(loop_pool(p->loop), STEAL(f->block));
}

static void pump_free(struct pump *p)
{
	loop_cancel(p->loop, &p->timer);
	for (int i = 0; i < 2; i++)
		pool_give(loop_pool(p->loop), p->flow[i].block);
	free(p);
}

static void pump_end(struct pump *p, const struct pump_result *how)
{
	struct pump_result result = *how;
	pump_fn fn = p->fn;
	void *ctx = p->ctx;

	for (int i = 0; i < 2; i++) {
		result.bytes[i] = p->flow[i].bytes;
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

static enum outcome flow_fill(struct pump *p, struct flow *f)
{
	struct pool *pool = loop_pool(p->loop);
	struct pool_block *block = pool_take(pool);
	ssize_t n;

	if (!block)
		return NO_MEMORY;
	n = leg_read(f->from, block->data, pool_block_size(pool));
	if (n > 0) {
		block->start = 0;
		block->end = (uint32_t)n;
		f->block = block;
		flow_move(p, f, FLOW_DRAIN);
		return MOVED;
	}
	pool_give(pool, block);
	if (n == -EAGAIN)
		return STUCK;
	if (n < 0)
		return FROM_FAILED;
	leg_finish(f->to);
	flow_move(p, f, FLOW_ENDED);
	return MOVED;
}

static enum outcome flow_drain(struct pump *p, struct flow *f)
{
	struct pool_block *block = f->block;
	ssize_t n = leg_write(
	    f->to, block->data + block->start, block->end - block->start);

	if (n == -EAGAIN || n == 0)
		return STUCK;
	if (n < 0)
		return TO_FAILED;
	block->start += (uint32_t)n;
	f->bytes += (uint64_t)n;
	p->last_active = loop_now(p->loop);
	if (block->start == block->end)
		flow_move(p, f, FLOW_FILL);
	return MOVED;
}

static enum outcome flow_run(struct pump *p, struct flow *f)
{
	enum outcome outcome = MOVED;
	int share = PUMP_SHARE;

	while (outcome == MOVED && f->state != FLOW_ENDED) {
		if (f->state == FLOW_DRAIN)
			outcome = flow_drain(p, f);
		else if (share--)
			outcome = flow_fill(p, f);
		else
			break;
	}
	return outcome;
}

static void pump_want(struct pump *p)
{
	for (int i = 0; i < 2; i++) {
		unsigned wanted = 0;

		if (p->flow[i].state == FLOW_FILL)
			wanted |= LEG_READ;
		if (p->flow[1 - i].state == FLOW_DRAIN)
			wanted |= LEG_WRITE;
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

/* What follows from where the two flows have come to. */
static void pump_settle(struct pump *p)
{
	int ended =
	    (p->flow[0].state == FLOW_ENDED) + (p->flow[1].state == FLOW_ENDED);

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
	switch (flow_run(p, &p->flow[i])) {
	case FROM_FAILED:
		pump_fail(p, i);
		return false;
	case TO_FAILED:
		pump_fail(p, 1 - i);
		return false;
	case NO_MEMORY:
		pump_fail(p, -1);
		return false;
	case MOVED:
	case STUCK:
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
	struct pump *p = calloc(1, sizeof(*p));

	if (!p) {
		leg_reset(a);
		leg_reset(b);
		return -ENOMEM;
	}
	p->loop = leg_loop(a);
	p->leg[0] = a;
	p->leg[1] = b;
	p->flow[0] = (struct flow){ .from = a, .to = b };
	p->flow[1] = (struct flow){ .from = b, .to = a };
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
	leg_reset(p->leg[0]);
	leg_reset(p->leg[1]);
	pump_free(p);
}

uint64_t pump_bytes(const struct pump *p, int from)
{
	return p->flow[from].bytes;
}

uint64_t pump_last_active(const struct pump *p)
{
	return p->last_active;
}
