/* lib/inside.h: what the files of libpharos-leg share; others use pharos/leg.h
 */
#pragma once
#include "lib/turn.h"
#include "net/egress.h"
#include "net/trunk.h"
#include <pharos/leg.h>
#include <sys/queue.h>

TAILQ_HEAD(pharos_streams, pharos_stream);

/* Who waits in pharos_stream_wait(); one at a time. */
struct stream_waiter {
	struct pharos_stream *stream; /* NULL: nobody, or it went meanwhile */
	unsigned events, seen;
};

struct pharos_route {
	struct loop *loop;
	struct turn turn;
	struct trunk *trunk;
	enum pharos_side side;
	struct pharos_streams streams;
	struct stream_waiter waiter;
	struct wheel_timer patience; /* of who waits */
	bool inside;  /* a turn of the loop runs: callbacks may be called */
	bool closing; /* pharos_route_close() was called from one */
	void (*offered)(void *ctx, struct pharos_stream *stream);
	void (*log)(void *ctx, enum pharos_level level, const char *line);
	void *ctx;
	struct egress *egress; /* NULL: directly */
	char **peer_names;     /* NULL-terminated, or NULL */
};

/** route_wait_at_most() - from now on route_turn() waits for @ms in all;
 * negative: for ever
 * route_waits() - has that time not come? */
void route_wait_at_most(struct pharos_route *route, int ms);
bool route_waits(const struct pharos_route *route);
/** route_turn() - one turn of the loop, which waits until there is something to
 * do, or not at all
 * Return: false: the route was closed in it, and is gone. */
bool route_turn(struct pharos_route *route, bool waits);
/** route_enter(), route_leave() - around whatever may leave work for the loop,
 * called by the owner from wherever; free in a callback */
void route_enter(struct pharos_route *route);
void route_leave(struct pharos_route *route);

/** stream_offered() - a trunk_offered_fn, for a route */
void stream_offered(
    void *route, struct http_stream *offer, const char *name, const char *peer);

/** error_of() - @fault in the public form; @error may be NULL */
void error_of(struct pharos_error *error, const struct fault *fault);
