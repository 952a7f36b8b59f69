#include "cli/pipe_session.h"

bool pipe_sessions_full(struct pipe_sessions *all)
{
	bool full = all->counts.open >= PIPE_CONNECTIONS_MOST;

	all->counts.full += full;
	return full;
}

void pipe_sessions_end(struct pipe_sessions *all)
{
	while (!TAILQ_EMPTY(&all->all))
		pipe_session_end(TAILQ_FIRST(&all->all));
}

/* Before it is joined nothing but LEG_GONE is asked of the leg. */
static void on_gone(void *ctx, struct leg *leg, unsigned events)
{
	(void)leg;
	(void)events;
	pipe_session_end(ctx);
}

void pipe_session_begin(
    struct pipe_session *s, struct pipe_sessions *all, struct leg *leg)
{
	s->sessions = all;
	s->since = loop_now(all->loop);
	TAILQ_INSERT_TAIL(&all->all, s, of_all);
	all->counts.open++;
	leg_handle(leg, on_gone, s);
	leg_want(leg, 0);
}

static void on_pumped(void *ctx, const struct pump_result *result)
{
	struct pipe_session *s = ctx;
	struct pipe_counts *counts = &s->sessions->counts;

	s->pump = NULL;
	counts->to_peer += result->bytes[0];
	counts->from_peer += result->bytes[1];
	counts->reset += pipe_session_cut(result);
	s->sessions->ended(s, result);
	pipe_session_end(s);
}

void pipe_session_join(
    struct pipe_session *s, struct leg *local, struct leg *peer)
{
	s->sessions->counts.carried++;
	if (pump_start(
		&s->pump, local, peer, PIPE_HALF_CLOSED_MS, on_pumped, s))
		pipe_session_end(s);
}

void pipe_session_end(struct pipe_session *s)
{
	struct pipe_sessions *all = s->sessions;

	if (s->pump)
		pump_stop(s->pump);
	TAILQ_REMOVE(&all->all, s, of_all);
	all->counts.open--;
	all->gone(s);
}

bool pipe_session_cut(const struct pump_result *result)
{
	return result->reset || result->timed_out;
}

uint64_t pipe_session_ms(const struct pipe_session *s)
{
	return loop_now(s->sessions->loop) - s->since;
}
