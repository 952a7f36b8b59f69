/* net/httpc.c: one call: write the body, await the head, collect the answer. It
 * owns the stream until the head has come; then the collector does. */
#include "net/httpc.h"
#include "net/httpbody.h"
#include "net/loop.h"

#include <stdio.h>

struct httpc_call {
	struct loop *loop;
	struct http_stream *stream;   /* until the head has come */
	struct http_collect *collect; /* after */
	struct wheel_timer timer;
	uint64_t deadline;
	struct http_upload upload;
	size_t most;
	struct httpc_answer answer;
	httpc_fn fn;
	void *ctx;
	char what[120]; /* "GET /v1/… at bridge.pharos", for faults */
};

static void call_free(struct httpc_call *c)
{
	loop_cancel(c->loop, &c->timer);
	if (c->stream)
		http_stream_abandon(c->stream);
	http_collect_cancel(c->collect);
	http_upload_deinit(&c->upload);
	free(c);
}

static void call_fail(struct httpc_call *c, int code, const char *text)
{
	httpc_fn fn = c->fn;
	void *ctx = c->ctx;
	struct fault fault;

	fault_set(&fault, code, NULL, "%s: %s", c->what, text);
	call_free(c);
	fn(ctx, NULL, &fault);
}

static void on_late(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	call_fail(CONTAINER_OF(t, struct httpc_call, timer), -ETIMEDOUT,
	    "no answer in time");
}

static void on_body(void *ctx, char *body, size_t n, int error)
{
	struct httpc_call *c = ctx;
	struct httpc_answer answer = c->answer;
	httpc_fn fn = c->fn;
	void *fn_ctx = c->ctx;

	c->collect = NULL;
	if (error) {
		call_fail(c, error,
		    error == -EMSGSIZE	  ? "the answer is too large"
		    : error == -ETIMEDOUT ? "no whole answer in time"
					  : "the answer broke off");
		return;
	}
	answer.body = body;
	answer.n_body = n;
	call_free(c);
	fn(fn_ctx, &answer, NULL);
}

static void keep_field(
    char *to, size_t room, const struct http_head *head, const char *name)
{
	const char *value = http_head_get(head, name);

	(void)snprintf(to, room, "%s", value ? value : "");
}

static void on_response(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	struct httpc_call *c = ctx;
	uint64_t now = loop_now(c->loop);
	unsigned left;

	if (!head) {
		call_fail(c, -ECONNRESET, http_why_text(why));
		return;
	}
	loop_cancel(c->loop, &c->timer);
	c->stream = NULL;
	c->answer.status = head->status;
	keep_field(c->answer.content_type, sizeof(c->answer.content_type), head,
	    "content-type");
	keep_field(c->answer.retry_after, sizeof(c->answer.retry_after), head,
	    "retry-after");
	left = c->deadline > now ? (unsigned)(c->deadline - now) : 1;
	if (http_collect(
		&c->collect, http_stream_leg(s), c->most, left, on_body, c)) {
		call_fail(c, -ENOMEM, "out of memory");
		return;
	}
	if (c->upload.sent < c->upload.n)
		http_collect_upload(c->collect, &c->upload);
}

/* The request's body, while the head of the answer has not come. */
static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct httpc_call *c = ctx;

	/* whatever goes wrong, the response callback says why */
	if (events & LEG_WRITE && http_upload_some(&c->upload, leg) <= 0)
		leg_want(leg, 0);
}

static struct httpc_call *call_new(
    const struct httpc_request *from, httpc_fn fn, void *ctx)
{
	struct httpc_call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->most = from->most;
	c->fn = fn;
	c->ctx = ctx;
	(void)snprintf(c->what, sizeof(c->what), "%s %s at %s", from->method,
	    from->target ? from->target : "", from->authority);
	if (http_upload_init(&c->upload, from->body, from->n_body)) {
		free(c);
		return NULL;
	}
	return c;
}

int httpc_send(struct httpc_call **out, struct http_conn *conn,
    const struct httpc_request *from, httpc_fn fn, void *ctx)
{
	struct http_head head = {
		.method = from->method,
		.scheme = "https",
		.authority = from->authority,
		.target = from->target,
		.length = from->n_body ? (int64_t)from->n_body : -1,
		.fields = from->fields,
		.n_fields = from->n_fields,
	};
	struct httpc_call *c = call_new(from, fn, ctx);
	int r;

	if (!c)
		return -ENOMEM;
	c->loop = leg_loop(http_conn_leg(conn));
	r = http_conn_request(
	    conn, &head, !from->n_body, on_response, c, &c->stream);
	if (r) {
		c->stream = NULL;
		call_free(c);
		return r;
	}
	c->deadline = loop_now(c->loop) + from->ms;
	loop_after(c->loop, &c->timer, from->ms, on_late);
	if (from->n_body) {
		leg_handle(http_stream_leg(c->stream), on_leg, c);
		leg_want(http_stream_leg(c->stream), LEG_WRITE);
	}
	*out = c;
	return 0;
}

void httpc_cancel(struct httpc_call *c)
{
	if (c)
		call_free(c);
}
