/* net/http.c: the driver of an HTTP connection.
 *
 * The machine (wire/http.h) knows the protocol; this module moves its bytes and
 * keeps its deadlines. A turn of the connection is: read and feed while the
 * machine is hungry, then flush: pull and write until nothing comes or the leg
 * takes no more. Verbs of streams never flush themselves; they kick, and the
 * flush runs at the end of the loop's turn, once for all of them.
 *
 * Calls of the machine may call handlers, and a handler may cut the very
 * connection that it is called from. So every call of the machine stands
 * between enter() and leave(); a cut in between is carried out by leave(), and
 * whoever called it touches the connection no more when leave() says that it is
 * gone.
 *
 * Deadlines: a head that has begun (head_ms), a connection without streams
 * (idle_ms), a peer that takes none of our bytes (HTTP_STALL_MS), pings that
 * nobody answers (ping_ms), an orderly close (its own). Streams have none of
 * their own: whoever waits on one brings it.
 */
#include "net/httpconn.h"
#include "wire/h2.h"
#include "wire/http1.h"

#include <stdio.h>

enum { PINGS_MOST = 2 };

static const struct fault no_fault = FAULT_NONE;

static struct http_stream *stream_find(struct http_conn *c, uint32_t id)
{
	struct table_node *n = table_find(&c->streams, &id, sizeof(id));

	return n ? CONTAINER_OF(n, struct http_stream, node) : NULL;
}

/* ---- its end */

static void cancel_timers(struct http_conn *c)
{
	loop_cancel(c->loop, &c->head_timer);
	loop_cancel(c->loop, &c->idle_timer);
	loop_cancel(c->loop, &c->ping_timer);
	loop_cancel(c->loop, &c->stall_timer);
	loop_cancel(c->loop, &c->close_timer);
}

/* Everything but telling the owner. What streams call from here on finds the
 * connection `going` and changes nothing. */
static void conn_free(struct http_conn *c, enum http_why why)
{
	c->going = true;
	while (c->streams.head)
		http_stream_orphan(
		    CONTAINER_OF(c->streams.head, struct http_stream, node),
		    why);
	cancel_timers(c);
	loop_unpost(c->loop, &c->task);
	leg_reset(STEAL(c->leg));
	pool_give(loop_pool(c->loop), STEAL(c->out));
	http_free(STEAL(c->machine));
	free(c);
}

static void conn_end(
    struct http_conn *c, enum http_why why, const struct fault *fault)
{
	const struct http_conn_events *events = c->config.events;
	struct fault copy = *fault;
	void *ctx = c->config.ctx;

	conn_free(c, why);
	if (events->gone)
		events->gone(ctx, &copy);
}

static void conn_fail(struct http_conn *c, const char *hint, const char *text)
{
	struct fault fault;

	fault_set(&fault, -ECONNRESET, hint, "HTTP with %s: %s",
	    leg_source(c->leg), text);
	conn_end(c, HTTP_WHY_PEER, &fault);
}

static void conn_leg_failed(struct http_conn *c)
{
	struct fault fault = *leg_fault(c->leg);

	if (!fault.code)
		fault_set(&fault, -ECONNRESET, NULL, "%s: connection lost",
		    leg_source(c->leg));
	conn_end(c, HTTP_WHY_PEER, &fault);
}

/* The machine has nothing more to say or hear. */
static void conn_over(struct http_conn *c)
{
	const char *reason = http_reason(c->machine);
	struct fault fault = FAULT_NONE;

	if (*reason)
		fault_set(&fault, -EPROTO, NULL, "HTTP with %s: refused: %s",
		    leg_source(c->leg), reason);
	if (!http_broken(c->machine))
		leg_close(STEAL(c->leg));
	conn_end(c, *reason ? HTTP_WHY_PROTOCOL : HTTP_WHY_PEER, &fault);
}

/* ---- around calls of the machine */

static void enter(struct http_conn *c)
{
	INVARIANT(!c->inside);
	c->inside = true;
}

/* Return: whether the connection is gone. */
static bool leave(struct http_conn *c)
{
	c->inside = false;
	if (!c->cut)
		return false;
	conn_free(c, HTTP_WHY_LOCAL);
	return true;
}

/* ---- deadlines */

static void on_head_late(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	conn_fail(CONTAINER_OF(t, struct http_conn, head_timer), NULL,
	    "the request's head did not come in time");
}

static void on_stalled(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	conn_fail(CONTAINER_OF(t, struct http_conn, stall_timer), NULL,
	    "the peer takes no bytes");
}

static void on_close_late(struct wheel_timer *t, uint64_t now)
{
	struct http_conn *c = CONTAINER_OF(t, struct http_conn, close_timer);

	(void)now;
	conn_end(c, HTTP_WHY_LOCAL, &no_fault);
}

static void on_idle(struct wheel_timer *t, uint64_t now)
{
	struct http_conn *c = CONTAINER_OF(t, struct http_conn, idle_timer);

	(void)now;
	http_conn_close(c, LEG_LINGER_MS);
}

static void ping(struct http_conn *c)
{
	c->pings_open++;
	http_ping(c->machine);
	http_conn_kick(c);
}

static void on_ping_due(struct wheel_timer *t, uint64_t now)
{
	struct http_conn *c = CONTAINER_OF(t, struct http_conn, ping_timer);

	(void)now;
	if (c->pings_open == PINGS_MOST) {
		conn_fail(c, "is the network between the two still there?",
		    "no answer to two pings");
		return;
	}
	ping(c);
	loop_after(c->loop, &c->ping_timer, c->config.ping_ms, on_ping_due);
}

static void keep_timer(struct http_conn *c, struct wheel_timer *t, bool on,
    unsigned ms, wheel_fn fn)
{
	if (!on || !ms)
		loop_cancel(c->loop, t);
	else if (!wheel_armed(t))
		loop_after(c->loop, t, ms, fn);
}

static void keep_deadlines(struct http_conn *c)
{
	bool server = c->config.end == HTTP_SERVER;
	bool idle = !table_count(&c->streams) && !c->out;

	keep_timer(c, &c->head_timer, server && http_midhead(c->machine),
	    c->config.head_ms, on_head_late);
	keep_timer(c, &c->idle_timer, idle, c->config.idle_ms, on_idle);
	keep_timer(
	    c, &c->stall_timer, c->out_blocked, HTTP_STALL_MS, on_stalled);
}

/* ---- out */

static bool may_read(const struct http_conn *c)
{
	return !c->in_ended && http_hungry(c->machine);
}

static void keep_interest(struct http_conn *c)
{
	unsigned want = c->out_blocked ? LEG_WRITE : 0;

	if (may_read(c))
		want |= LEG_READ;
	leg_want(c->leg, want);
}

/* Return: 1: written whole; 0: the leg takes no more now; -errno. */
static int write_out(struct http_conn *c)
{
	struct pool_block *b = c->out;

	while (b->start < b->end) {
		ssize_t n =
		    leg_write(c->leg, b->data + b->start, b->end - b->start);

		if (n == -EAGAIN) {
			c->out_blocked = true;
			return 0;
		}
		if (n < 0)
			return (int)n;
		loop_cancel(c->loop, &c->stall_timer);
		b->start += (uint32_t)n;
	}
	c->out_blocked = false;
	return 1;
}

/* Return: bytes pulled; 0: none; -errno; *gone: the connection is no more. */
static ssize_t pull_out(struct http_conn *c, bool *gone)
{
	struct pool *pool = loop_pool(c->loop);
	ssize_t n;

	if (!c->out)
		c->out = pool_take(pool);
	if (!c->out)
		return -ENOMEM;
	enter(c);
	n = http_pull(c->machine, c->out->data, pool_block_size(pool));
	*gone = leave(c);
	if (*gone || n < 0)
		return n;
	c->out->start = 0;
	c->out->end = (uint32_t)n;
	if (!n)
		pool_give(pool, STEAL(c->out));
	return n;
}

/* Write until nothing is left or the leg is full.
 * Return: whether the connection is gone. */
static bool flush(struct http_conn *c)
{
	bool gone = false;

	for (;;) {
		int r = c->out ? write_out(c) : 1;
		ssize_t n;

		if (r < 0) {
			conn_leg_failed(c);
			return true;
		}
		if (!r)
			return false;
		n = pull_out(c, &gone);
		if (gone)
			return true;
		if (n < 0) {
			conn_fail(c, NULL, strerror((int)-n));
			return true;
		}
		if (!n)
			return false;
	}
}

static void settle(struct http_conn *c)
{
	if (c->leg_gone && !may_read(c)) {
		conn_leg_failed(c);
		return;
	}
	if (flush(c))
		return;
	if (http_over(c->machine) && (!c->out || http_broken(c->machine))) {
		conn_over(c);
		return;
	}
	if (!c->out && http_spent(c->machine) && !c->half_closed) {
		c->half_closed = true;
		leg_finish(c->leg);
	}
	keep_deadlines(c);
	keep_interest(c);
}

static void on_task(struct loop_task *t)
{
	settle(CONTAINER_OF(t, struct http_conn, task));
}

void http_conn_kick(struct http_conn *c)
{
	if (!c->going)
		loop_post(c->loop, &c->task, on_task);
}

/* ---- in */

/* Between enter() and leave(). */
static void hear(struct http_conn *c)
{
	if (!c->heard && c->config.events->heard)
		c->config.events->heard(c->config.ctx);
	c->heard = true;
}

/* One read, fed. Return: whether the connection is gone. */
static bool read_in(struct http_conn *c)
{
	struct pool *pool = loop_pool(c->loop);
	struct pool_block *b = pool_take(pool);
	ssize_t n = b ? leg_read(c->leg, b->data, HTTP_FEED_MAX) : -ENOMEM;
	bool gone = false;
	int r = 0;

	if (n >= 0) {
		c->in_ended = !n;
		c->pings_open = 0;
		if (wheel_armed(&c->ping_timer))
			loop_after(c->loop, &c->ping_timer, c->config.ping_ms,
			    on_ping_due);
		enter(c);
		if (n)
			hear(c);
		r = http_feed(c->machine, b->data, (size_t)n);
		gone = leave(c);
	}
	pool_give(pool, b);
	if (gone)
		return true;
	if (r || (n < 0 && n != -EAGAIN)) {
		conn_leg_failed(c);
		return true;
	}
	return false;
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct http_conn *c = ctx;

	(void)leg;
	c->leg_gone |= events & LEG_GONE;
	if (events & LEG_READ && may_read(c) && read_in(c))
		return;
	settle(c);
}

/* ---- events of the machine */

static void on_head(
    void *ctx, uint32_t id, const struct http_head *head, bool ended)
{
	struct http_conn *c = ctx;
	struct http_stream *s;

	if (c->cut)
		return;
	if (c->config.end == HTTP_CLIENT) {
		s = stream_find(c, id);
		if (!s)
			return;
		s->in_ended = ended;
		http_stream_on_response(s, head);
		return;
	}
	if (http_stream_new(&s, c, id)) {
		http_reset(c->machine, id);
		return;
	}
	s->in_ended = ended;
	s->connect = !strcmp(head->method, "CONNECT");
	c->config.events->request(c->config.ctx, s, head);
}

static void on_body(void *ctx, uint32_t id, const void *bytes, size_t n)
{
	struct http_conn *c = ctx;
	struct http_stream *s = stream_find(c, id);

	if (s)
		http_stream_on_body(s, bytes, n);
	else
		http_credit(c->machine, id, n);
}

static void on_end(void *ctx, uint32_t id)
{
	struct http_stream *s = stream_find(ctx, id);

	if (s)
		http_stream_on_end(s);
}

static void on_reset(void *ctx, uint32_t id, enum http_why why)
{
	struct http_stream *s = stream_find(ctx, id);

	if (s)
		http_stream_on_reset(s, why);
}

static void on_room(void *ctx, uint32_t id)
{
	struct http_stream *s = stream_find(ctx, id);

	if (s)
		http_stream_on_room(s);
}

static const struct http_listener listener = {
	.head = on_head,
	.body = on_body,
	.end = on_end,
	.reset = on_reset,
	.room = on_room,
};

/* ---- verbs */

static int machine_new(struct http_conn *c)
{
	struct http_options options = {
		.end = c->config.end,
		.listener = &listener,
		.ctx = c,
		.pool = loop_pool(c->loop),
		.scheme = "https",
		.streams_max = c->config.streams_max,
		.for_many = c->config.for_many,
	};

	return c->config.version == HTTP_2 ? h2_new(&c->machine, &options)
					   : http1_new(&c->machine, &options);
}

int http_conn_open(struct http_conn **out, struct leg *leg,
    const struct http_conn_config *config)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	if (c) {
		c->config = *config;
		c->loop = leg_loop(leg);
		if (!c->config.head_ms)
			c->config.head_ms = HTTP_HEAD_MS;
	}
	if (!c || machine_new(c)) {
		leg_reset(leg);
		free(c);
		return -ENOMEM;
	}
	table_init(&c->streams, (size_t)HTTP_STREAMS_MAX * 2);
	c->leg = leg;
	leg_handle(leg, on_leg, c);
	if (c->config.version == HTTP_2 && c->config.ping_ms)
		loop_after(
		    c->loop, &c->ping_timer, c->config.ping_ms, on_ping_due);
	http_conn_kick(c);
	*out = c;
	return 0;
}

void http_conn_close(struct http_conn *c, unsigned ms)
{
	if (c->going)
		return;
	http_goaway(c->machine);
	if (!wheel_armed(&c->close_timer))
		loop_after(c->loop, &c->close_timer, ms, on_close_late);
	http_conn_kick(c);
}

void http_conn_cut(struct http_conn *c)
{
	if (c->inside || c->going)
		c->cut = true;
	else
		conn_free(c, HTTP_WHY_LOCAL);
}

size_t http_conn_streams(const struct http_conn *c)
{
	return table_count(&c->streams);
}

bool http_conn_takes(const struct http_conn *c)
{
	return !c->going && !http_takes(c->machine);
}

bool http_conn_silent(const struct http_conn *c)
{
	return c->pings_open > 0;
}

void http_conn_probe(struct http_conn *c)
{
	if (!c->going && !c->pings_open && c->config.version == HTTP_2)
		ping(c);
}

struct leg *http_conn_leg(const struct http_conn *c)
{
	return c->leg;
}

int http_conn_request(struct http_conn *c, const struct http_head *head,
    bool ended, http_response_fn fn, void *ctx, struct http_stream **out)
{
	struct http_stream *s;
	uint32_t id;
	int r =
	    c->going ? HTTP_E_OVER : http_request(c->machine, head, ended, &id);

	if (r)
		return r;
	r = http_stream_new(&s, c, id);
	if (r) {
		http_reset(c->machine, id);
		return r;
	}
	s->client = true;
	s->connect = !strcmp(head->method, "CONNECT");
	s->finished = ended;
	s->may_write = !ended && (!s->connect || head->early);
	s->response = fn;
	s->response_ctx = ctx;
	http_conn_kick(c);
	*out = s;
	return 0;
}
