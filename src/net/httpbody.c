/* net/httpbody.c: whole bodies, in and out: http_collect() and
 * http_stream_answer(). Both may carry a secret, so what they buffer is wiped
 * before it is freed. */
#include "net/httpbody.h"
#include "base/secret.h"
#include "net/loop.h"

#include <jansson.h>
#include <stdio.h>

enum { COLLECT_FIRST = 4096 };

struct http_collect {
	struct leg *leg;
	bool lent; /* the leg is given back, not closed */
	struct http_upload upload;
	struct wheel_timer timer;
	char *body;
	size_t n, room, most;
	http_body_fn fn;
	void *ctx;
};

static void wipe_free(void *bytes, size_t n)
{
	if (bytes)
		secret_wipe(bytes, n);
	free(bytes);
}

int http_upload_init(struct http_upload *u, const void *bytes, size_t n)
{
	char *copy = n ? malloc(n) : NULL;

	if (n && !copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, bytes, n);
	*u = (struct http_upload){ .bytes = copy, .n = n };
	return 0;
}

void http_upload_deinit(struct http_upload *u)
{
	wipe_free(STEAL(u->bytes), u->n);
	u->n = u->sent = 0;
}

int http_upload_some(struct http_upload *u, struct leg *leg)
{
	while (u->sent < u->n) {
		ssize_t n = leg_write(leg, u->bytes + u->sent, u->n - u->sent);

		if (n == -EAGAIN)
			return 1;
		if (n < 0)
			return (int)n;
		u->sent += (size_t)n;
	}
	leg_finish(leg);
	return 0;
}

static void collect_free(struct http_collect *c)
{
	loop_cancel(leg_loop(c->leg), &c->timer);
	if (c->lent) {
		leg_want(c->leg, 0);
		leg_handle(c->leg, NULL, NULL);
	} else {
		leg_close(c->leg);
	}
	wipe_free(c->body, c->n);
	http_upload_deinit(&c->upload);
	free(c);
}

static void collect_done(struct http_collect *c, int error)
{
	http_body_fn fn = c->fn;
	void *ctx = c->ctx;
	size_t n = error ? 0 : c->n;
	char *body = NULL;

	if (!error)
		body = STEAL(c->body);
	collect_free(c);
	fn(ctx, body, n, error);
}

/* Room for one more byte and the NUL. */
static int collect_grow(struct http_collect *c)
{
	size_t room = c->room ? c->room * 2 : COLLECT_FIRST;
	char *bigger;

	if (c->n + 1 < c->room)
		return 0;
	bigger = malloc(room);
	if (!bigger)
		return -ENOMEM;
	if (c->n)
		memcpy(bigger, c->body, c->n);
	wipe_free(c->body, c->n);
	c->body = bigger;
	c->room = room;
	return 0;
}

/* Return: 1: go on; 0: whole; -errno. */
static int collect_some(struct http_collect *c)
{
	ssize_t n;

	if (collect_grow(c))
		return -ENOMEM;
	n = leg_read(c->leg, c->body + c->n, c->room - c->n - 1);
	if (n == -EAGAIN)
		return 1;
	if (n < 0)
		return -ECONNRESET;
	c->n += (size_t)n;
	if (c->n > c->most)
		return -EMSGSIZE;
	c->body[c->n] = '\0';
	return n ? 1 : 0;
}

static void collect_on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct http_collect *c = ctx;
	int r;

	if (events & LEG_WRITE && http_upload_some(&c->upload, leg) <= 0)
		leg_want(leg, LEG_READ); /* an error shows when reading */
	if (events & LEG_GONE && !(events & LEG_READ))
		collect_done(c, -ECONNRESET);
	if (!(events & LEG_READ))
		return;
	r = collect_some(c);
	if (r <= 0)
		collect_done(c, r);
}

static void collect_late(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	collect_done(CONTAINER_OF(t, struct http_collect, timer), -ETIMEDOUT);
}

static int collect_start(struct http_collect **out, struct leg *leg,
    size_t most, http_body_fn fn, void *ctx)
{
	struct http_collect *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->leg = leg;
	c->most = most;
	c->fn = fn;
	c->ctx = ctx;
	leg_handle(leg, collect_on_leg, c);
	leg_want(leg, LEG_READ);
	*out = c;
	return 0;
}

int http_collect(struct http_collect **out, struct leg *leg, size_t most,
    unsigned ms, http_body_fn fn, void *ctx)
{
	int r = collect_start(out, leg, most, fn, ctx);

	if (r)
		leg_close(leg);
	else
		loop_after(leg_loop(leg), &(*out)->timer, ms, collect_late);
	return r;
}

int http_receive(struct http_collect **out, struct http_stream *s, size_t most,
    unsigned ms, http_body_fn fn, void *ctx)
{
	struct leg *leg = http_stream_leg(s);
	int r = collect_start(out, leg, most, fn, ctx);

	if (r)
		return r;
	(*out)->lent = true;
	loop_after(leg_loop(leg), &(*out)->timer, ms, collect_late);
	return 0;
}

void http_receive_cancel(struct http_collect *c)
{
	http_collect_cancel(c);
}

void http_collect_upload(struct http_collect *c, struct http_upload *u)
{
	c->upload = *u;
	*u = (struct http_upload){ .bytes = NULL };
	leg_want(c->leg, LEG_READ | LEG_WRITE);
}

void http_collect_cancel(struct http_collect *c)
{
	if (c)
		collect_free(c);
}

/* ---- whole answers */

/* Nobody owns an answer, so what is on its way when the loop goes is ended by
 * the loop. */
struct answer {
	struct loop *loop;
	struct loop_lingerer lingerer;
	struct leg *leg;
	struct wheel_timer timer;
	struct http_upload upload;
};

static void answer_free(struct answer *a)
{
	loop_cancel(a->loop, &a->timer);
	loop_unlinger(&a->lingerer);
	http_upload_deinit(&a->upload);
	free(a);
}

static void answer_cut(struct answer *a)
{
	leg_reset(a->leg);
	answer_free(a);
}

static void answer_on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct answer *a = ctx;
	int r = events & LEG_WRITE ? http_upload_some(&a->upload, leg)
				   : -ECONNRESET;

	if (r > 0)
		return;
	if (r)
		leg_reset(leg);
	else
		leg_close(leg);
	answer_free(a);
}

static void answer_late(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	answer_cut(CONTAINER_OF(t, struct answer, timer));
}

static void answer_on_loop_end(struct loop_lingerer *one)
{
	answer_cut(CONTAINER_OF(one, struct answer, lingerer));
}

static int respond_whole(struct http_stream *s, const struct http_answer *a)
{
	struct http_field fields[HTTP_ANSWER_FIELDS + 1];
	struct http_head head = {
		.status = a->status,
		.length = (int64_t)a->n,
		.fields = fields,
	};

	INVARIANT(a->n_fields <= HTTP_ANSWER_FIELDS);
	for (size_t i = 0; i < a->n_fields; i++)
		fields[head.n_fields++] = a->fields[i];
	if (a->content_type)
		fields[head.n_fields++] =
		    (struct http_field){ "content-type", a->content_type };
	return http_stream_respond(s, &head, !a->n);
}

static struct answer *answer_new(
    struct leg *leg, const struct http_answer *from)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->loop = leg_loop(leg);
	a->leg = leg;
	if (http_upload_init(&a->upload, from->body, from->n)) {
		free(a);
		return NULL;
	}
	return a;
}

void http_stream_answer(struct http_stream *s, const struct http_answer *from)
{
	struct leg *leg = http_stream_leg(s);
	struct answer *a;

	if (respond_whole(s, from)) {
		leg_reset(leg);
		return;
	}
	if (!from->n) {
		leg_close(leg);
		return;
	}
	a = answer_new(leg, from);
	if (!a) {
		leg_reset(leg);
		return;
	}
	loop_after(a->loop, &a->timer, HTTP_ANSWER_MS, answer_late);
	loop_linger(a->loop, &a->lingerer, answer_on_loop_end);
	leg_handle(leg, answer_on_leg, a);
	leg_want(leg, LEG_WRITE);
}

void http_stream_answer_json(struct http_stream *s, const char *text)
{
	if (!text) {
		http_stream_refuse(s, 503, "out of memory");
		return;
	}
	http_stream_answer(s, &(struct http_answer){
				  .status = 200,
				  .content_type = "application/json",
				  .body = text,
				  .n = strlen(text),
			      });
}

void http_stream_refuse(struct http_stream *s, int status, const char *text)
{
	json_t *body = json_pack("{s:[s]}", "errors", text);
	char *dump = body ? json_dumps(body, JSON_COMPACT) : NULL;
	const char *said = dump ? dump : "{\"errors\":[]}";

	http_stream_answer(s, &(struct http_answer){
				  .status = status,
				  .content_type = "application/json",
				  .body = said,
				  .n = strlen(said),
			      });
	free(dump);
	json_decref(body);
}
