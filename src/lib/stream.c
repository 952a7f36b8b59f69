/* lib/stream.c: streams of libpharos-leg.
 *
 *   OPENING  (connecting) the trunk has our call
 *   OFFERED  (listening) the peer waits for accept or refuse
 *   OPEN     there is a leg; it may have failed, and is still ours to close
 *   FAILED   it never came to be open
 *
 * What the caller wants and what pharos_stream_wait() waits for are asked of
 * the leg together; the handler is told of the former only. A handler may close
 * the very stream that is waited for: so the waiter is the route's.
 */
#include "lib/inside.h"
#include <assert.h>
#include <stdio.h>

enum stream_state {
	STREAM_OPENING,
	STREAM_OFFERED,
	STREAM_OPEN,
	STREAM_FAILED
};

struct pharos_stream {
	TAILQ_ENTRY(pharos_stream) of_route;
	struct pharos_route *route;
	enum stream_state state;
	struct trunk_call *call;   /* OPENING */
	struct http_stream *offer; /* OFFERED */
	struct leg *leg;	   /* OPEN */
	struct loop_task task;	   /* tells PHAROS_GONE of one that failed */
	struct fault fault;
	unsigned wanted;
	bool gone, gone_told;
	pharos_stream_fn fn;
	void *ctx;
	char name[TRUNK_NAME_MOST + 1], peer[ROLE_NAME_MOST + 1];
};

static void stream_move(struct pharos_stream *s, enum stream_state to)
{
	static const unsigned allowed[] = {
		[STREAM_OPENING] = 1u << STREAM_OPEN | 1u << STREAM_FAILED,
		[STREAM_OFFERED] = 1u << STREAM_OPEN | 1u << STREAM_FAILED,
		[STREAM_OPEN] = 0,
		[STREAM_FAILED] = 0,
	};

	static_assert(N_ELEMS(allowed) == STREAM_FAILED + 1, "a row a state");
	INVARIANT(allowed[s->state] & 1u << to);
	s->state = to;
}

/* ---- events */

/* The last thing that is done with the stream: the handler may end it. */
static void stream_tell(struct pharos_stream *s, unsigned events)
{
	if (s->route->waiter.stream == s)
		s->route->waiter.seen |= events;
	events &= s->wanted | (s->gone_told ? 0u : (unsigned)PHAROS_GONE);
	if (!events || !s->fn || s->route->closing)
		return;
	s->gone_told |= (events & PHAROS_GONE) != 0;
	s->fn(s->ctx, s, events);
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct pharos_stream *s = ctx;

	_Static_assert((int)PHAROS_READ == LEG_READ &&
			   (int)PHAROS_WRITE == LEG_WRITE &&
			   (int)PHAROS_GONE == LEG_GONE,
	    "the same events");
	if (events & LEG_GONE) {
		s->gone = true;
		s->fault = *leg_fault(leg);
		if (!s->fault.code)
			fault_set(&s->fault, -ECONNRESET, NULL,
			    "stream: the connection was cut");
	}
	stream_tell(s, events);
}

static void want_of_leg(struct pharos_stream *s)
{
	const struct stream_waiter *w = &s->route->waiter;
	unsigned waited = w->stream == s ? w->events : 0;

	if (s->leg)
		leg_want(s->leg, s->wanted | (waited & ~(unsigned)LEG_GONE));
}

static void on_gone_task(struct loop_task *task)
{
	stream_tell(
	    CONTAINER_OF(task, struct pharos_stream, task), PHAROS_GONE);
}

static void stream_fail(struct pharos_stream *s, const struct fault *fault)
{
	stream_move(s, STREAM_FAILED);
	s->fault = *fault;
	s->gone = true;
	loop_post(s->route->loop, &s->task, on_gone_task);
}

static void stream_open(struct pharos_stream *s, struct leg *leg)
{
	stream_move(s, STREAM_OPEN);
	s->leg = leg;
	leg_handle(leg, on_leg, s);
	want_of_leg(s);
}

/* ---- coming into being */

static struct pharos_stream *stream_new(
    struct pharos_route *route, enum stream_state state, const char *name)
{
	struct pharos_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->route = route;
	s->state = state;
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	TAILQ_INSERT_TAIL(&route->streams, s, of_route);
	return s;
}

static void stream_free(struct pharos_stream *s)
{
	struct pharos_route *route = s->route;

	if (route->waiter.stream == s)
		route->waiter.stream = NULL;
	loop_unpost(route->loop, &s->task);
	TAILQ_REMOVE(&route->streams, s, of_route);
	free(s);
	route_leave(route);
}

static void on_called(void *ctx, struct leg *leg, const struct fault *fault)
{
	struct pharos_stream *s = ctx;

	s->call = NULL;
	if (leg)
		stream_open(s, leg);
	else
		stream_fail(s, fault);
}

int pharos_stream_open(
    struct pharos_stream **out, struct pharos_route *route, const char *name)
{
	struct pharos_stream *s;
	int r;

	if (route->side != PHAROS_CONNECT)
		return -EINVAL;
	s = stream_new(route, STREAM_OPENING, name ? name : "");
	if (!s)
		return -ENOMEM;
	route_enter(route);
	r = trunk_call(&s->call, route->trunk, name, on_called, s);
	if (r) {
		stream_free(s);
		return r;
	}
	route_leave(route);
	*out = s;
	return 0;
}

/* Of an offer nothing but LEG_GONE is asked. */
static void on_offer_gone(void *ctx, struct leg *leg, unsigned events)
{
	struct pharos_stream *s = ctx;
	struct fault fault = *leg_fault(leg);

	(void)events;
	http_stream_abandon(STEAL(s->offer));
	stream_fail(s, &fault);
}

void stream_offered(
    void *ctx, struct http_stream *offer, const char *name, const char *peer)
{
	struct pharos_route *route = ctx;
	struct pharos_stream *s =
	    route->closing ? NULL : stream_new(route, STREAM_OFFERED, name);

	if (!s) {
		http_stream_abandon(offer);
		return;
	}
	s->offer = offer;
	(void)snprintf(s->peer, sizeof(s->peer), "%s", peer);
	leg_handle(http_stream_leg(offer), on_offer_gone, s);
	leg_want(http_stream_leg(offer), 0);
	route->offered(route->ctx, s);
}

int pharos_stream_accept(struct pharos_stream *s)
{
	struct fault fault;
	struct leg *leg;

	if (s->state != STREAM_OFFERED)
		return s->state == STREAM_FAILED ? -ECONNRESET : -EINVAL;
	route_enter(s->route);
	leg = trunk_accept(STEAL(s->offer));
	if (leg)
		stream_open(s, leg);
	else
		stream_fail(s, (fault_set(&fault, -ECONNRESET, NULL,
				    "stream: the peer has given up"),
				   &fault));
	route_leave(s->route);
	return leg ? 0 : -ECONNRESET;
}

void pharos_stream_refuse(struct pharos_stream *s, const char *text)
{
	route_enter(s->route);
	if (s->state == STREAM_OFFERED)
		trunk_refuse(STEAL(s->offer), 403, text);
	pharos_stream_reset(s);
}

/* ---- use */

const char *pharos_stream_name(const struct pharos_stream *s)
{
	return s->name;
}

const char *pharos_stream_peer(const struct pharos_stream *s)
{
	return s->peer;
}

void pharos_stream_handle(
    struct pharos_stream *s, pharos_stream_fn fn, void *ctx)
{
	s->fn = fn;
	s->ctx = ctx;
	if (s->gone && !s->gone_told)
		loop_post(s->route->loop, &s->task, on_gone_task);
	route_leave(s->route);
}

void pharos_stream_want(struct pharos_stream *s, unsigned events)
{
	route_enter(s->route);
	s->wanted = events & (PHAROS_READ | PHAROS_WRITE);
	want_of_leg(s);
	route_leave(s->route);
}

static void stop_waiting(struct pharos_stream *s)
{
	s->route->waiter.stream = NULL;
	want_of_leg(s);
	route_leave(s->route);
}

/* Return: the events of the waiter; 0: none in time. */
static unsigned wait_for(struct pharos_route *route, int ms)
{
	const struct stream_waiter *w = &route->waiter;
	unsigned wanted = w->events | PHAROS_GONE;

	route_wait_at_most(route, ms);
	do {
		if (!route_turn(route, true))
			return PHAROS_GONE; /* as is everything here */
	} while (
	    w->stream && !(w->seen & wanted) && (ms < 0 || route_waits(route)));
	route_wait_at_most(route, -1);
	if (!w->stream)
		return PHAROS_GONE;
	wanted &= w->seen;
	stop_waiting(w->stream);
	return wanted;
}

int pharos_stream_wait(struct pharos_stream *s, unsigned events, int ms)
{
	struct pharos_route *route = s->route;

	if (route->inside)
		return -EDEADLK;
	if (s->gone)
		return PHAROS_GONE;
	route_enter(route);
	route->waiter = (struct stream_waiter){ .stream = s, .events = events };
	want_of_leg(s);
	return (int)wait_for(route, ms);
}

ssize_t pharos_stream_read(struct pharos_stream *s, void *to, size_t n)
{
	ssize_t r = -EAGAIN;

	route_enter(s->route);
	if (s->leg)
		r = leg_read(s->leg, to, n);
	else if (s->gone)
		r = s->fault.code;
	route_leave(s->route);
	return r;
}

ssize_t pharos_stream_write(
    struct pharos_stream *s, const void *bytes, size_t n)
{
	ssize_t r = -EAGAIN;

	route_enter(s->route);
	if (s->leg)
		r = leg_write(s->leg, bytes, n);
	else if (s->gone)
		r = s->fault.code;
	route_leave(s->route);
	return r;
}

void pharos_stream_finish(struct pharos_stream *s)
{
	route_enter(s->route);
	if (s->leg)
		leg_finish(s->leg);
	route_leave(s->route);
}

/* What there is but a leg. */
static void end_others(struct pharos_stream *s)
{
	trunk_call_cancel(s->call);
	if (s->offer)
		http_stream_abandon(s->offer);
}

void pharos_stream_close(struct pharos_stream *s)
{
	if (!s)
		return;
	route_enter(s->route);
	end_others(s);
	leg_close(s->leg);
	stream_free(s);
}

void pharos_stream_reset(struct pharos_stream *s)
{
	if (!s)
		return;
	route_enter(s->route);
	end_others(s);
	leg_reset(s->leg);
	stream_free(s);
}

void pharos_stream_error(
    const struct pharos_stream *s, struct pharos_error *error)
{
	error_of(error, &s->fault);
}
