/* net/flow.h: bytes of one leg to another, one way, bounded. A pump
 * (net/pump.h) is two of them; who joins legs by other rules builds on the
 * same.
 *
 * A flow holds at most one block of the loop's pool or, between two legs that
 * the kernel can move bytes between (leg_splices), one of its pipes; and only
 * while it has bytes that the sink did not take; the source is not read
 * meanwhile. A pipe that another flow needs more is emptied into a block; one
 * that the kernel refuses to empty into the sink passes through blocks, one
 * after the other, and the flow takes no more pipes. The end passes after the
 * last byte (leg_finish); so does the place where the source sheds its
 * protection (leg_shed_in, leg_shed_out). It owns neither leg and handles
 * nothing: the owner runs it when the source is readable or the sink writable,
 * and asks both for what it then wants.
 */
#pragma once
#include "net/bulk.h"
#include "net/leg.h"

struct pipe;
struct pool_block;

enum flow_state { FLOW_FILL, FLOW_DRAIN, FLOW_ENDED };

struct flow {
	enum flow_state state;
	struct leg *from, *to;
	struct loop *loop;
	struct pool_block *block; /* in FLOW_DRAIN only: this, */
	struct pipe *pipe;	  /* or this, or what follows the block */
	bool copies;		  /* the kernel refused to move its bytes */
	uint64_t bytes;		  /* delivered so far */
	struct bulk bulk;	  /* of what came by a pipe */
};

/** flow_init() - both legs are borrowed, until flow_deinit()
 * flow_deinit() - drops what is in flight; repeatable */
void flow_init(struct flow *f, struct leg *from, struct leg *to);
void flow_deinit(struct flow *f);

/* What a run came to; all but the first two leave the flow as it was. */
enum flow_outcome {
	FLOW_MOVED, /* its share of this turn, or the end */
	FLOW_STUCK, /* the source has nothing or the sink takes nothing */
	FLOW_FROM_FAILED,
	FLOW_TO_FAILED,
	FLOW_NO_MEMORY,
};
/** flow_run() - move what can be moved, a few blocks at most */
enum flow_outcome flow_run(struct flow *f);

static inline bool flow_ended(const struct flow *f)
{
	return f->state == FLOW_ENDED;
}
/** flow_wants_read() - LEG_READ of the source, or 0
 * flow_wants_write() - LEG_WRITE of the sink, or 0 */
static inline unsigned flow_wants_read(const struct flow *f)
{
	return f->state == FLOW_FILL ? LEG_READ : 0;
}
static inline unsigned flow_wants_write(const struct flow *f)
{
	return f->state == FLOW_DRAIN ? LEG_WRITE : 0;
}
