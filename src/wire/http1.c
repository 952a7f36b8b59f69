#include "wire/http1.h"
#include "wire/http1conn.h"
#include <stdio.h>

/* Theory.
 *
 * Two small state machines, one a direction, make an exchange: a request and
 * its response. Each names what its direction is at (http1conn.c); the
 * exchange is through when the peer's message is whole (IN_WAIT) and ours is
 * (OUT_DONE), and settle() then makes room for the next or ends the connection.
 *
 * Reading is done twice over. http1scan reads the lines strictly and says where
 * a head or a chunked body ends; llhttp reads the same bytes and gives method,
 * target, fields and body. Whatever either refuses is refused, and where they
 * do not end at the same byte the message is refused as unclear. llhttp pauses
 * after each head and each message, and is made anew for the next, so nothing
 * of one message reaches into another.
 *
 * Bytes that come before their time (a pipelined request while we answer; what
 * follows a CONNECT that is not answered yet) wait in `pending`, at most one
 * feed of them: http_hungry() is false while there are any. pull goes on with
 * them. A CONNECT that is refused ends the connection, so that a tunnel's bytes
 * sent too early are never read as a request.
 *
 * A refused peer is answered where an answer is due and has not begun; then
 * both directions are shut. If a message of ours is cut in its middle, `broken`
 * tells the driver to reset the connection rather than to close it.
 *
 * Cost: one exchange at a time, no allocation in an idle connection but the
 * struct itself; a head costs one block that is wiped after its event. */

/* The output holds one body's worth and the heads around it. */
enum {
	OUT_MOST =
	    HTTP_STREAM_BUFFER + 2 * (HTTP_HEAD_MAX + HTTP_TARGET_MAX) + 4096
};

static struct http1 *of(struct http_machine *m)
{
	return CONTAINER_OF(m, struct http1, machine);
}

static const struct http1 *of_const(const struct http_machine *m)
{
	return (const struct http1 *)(const void *)m;
}
_Static_assert(offsetof(struct http1, machine) == 0, "of_const() relies on it");

static int read_pending(struct http1 *h)
{
	const uint8_t *bytes;
	size_t n, used = 0;
	int r = 0;

	while (!r && buf_used(&h->pending) && http1_can_read(h)) {
		bytes = buf_peek(&h->pending, &n);
		r = http1_read(h, (const char *)bytes, n, &used);
		buf_drop(&h->pending, used);
	}
	if (!r && h->ended && !buf_used(&h->pending))
		http1_read_end(h);
	return r;
}

static int http1_feed(struct http_machine *m, const void *bytes, size_t n)
{
	struct http1 *h = of(m);
	const char *at = bytes;

	h->ended = !n;
	while (n && http1_can_read(h)) {
		size_t used = 0;
		int r = http1_read(h, at, n, &used);

		if (r)
			return r;
		at += used;
		n -= used;
	}
	if (h->ended)
		http1_read_end(h);
	return n && buf_append(&h->pending, at, n) ? -ENOMEM : 0;
}

static bool http1_hungry(const struct http_machine *m)
{
	const struct http1 *h = of_const(m);

	return h->in != IN_DONE && !h->ended && !buf_used(&h->pending) &&
	       h->unread < m->options.window;
}

static ssize_t http1_pull(struct http_machine *m, void *to, size_t room)
{
	struct http1 *h = of(m);
	size_t n;
	int r = read_pending(h);

	if (r)
		return r;
	n = buf_take(&h->output, to, room);
	if (h->wants_room && (h->out == OUT_BODY || h->out == OUT_TUNNEL) &&
	    buf_used(&h->output) <= HTTP_STREAM_BUFFER / 2) {
		h->wants_room = false;
		http_tell_room(m, h->stream);
	}
	if (!n)
		n = buf_take(&h->output, to, room);
	return (ssize_t)n;
}

static bool http1_spent(const struct http_machine *m)
{
	const struct http1 *h = of_const(m);

	return h->out == OUT_CLOSED && !buf_used(&h->output);
}

static bool http1_over(const struct http_machine *m)
{
	return of_const(m)->in == IN_DONE && http1_spent(m);
}

static bool http1_midhead(const struct http_machine *m)
{
	const struct http1 *h = of_const(m);

	return h->in == IN_HEAD && http1_scan_started(&h->scan);
}

static int http1_takes(const struct http_machine *m)
{
	const struct http1 *h = of_const(m);

	if (h->running)
		return HTTP_E_BUSY;
	return h->in == IN_DONE || h->ended ? HTTP_E_OVER : 0;
}

static int http1_request(struct http_machine *m, const struct http_head *head,
    bool ended, uint32_t *stream)
{
	struct http1 *h = of(m);
	struct http1_writing writing = { .length = ended ? -1 : head->length };
	int r = http_head_check(head, HTTP_CLIENT, ended);

	if (!r && head->early)
		r = -EINVAL; /* who refuses might read them as a request */
	if (!r)
		r = http1_takes(m);
	if (r)
		return r;
	if (ended && strcmp(head->method, "GET") &&
	    strcmp(head->method, "HEAD"))
		writing.length = 0;
	if (!strcmp(head->method, "CONNECT"))
		writing.length = -1;
	else
		writing.chunked = !ended && head->length < 0;
	r = http1_write_request(&h->output, head, &writing);
	if (r)
		return -ENOMEM;
	http1_exchange_begin(h, head->method);
	h->chunked = writing.chunked;
	h->close = false;
	http_outgoing_begin(&h->outgoing, head, false);
	http1_in_move(h, IN_HEAD);
	if (h->connect)
		http1_out_move(h, OUT_HEAD);
	else
		http1_out_move(h, ended ? OUT_DONE : OUT_BODY);
	*stream = h->stream;
	return 0;
}

static int open_tunnel(
    struct http1 *h, const struct http_head *head, bool ended)
{
	const struct http1_writing writing = { .length = -1 };

	if (ended)
		return -EINVAL;
	if (http1_write_response(&h->output, head, &writing))
		return -ENOMEM;
	http1_in_move(h, IN_TUNNEL);
	http1_out_move(h, OUT_TUNNEL);
	http_outgoing_begin(
	    &h->outgoing, &(struct http_head){ .length = -1 }, false);
	return 0;
}

/* Return: how the answer is framed. */
static struct http1_writing response_framing(
    const struct http1 *h, const struct http_head *head, bool ended)
{
	struct http1_writing w = { .length = head->length, .close = h->close };

	if (http_is_bodiless(head->status))
		w.length = -1;
	else if (ended && !h->head_only)
		w.length = 0;
	else if (!h->head_only)
		w.chunked = head->length < 0 && !h->old;
	return w;
}

static int http1_respond(struct http_machine *m, uint32_t stream,
    const struct http_head *head, bool ended)
{
	struct http1 *h = of(m);
	struct http1_writing writing;
	int r = http_head_check(head, HTTP_SERVER, ended);

	if (r)
		return r;
	if (!h->running || stream != h->stream)
		return HTTP_E_STREAM;
	INVARIANT(h->out == OUT_HEAD);
	if (ended && head->length > 0 && !h->head_only)
		return -EINVAL;
	if (h->connect && head->status < 300)
		return open_tunnel(h, head, ended);
	h->close |= h->connect;
	writing = response_framing(h, head, ended);
	if (http1_write_response(&h->output, head, &writing))
		return -ENOMEM;
	h->chunked = writing.chunked;
	http_outgoing_begin(&h->outgoing, head, h->head_only);
	http1_out_move(h, ended ? OUT_DONE : OUT_BODY);
	http1_settle(h);
	return 0;
}

static int append_chunk(struct http1 *h, const void *bytes, size_t n)
{
	char size[24];
	int digits = snprintf(size, sizeof(size), "%zx\r\n", n);
	int r = buf_append(&h->output, size, (size_t)digits);

	if (!r)
		r = buf_append(&h->output, bytes, n);
	return r ? r : buf_append(&h->output, "\r\n", 2);
}

static ssize_t append_body(struct http1 *h, const void *bytes, size_t n)
{
	int r = h->chunked ? append_chunk(h, bytes, n)
			   : buf_append(&h->output, bytes, n);

	if (!r) {
		http_outgoing_took(&h->outgoing, n);
		return (ssize_t)n;
	}
	http1_cut(h); /* part of a chunk may be in the output */
	return -ENOMEM;
}

static ssize_t http1_write(
    struct http_machine *m, uint32_t stream, const void *bytes, size_t n)
{
	struct http1 *h = of(m);
	size_t room;
	int r;

	if (!h->running || stream != h->stream)
		return -EPIPE;
	if (h->out == OUT_HEAD) {
		h->wants_room = true;
		return 0;
	}
	if (h->out != OUT_BODY && h->out != OUT_TUNNEL)
		return -EPIPE;
	r = http_outgoing_take(&h->outgoing, n);
	if (r || h->outgoing.swallow || !n)
		return r ? r : (ssize_t)n;
	room = buf_used(&h->output) < HTTP_STREAM_BUFFER
		   ? HTTP_STREAM_BUFFER - buf_used(&h->output)
		   : 0;
	h->wants_room = n > room;
	n = n > room ? room : n;
	return n ? append_body(h, bytes, n) : 0;
}

static void http1_reset(struct http_machine *m, uint32_t stream)
{
	struct http1 *h = of(m);

	if (!h->running || stream != h->stream)
		return;
	if (h->out == OUT_CLOSED || (http1_is_server(h) && h->out == OUT_DONE))
		http1_shut(h);
	else
		http1_cut(h);
}

static void http1_finish(struct http_machine *m, uint32_t stream)
{
	struct http1 *h = of(m);

	if (!h->running || stream != h->stream)
		return;
	if (h->out == OUT_TUNNEL) {
		http1_out_move(h, OUT_CLOSED);
		h->running = h->in == IN_TUNNEL;
		return;
	}
	if (h->out != OUT_BODY)
		return;
	if (!http_outgoing_whole(&h->outgoing) ||
	    (h->chunked && buf_append(&h->output, "0\r\n\r\n", 5))) {
		http1_reset(m, stream);
		return;
	}
	http1_out_move(h, OUT_DONE);
	http1_settle(h);
}

static void http1_credit(struct http_machine *m, uint32_t stream, size_t n)
{
	struct http1 *h = of(m);

	(void)stream; /* all of them fill the same window */
	INVARIANT(n <= h->unread);
	h->unread -= n;
}

static void http1_goaway(struct http_machine *m)
{
	struct http1 *h = of(m);

	h->close = true;
	if (!h->running)
		http1_shut(h);
}

static size_t http1_streams(const struct http_machine *m)
{
	return of_const(m)->running ? 1 : 0;
}

static void http1_ping(struct http_machine *m)
{
	(void)m; /* HTTP/1.1 has none */
}

static void http1_free(struct http_machine *m)
{
	struct http1 *h = of(m);

	buf_deinit(&h->pending);
	buf_deinit(&h->output);
	http_gather_deinit(&h->gather);
	free(h);
}

static const struct http_verbs http1_verbs = {
	.free = http1_free,
	.feed = http1_feed,
	.hungry = http1_hungry,
	.pull = http1_pull,
	.spent = http1_spent,
	.over = http1_over,
	.midhead = http1_midhead,
	.takes = http1_takes,
	.request = http1_request,
	.respond = http1_respond,
	.write = http1_write,
	.finish = http1_finish,
	.reset = http1_reset,
	.credit = http1_credit,
	.goaway = http1_goaway,
	.streams = http1_streams,
	.ping = http1_ping,
};

int http1_new(struct http_machine **out, const struct http_options *options)
{
	struct http1 *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	http_init(&h->machine, &http1_verbs, options);
	h->in = options->end == HTTP_SERVER ? IN_HEAD : IN_WAIT;
	h->out = OUT_IDLE;
	buf_init(&h->pending, options->pool, HTTP_FEED_MAX);
	buf_init(&h->output, options->pool, OUT_MOST);
	http1_read_begin(h);
	*out = &h->machine;
	return 0;
}
