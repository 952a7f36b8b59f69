/* net/leg.c: what all kinds of legs share.
 *
 * A kind knows which of its conditions hold (`ready`), the owner which of them
 * matter (`wanted`). This module brings the two together: whenever either side
 * changes, leg_ready() looks at both and posts one task; the task looks again,
 * since a read in between may have taken the bytes away, and calls the handler
 * with what holds by then. After the handler it looks once more, so readiness
 * is level-triggered without a kind having to repeat itself.
 *
 * At most one call a turn: a leg that was called in this turn is posted for the
 * next one, which begins with a look at the descriptors. A handler that reads
 * one block a call is therefore fair to everybody else.
 *
 * States: OPENING to OPEN or FAILED, OPEN to FAILED, nothing else; leg_move()
 * is the only writer. LEG_GONE is told once, wanted or not; it waits for a
 * handler when there is none yet. The handler may close the leg: leg_forget()
 * then says so through `forgotten`, which points to the caller's stack.
 */
#include "net/legkind.h"

#include <stdarg.h>
#include <stdio.h>

static const struct fault no_fault = FAULT_NONE;

static void leg_move(struct leg *leg, enum leg_state to)
{
	static const unsigned allowed[] = {
		[LEG_OPENING] = 1u << LEG_OPEN | 1u << LEG_FAILED,
		[LEG_OPEN] = 1u << LEG_FAILED,
		[LEG_FAILED] = 0,
	};

	INVARIANT(allowed[leg->state] & 1u << to);
	leg->state = to;
}

void leg_init(struct leg *leg, const struct leg_verbs *verbs, struct loop *loop)
{
	*leg = (struct leg){
		.verbs = verbs,
		.loop = loop,
		.state = LEG_OPENING,
		.told_turn = UINT64_MAX,
	};
}

static unsigned leg_events(struct leg *leg)
{
	unsigned events = 0;

	if (!leg->fn)
		return 0;
	if (leg->state != LEG_OPENING && leg->wanted)
		events = leg->verbs->ready(leg) & leg->wanted;
	if (leg->state == LEG_FAILED && !leg->gone_told)
		events |= LEG_GONE;
	return events;
}

static void leg_tell(struct loop_task *task)
{
	struct leg *leg = CONTAINER_OF(task, struct leg, task);
	unsigned events = leg_events(leg);
	bool forgotten = false;

	if (!events)
		return;
	if (events & LEG_GONE)
		leg->gone_told = true;
	leg->told_turn = loop_turns(leg->loop);
	leg->forgotten = &forgotten;
	leg->fn(leg->ctx, leg, events);
	if (forgotten)
		return;
	leg->forgotten = NULL;
	leg_ready(leg);
}

void leg_ready(struct leg *leg)
{
	if (leg->task.link || !leg_events(leg))
		return;
	if (leg->told_turn == loop_turns(leg->loop))
		loop_post_next(leg->loop, &leg->task, leg_tell);
	else
		loop_post(leg->loop, &leg->task, leg_tell);
}

void leg_opened(struct leg *leg)
{
	leg_move(leg, LEG_OPEN);
	leg_ready(leg);
}

void leg_failed(
    struct leg *leg, int code, const char *hint, const char *fmt, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list args;

	INVARIANT(code < 0);
	if (leg->state == LEG_FAILED)
		return;
	leg_move(leg, LEG_FAILED);
	leg->error = code;
	leg->fault = calloc(1, sizeof(*leg->fault));
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fault_set(leg->fault, code, hint, "%s", text);
	leg_ready(leg);
}

int leg_error(const struct leg *leg)
{
	return leg->error;
}

void leg_forget(struct leg *leg)
{
	loop_unpost(leg->loop, &leg->task);
	leg->fn = NULL;
	leg->wanted = 0;
	if (leg->forgotten)
		*leg->forgotten = true;
	leg->forgotten = NULL;
	free(STEAL(leg->fault));
}

void leg_handle(struct leg *leg, leg_handler fn, void *ctx)
{
	leg->fn = fn;
	leg->ctx = ctx;
	leg->gone_told = false; /* a new owner is told again */
	leg_ready(leg);
}

void leg_want(struct leg *leg, unsigned events)
{
	if (leg->wanted == events)
		return;
	leg->wanted = events;
	leg->verbs->want(leg);
	leg_ready(leg);
}

ssize_t leg_read(struct leg *leg, void *to, size_t n)
{
	if (leg->state == LEG_OPENING)
		return -EAGAIN;
	return leg->verbs->read(leg, to, n);
}

ssize_t leg_write(struct leg *leg, const void *bytes, size_t n)
{
	if (leg->state == LEG_OPENING)
		return -EAGAIN;
	if (leg->state == LEG_FAILED)
		return leg->error;
	return leg->verbs->write(leg, bytes, n);
}

bool leg_splices(const struct leg *leg)
{
	return leg->verbs->splice_in && leg->state != LEG_OPENING;
}

ssize_t leg_splice_in(struct leg *leg, int pipe, size_t n)
{
	return leg->verbs->splice_in(leg, pipe, n);
}

ssize_t leg_splice_out(struct leg *leg, int pipe, size_t n)
{
	if (leg->state == LEG_FAILED)
		return leg->error;
	return leg->verbs->splice_out(leg, pipe, n);
}

void leg_gather(struct leg *leg, size_t least)
{
	if (leg->verbs->gather && leg->state == LEG_OPEN)
		leg->verbs->gather(leg, least);
}

void leg_finish(struct leg *leg)
{
	if (leg->state != LEG_FAILED)
		leg->verbs->finish(leg);
}

bool leg_shed_out(struct leg *leg)
{
	return leg->verbs->shed_out && leg->state == LEG_OPEN &&
	       leg->verbs->shed_out(leg);
}

bool leg_shed_in(struct leg *leg)
{
	return leg->verbs->shed_in && leg->verbs->shed_in(leg);
}

struct leg *leg_bare(struct leg *leg)
{
	if (!leg->verbs->bare || leg->state != LEG_OPEN)
		return leg;
	return leg->verbs->bare(leg);
}

void leg_close(struct leg *leg)
{
	if (!leg)
		return;
	leg_forget(leg);
	leg->verbs->close(leg);
}

void leg_reset(struct leg *leg)
{
	if (!leg)
		return;
	leg_forget(leg);
	leg->verbs->reset(leg);
}

enum leg_state leg_state(const struct leg *leg)
{
	return leg->state;
}

const struct fault *leg_fault(const struct leg *leg)
{
	return leg->fault ? leg->fault : &no_fault;
}

const char *leg_source(const struct leg *leg)
{
	return leg->verbs->source(leg);
}

struct loop *leg_loop(const struct leg *leg)
{
	return leg->loop;
}

struct leg *leg_lower(const struct leg *leg)
{
	return leg->verbs->lower ? leg->verbs->lower(leg) : NULL;
}
