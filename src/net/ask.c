/* net/ask.c: an ask has the stream until the answer's head, and then, when the
 * answer is no, its reader. The callee is told when nothing of us is left. */
#include "net/ask.h"
#include "net/loop.h"

struct ask {
	struct loop *loop;
	struct http_stream *stream; /* until the answer's head */
	struct http_collect *body;  /* of a refusal, being read */
	struct wheel_timer timer;
	struct ask_answer answer;
	ask_fn fn;
	void *ctx;
};

static void ask_free(struct ask *a)
{
	loop_cancel(a->loop, &a->timer);
	if (a->stream)
		http_stream_abandon(a->stream);
	http_collect_cancel(a->body);
	free(a);
}

static void ask_tell(struct ask *a)
{
	struct ask_answer answer = a->answer;
	ask_fn fn = a->fn;
	void *ctx = a->ctx;

	ask_free(a);
	fn(ctx, &answer);
	free(answer.body);
}

static void on_body(void *ctx, char *body, size_t n, int error)
{
	struct ask *a = ctx;

	(void)error; /* a reason that cannot be read is none */
	a->body = NULL;
	a->answer.body = body;
	a->answer.n_body = n;
	ask_tell(a);
}

static void ask_hear(struct ask *a, const struct http_head *head)
{
	struct leg *leg = http_stream_leg(STEAL(a->stream));

	a->answer.status = head->status;
	a->answer.retry_s = http_retry_after(head);
	if (http_collect(&a->body, leg, ASK_BODY_MOST, ASK_BODY_MS, on_body, a))
		ask_tell(a);
}

static void on_response(void *ctx, struct http_stream *stream,
    const struct http_head *head, enum http_why why)
{
	struct ask *a = ctx;

	loop_cancel(a->loop, &a->timer);
	if (head && (head->status < 200 || head->status > 299)) {
		ask_hear(a, head);
		return;
	}
	a->answer.why = why;
	if (head) {
		a->stream = NULL;
		a->answer.leg = http_stream_leg(stream);
	}
	ask_tell(a);
}

static void on_late(struct wheel_timer *timer, uint64_t now)
{
	struct ask *a = CONTAINER_OF(timer, struct ask, timer);

	(void)now;
	a->answer.late = true;
	ask_tell(a);
}

int ask_open(struct ask **out, struct http_conn *conn, const char *authority,
    unsigned ms, ask_fn fn, void *ctx)
{
	const struct http_head head = {
		.method = "CONNECT",
		.authority = authority,
		.length = -1,
		.early = true,
	};
	struct ask *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->loop = leg_loop(http_conn_leg(conn));
	a->fn = fn;
	a->ctx = ctx;
	r = http_conn_request(conn, &head, false, on_response, a, &a->stream);
	if (r) {
		free(a);
		return r;
	}
	loop_after(a->loop, &a->timer, ms, on_late);
	*out = a;
	return 0;
}

ssize_t ask_early(struct ask *a, const void *bytes, size_t n)
{
	if (!a->stream)
		return -EPIPE;
	return leg_write(http_stream_leg(a->stream), bytes, n);
}

struct http_conn *ask_conn(const struct ask *a)
{
	return a->stream ? http_stream_conn(a->stream) : NULL;
}

void ask_cancel(struct ask *a)
{
	if (a)
		ask_free(a);
}
