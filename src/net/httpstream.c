/* net/httpstream.c: a stream of an HTTP connection as a leg.
 *
 * Three parties hold a stream: its owner (a handler, a client, a pump), the
 * connection, and the machine, by the id. They let go in any order:
 *
 *   owner first       leg_close() or leg_reset(): the machine is told to
 *                     finish or reset, the stream leaves the table and is freed
 *   machine first     (reset by the peer) `gone`: the leg fails, what had come
 *                     can still be read, the owner ends it; a tunnel that the
 *                     peer has closed in order does not fail but ends
 *   connection first  `conn` is NULL: as before, for all its streams
 *
 * So a pointer that the owner has is valid until the owner ends it, and the
 * machine is never asked about an id that it has forgotten, except to credit
 * bytes that were read late.
 *
 * Invariants: in the table as long as `conn` is set; `response` is called at
 * most once; `in` holds what was handed over and not yet credited, so its limit
 * is the machine's window and one feed, and cannot be reached.
 */
#include "net/httpconn.h"
#include "base/secret.h"

static struct http_stream *stream_of(const struct leg *leg)
{
	return CONTAINER_OF((uintptr_t)leg, struct http_stream, leg);
}

static bool is_live(const struct http_stream *s)
{
	return s->conn && !s->gone;
}

static void stream_want(struct leg *leg)
{
	(void)leg;
}

static unsigned stream_ready(struct leg *leg)
{
	struct http_stream *s = stream_of(leg);
	unsigned events = 0;

	if (buf_used(&s->in) || s->in_ended || leg->state == LEG_FAILED)
		events |= LEG_READ;
	if (leg->state == LEG_OPEN && s->may_write && !s->blocked &&
	    !s->finished)
		events |= LEG_WRITE;
	return events;
}

static void credit(struct http_stream *s, size_t n)
{
	if (!s->conn || !n)
		return;
	http_credit(s->conn->machine, s->id, n);
	http_conn_kick(s->conn);
}

static ssize_t stream_read(struct leg *leg, void *to, size_t n)
{
	struct http_stream *s = stream_of(leg);
	size_t got = buf_take(&s->in, to, n);

	if (got) {
		credit(s, got);
		return (ssize_t)got;
	}
	if (s->in_ended)
		return 0;
	return leg->state == LEG_FAILED ? leg_error(leg) : -EAGAIN;
}

static ssize_t stream_write(struct leg *leg, const void *bytes, size_t n)
{
	struct http_stream *s = stream_of(leg);
	ssize_t taken;

	if (s->finished || !is_live(s))
		return -EPIPE;
	if (!s->may_write)
		return -EAGAIN;
	if (!n)
		return 0;
	taken = http_write(s->conn->machine, s->id, bytes, n);
	if (taken < 0)
		return taken;
	http_conn_kick(s->conn);
	s->blocked = (size_t)taken < n;
	return taken ? taken : -EAGAIN;
}

static void stream_finish(struct leg *leg)
{
	struct http_stream *s = stream_of(leg);

	if (s->finished || !is_live(s))
		return;
	s->finished = true;
	http_finish(s->conn->machine, s->id);
	http_conn_kick(s->conn);
}

static void stream_free(struct http_stream *s)
{
	if (s->conn) {
		credit(s, buf_used(&s->in));
		table_remove(&s->conn->streams, &s->node);
		http_conn_kick(s->conn);
	}
	loop_unpost(s->leg.loop, &s->tell_task);
	loop_cancel(s->leg.loop, &s->last_words);
	buf_deinit(&s->in);
	free(s);
}

static void stream_end(struct http_stream *s)
{
	if (is_live(s))
		http_reset(s->conn->machine, s->id);
	stream_free(s);
}

static void stream_close(struct leg *leg)
{
	struct http_stream *s = stream_of(leg);

	if (s->may_write)
		stream_finish(leg);
	stream_end(s);
}

static void stream_reset(struct leg *leg)
{
	stream_end(stream_of(leg));
}

static const char *stream_source(const struct leg *leg)
{
	const struct http_stream *s = stream_of(leg);

	return s->conn && s->conn->leg ? leg_source(s->conn->leg) : "gone";
}

static struct leg *stream_lower(const struct leg *leg)
{
	const struct http_stream *s = stream_of(leg);

	return s->conn ? s->conn->leg : NULL;
}

static const struct leg_verbs stream_verbs = {
	.name = "stream",
	.want = stream_want,
	.ready = stream_ready,
	.read = stream_read,
	.write = stream_write,
	.finish = stream_finish,
	.close = stream_close,
	.reset = stream_reset,
	.source = stream_source,
	.lower = stream_lower,
};

int http_stream_new(struct http_stream **out, struct http_conn *c, uint32_t id)
{
	struct http_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->id = id;
	if (table_add(&c->streams, &s->node, &s->id, sizeof(s->id))) {
		free(s);
		return -ENOMEM;
	}
	leg_init(&s->leg, &stream_verbs, c->loop);
	s->conn = c;
	buf_init(&s->in, loop_pool(c->loop),
	    (size_t)HTTP_STREAM_WINDOW + HTTP_FEED_MAX);
	leg_opened(&s->leg);
	*out = s;
	return 0;
}

static void tell_no_response(struct loop_task *t)
{
	struct http_stream *s = CONTAINER_OF(t, struct http_stream, tell_task);
	http_response_fn fn = STEAL(s->response);

	fn(s->response_ctx, s, NULL, s->why);
}

/* The response call is posted: who cuts a connection must not be called back
 * from inside. */
static void fail(struct http_stream *s, enum http_why why)
{
	leg_failed(
	    &s->leg, -ECONNRESET, NULL, "stream: %s", http_why_text(why));
	s->why = why;
	if (s->response)
		loop_post(s->leg.loop, &s->tell_task, tell_no_response);
}

/* A client that has had the whole answer has lost nothing when the rest goes:
 * the answer can be read to its end, and only writing fails. In a tunnel both
 * directions matter, and so they do to a server that has not answered. */
static bool is_served(const struct http_stream *s)
{
	if (!s->in_ended)
		return false;
	return s->finished || (s->client && !s->connect && !s->response);
}

void http_stream_orphan(struct http_stream *s, enum http_why why)
{
	table_remove(&s->conn->streams, &s->node);
	s->conn = NULL;
	if (!is_served(s))
		fail(s, why);
	else
		leg_ready(&s->leg);
}

void http_stream_on_body(struct http_stream *s, const void *bytes, size_t n)
{
	if (buf_append(&s->in, bytes, n)) {
		credit(s, n);
		http_reset(s->conn->machine, s->id);
		s->gone = true;
		fail(s, HTTP_WHY_LOCAL);
		return;
	}
	leg_ready(&s->leg);
}

void http_stream_on_end(struct http_stream *s)
{
	s->in_ended = true;
	leg_ready(&s->leg);
}

/* A tunnel that the peer has closed is read to its end, as a socket would be;
 * who still writes finds out. */
static bool is_closed(const struct http_stream *s, enum http_why why)
{
	return why == HTTP_WHY_DONE && s->tunnelled;
}

static void on_last_words(struct wheel_timer *t, uint64_t now)
{
	struct http_stream *s = CONTAINER_OF(t, struct http_stream, last_words);

	(void)now;
	leg_failed(&s->leg, -ECONNRESET, NULL,
	    "stream: the peer closed it %d s ago", HTTP_LAST_WORDS_MS / 1000);
}

void http_stream_on_reset(struct http_stream *s, enum http_why why)
{
	s->gone = true;
	s->blocked = false; /* who waits to write finds out */
	if (!is_served(s) && !is_closed(s, why)) {
		fail(s, why);
		return;
	}
	if (is_closed(s, why))
		loop_after(s->leg.loop, &s->last_words, HTTP_LAST_WORDS_MS,
		    on_last_words);
	leg_ready(&s->leg);
}

void http_stream_on_room(struct http_stream *s)
{
	s->blocked = false;
	leg_ready(&s->leg);
}

void http_stream_on_response(
    struct http_stream *s, const struct http_head *head)
{
	http_response_fn fn = STEAL(s->response);

	s->may_write = true;
	s->tunnelled = s->connect && head->status < 300;
	leg_ready(&s->leg); /* a tunnel's owner may wait to write */
	if (fn)
		fn(s->response_ctx, s, head, HTTP_WHY_NONE);
}

int http_stream_respond(
    struct http_stream *s, const struct http_head *head, bool ended)
{
	int r;

	if (!is_live(s))
		return HTTP_E_STREAM;
	r = http_respond(s->conn->machine, s->id, head, ended);
	if (r)
		return r;
	s->may_write = true;
	s->tunnelled = s->connect && head->status < 300;
	s->finished = ended;
	http_conn_kick(s->conn);
	leg_ready(&s->leg);
	return 0;
}

struct leg *http_stream_leg(struct http_stream *s)
{
	return &s->leg;
}

void http_stream_abandon(struct http_stream *s)
{
	leg_reset(&s->leg);
}

size_t http_stream_peek(const struct http_stream *s, void *to, size_t n)
{
	return buf_copy(&s->in, to, n);
}

bool http_stream_drained(const struct http_stream *s)
{
	return s->in_ended && !buf_used(&s->in);
}

struct http_conn *http_stream_conn(struct http_stream *s)
{
	return s->conn;
}
