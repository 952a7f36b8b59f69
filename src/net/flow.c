/* net/flow.c
 *
 *   FILL   no block: take one from the pool, read into it
 *   DRAIN  a block with bytes: write from it; the source is not read
 *   ENDED  the source has ended and the last byte is written: the sink has been
 *          told (leg_finish)
 *
 * A run moves bytes until the source has none, the sink takes none, or its
 * share of the turn is used up, so that one fast pair does not starve others.
 */
#include "net/flow.h"
#include "net/loop.h"

/* How many blocks a flow moves in one turn. */
enum { FLOW_SHARE = 4 };

void flow_init(struct flow *f, struct leg *from, struct leg *to)
{
	*f = (struct flow){
		.from = from, .to = to, .pool = loop_pool(leg_loop(from))
	};
}

void flow_deinit(struct flow *f)
{
	pool_give(f->pool, STEAL(f->block));
}

static void flow_move(struct flow *f, enum flow_state to)
{
	static const unsigned allowed[] = {
		[FLOW_FILL] = 1u << FLOW_DRAIN | 1u << FLOW_ENDED,
		[FLOW_DRAIN] = 1u << FLOW_FILL,
		[FLOW_ENDED] = 0,
	};

	INVARIANT(allowed[f->state] & 1u << to);
	f->state = to;
	if (to != FLOW_DRAIN)
		pool_give(f->pool, STEAL(f->block));
}

static enum flow_outcome flow_fill(struct flow *f)
{
	struct pool_block *block = pool_take(f->pool);
	ssize_t n;

	if (!block)
		return FLOW_NO_MEMORY;
	n = leg_read(f->from, block->data, pool_block_size(f->pool));
	if (n > 0) {
		block->start = 0;
		block->end = (uint32_t)n;
		f->block = block;
		flow_move(f, FLOW_DRAIN);
		return FLOW_MOVED;
	}
	pool_give(f->pool, block);
	if (n == -EAGAIN)
		return FLOW_STUCK;
	if (n < 0)
		return FLOW_FROM_FAILED;
	if (leg_shed_in(f->from)) {
		(void)leg_shed_out(f->to);
		return FLOW_MOVED;
	}
	leg_finish(f->to);
	flow_move(f, FLOW_ENDED);
	return FLOW_MOVED;
}

static enum flow_outcome flow_drain(struct flow *f)
{
	struct pool_block *block = f->block;
	ssize_t n = leg_write(
	    f->to, block->data + block->start, block->end - block->start);

	if (n == -EAGAIN || n == 0)
		return FLOW_STUCK;
	if (n < 0)
		return FLOW_TO_FAILED;
	block->start += (uint32_t)n;
	f->bytes += (uint64_t)n;
	if (block->start == block->end)
		flow_move(f, FLOW_FILL);
	return FLOW_MOVED;
}

enum flow_outcome flow_run(struct flow *f)
{
	enum flow_outcome outcome = FLOW_MOVED;
	int share = FLOW_SHARE;

	while (outcome == FLOW_MOVED && f->state != FLOW_ENDED) {
		if (f->state == FLOW_DRAIN)
			outcome = flow_drain(f);
		else if (share--)
			outcome = flow_fill(f);
		else
			break;
	}
	return outcome;
}
