/* net/flow.c
 *
 *   FILL   nothing is held: take a block from the pool, read into it; or a
 *          pipe, and have the kernel move bytes there
 *   DRAIN  a block or pipe with bytes: write from it; the source is not read.
 *          A block stands before a pipe, and then holds what came out of it
 *   ENDED  the source has ended and the last byte is written: the sink has been
 *          told (leg_finish)
 *
 * A run moves bytes until the source has none, the sink takes none, or its
 * share of the turn is used up, so that one fast pair does not starve others.
 */
#include "net/flow.h"
#include "base/buf.h"
#include "net/loop.h"
#include "net/pipes.h"

#include <assert.h>
#include <unistd.h>

/* How many blocks a flow moves in one turn. */
enum { FLOW_SHARE = 4 };
static_assert((int)PIPES_YIELD_MOST <= (int)LOOP_BLOCK,
    "a pipe that is given up is emptied into a block");

void flow_init(struct flow *f, struct leg *from, struct leg *to)
{
	*f = (struct flow){ .from = from, .to = to, .loop = leg_loop(from) };
}

static struct pool *pool_of(const struct flow *f)
{
	return loop_pool(f->loop);
}

static struct pipes *pipes_of(const struct flow *f)
{
	return loop_pipes(f->loop);
}

static void give_back(struct flow *f)
{
	if (f->block)
		pool_give(pool_of(f), STEAL(f->block));
	if (f->pipe)
		pipes_give(pipes_of(f), STEAL(f->pipe));
}

void flow_deinit(struct flow *f)
{
	bulk_end(&f->bulk);
	give_back(f);
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
		give_back(f);
}

/* Bytes of the pipe into a block, as many as it holds; the pipe is given up by
 * whoever finds it empty.
 * Return: false: there is no memory. */
static bool pipe_to_block(struct flow *f)
{
	struct pool_block *block = pool_take(pool_of(f));
	size_t n = f->pipe->held < LOOP_BLOCK ? f->pipe->held : LOOP_BLOCK;

	if (!block)
		return false;
	block->start = 0;
	block->end = 0;
	while (block->end < n) {
		ssize_t got = read(
		    f->pipe->out, block->data + block->end, n - block->end);

		INVARIANT(got > 0); /* it was put there, by us */
		block->end += (uint32_t)got;
	}
	f->pipe->held -= n;
	f->block = block;
	return true;
}

/* Another flow gets our pipe: our sink is stuck. */
static bool yield_pipe(void *ctx)
{
	struct flow *f = ctx;

	if (!pipe_to_block(f))
		return false;
	f->pipe = NULL;
	return true;
}

/* What a read that gave no bytes means. */
static enum flow_outcome flow_dry(struct flow *f, ssize_t n)
{
	if (n == -EAGAIN)
		return FLOW_STUCK;
	if (n < 0)
		return FLOW_FROM_FAILED;
	if (leg_shed_in(f->from)) {
		(void)leg_shed_out(f->to);
		return FLOW_MOVED;
	}
	bulk_end(&f->bulk);
	leg_finish(f->to);
	flow_move(f, FLOW_ENDED);
	return FLOW_MOVED;
}

static enum flow_outcome flow_fill_block(struct flow *f)
{
	struct pool_block *block = pool_take(pool_of(f));
	ssize_t n;

	if (!block)
		return FLOW_NO_MEMORY;
	n = leg_read(f->from, block->data, LOOP_BLOCK);
	f->block = block;
	if (n > 0) {
		block->start = 0;
		block->end = (uint32_t)n;
		flow_move(f, FLOW_DRAIN);
		return FLOW_MOVED;
	}
	give_back(f);
	return flow_dry(f, n);
}

static void copy_from_now(struct flow *f)
{
	f->copies = true;
	pipes_note_refused(pipes_of(f));
}

static enum flow_outcome flow_fill_pipe(struct flow *f, struct pipe *pipe)
{
	ssize_t n = leg_splice_in(f->from, pipe->in, pipe->most);

	f->pipe = pipe;
	if (n > 0) {
		pipe->held = (size_t)n;
		bulk_note(&f->bulk, &f->from, (size_t)n);
		pipe->yield = yield_pipe;
		pipe->ctx = f;
		flow_move(f, FLOW_DRAIN);
		return FLOW_MOVED;
	}
	give_back(f);
	if (n != -EOPNOTSUPP)
		return flow_dry(f, n);
	copy_from_now(f);
	return flow_fill_block(f);
}

static enum flow_outcome flow_fill(struct flow *f)
{
	struct pipe *pipe = NULL;

	if (!f->copies && leg_splices(f->from) && leg_splices(f->to))
		pipe = pipes_take(pipes_of(f), loop_now(f->loop));
	return pipe ? flow_fill_pipe(f, pipe) : flow_fill_block(f);
}

static ssize_t drain_pipe(struct flow *f)
{
	ssize_t n = leg_splice_out(f->to, f->pipe->out, f->pipe->held);

	if (n > 0)
		f->pipe->held -= (size_t)n;
	return n;
}

static ssize_t drain_block(struct flow *f)
{
	struct pool_block *block = f->block;
	ssize_t n = leg_write(
	    f->to, block->data + block->start, block->end - block->start);

	if (n > 0)
		block->start += (uint32_t)n;
	if (block->start == block->end)
		pool_give(pool_of(f), STEAL(f->block));
	return n;
}

/* Some of what is held. Return: as leg_write(); -ENOMEM. */
static ssize_t drain_some(struct flow *f)
{
	ssize_t n;

	if (!f->block && !f->copies) {
		n = drain_pipe(f);
		if (n != -EOPNOTSUPP)
			return n;
		copy_from_now(f);
		f->pipe->yield = NULL;
	}
	if (!f->block && !pipe_to_block(f))
		return -ENOMEM;
	return drain_block(f);
}

static bool is_drained(const struct flow *f)
{
	return !f->block && !(f->pipe && f->pipe->held);
}

static enum flow_outcome flow_drain(struct flow *f)
{
	ssize_t n = drain_some(f);

	if (n == -EAGAIN || n == 0)
		return FLOW_STUCK;
	if (n == -ENOMEM)
		return FLOW_NO_MEMORY;
	if (n < 0)
		return FLOW_TO_FAILED;
	f->bytes += (uint64_t)n;
	if (is_drained(f))
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
	if (f->state == FLOW_FILL)
		bulk_wait(&f->bulk);
	return outcome;
}
