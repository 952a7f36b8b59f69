#include "echo.h"

enum { BLOCK = 3000 };

/* The answering side: what comes in goes out. */
struct answer {
	struct leg *leg;
	uint8_t bytes[BLOCK];
	size_t n, start;
};

static void answer_end(struct answer *a, bool good)
{
	if (good)
		leg_close(a->leg);
	else
		leg_reset(a->leg);
	free(a);
}

/* Return: false when the stream is over and @a is gone. */
static bool answer_step(struct answer *a, bool *again)
{
	ssize_t n;

	*again = false;
	if (!a->n) {
		n = leg_read(a->leg, a->bytes, sizeof(a->bytes));
		if (n == -EAGAIN)
			return true;
		if (n <= 0) {
			answer_end(a, !n);
			return false;
		}
		a->n = (size_t)n;
		a->start = 0;
	}
	n = leg_write(a->leg, a->bytes + a->start, a->n);
	if (n < 0 && n != -EAGAIN) {
		answer_end(a, false);
		return false;
	}
	if (n > 0) {
		a->start += (size_t)n;
		a->n -= (size_t)n;
		*again = true;
	}
	return true;
}

static void on_answer_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct answer *a = ctx;
	bool again = true;

	if (events & LEG_GONE) {
		answer_end(a, false);
		return;
	}
	while (again)
		if (!answer_step(a, &again))
			return;
	leg_want(leg, a->n ? LEG_WRITE : LEG_READ);
}

static void on_echo(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	const struct http_head reply = { .status = 200, .length = -1 };
	struct answer *a;

	(void)ctx;
	(void)head;
	if (http_stream_respond(s, &reply, false)) {
		http_stream_abandon(s);
		return;
	}
	a = calloc(1, sizeof(*a));
	INVARIANT(a);
	a->leg = http_stream_leg(s);
	leg_handle(a->leg, on_answer_leg, a);
	leg_want(a->leg, LEG_READ);
}

const struct httpd_route *echo_routes(void)
{
	static const struct httpd_route route = { "POST", "/echo", on_echo };

	return &route;
}

/* The asking side. */
struct ask {
	struct echo_counts *counts;
	struct loop *loop;
	struct leg *leg;
	struct wheel_timer timer;
	size_t size, sent, got;
	uint32_t salt;
	bool headed; /* the answer's head has come */
};

static uint8_t said(const struct ask *a, size_t at)
{
	return (uint8_t)(at * 131 + at / 7919 + a->salt);
}

static void ask_end(struct ask *a, enum echo_outcome outcome)
{
	a->counts->pending--;
	a->counts->whole += outcome == ECHO_WHOLE;
	a->counts->broken += outcome == ECHO_BROKEN;
	loop_cancel(a->loop, &a->timer);
	if (outcome == ECHO_WHOLE)
		leg_close(a->leg);
	else
		leg_reset(a->leg);
	free(a);
}

static void on_late(struct wheel_timer *t, uint64_t now)
{
	struct ask *a = CONTAINER_OF(t, struct ask, timer);

	(void)now;
	a->counts->late++;
	ask_end(a, ECHO_BROKEN);
}

/* Return: as leg_write(). */
static ssize_t ask_write(struct ask *a)
{
	uint8_t bytes[BLOCK];
	size_t n = a->size - a->sent;
	ssize_t put;

	if (n > sizeof(bytes))
		n = sizeof(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = said(a, a->sent + i);
	put = leg_write(a->leg, bytes, n);
	if (put > 0)
		a->sent += (size_t)put;
	if (a->sent == a->size)
		leg_finish(a->leg);
	return put;
}

/* Return: as leg_read(). */
static ssize_t ask_read(struct ask *a)
{
	uint8_t bytes[BLOCK];
	ssize_t n = leg_read(a->leg, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++)
		INVARIANT(bytes[i] == said(a, a->got + (size_t)i));
	if (n > 0)
		a->got += (size_t)n;
	return n;
}

static void on_ask_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct ask *a = ctx;
	ssize_t n = -EAGAIN;

	if (events & LEG_WRITE && a->sent < a->size)
		n = ask_write(a);
	if (n >= 0 || n == -EAGAIN)
		n = events & LEG_READ ? ask_read(a) : -EAGAIN;
	if (n == 0) {
		INVARIANT(a->headed && a->got == a->size);
		ask_end(a, ECHO_WHOLE);
		return;
	}
	if ((n < 0 && n != -EAGAIN) || events & LEG_GONE) {
		ask_end(a, ECHO_BROKEN);
		return;
	}
	leg_want(leg, a->sent < a->size ? LEG_READ | LEG_WRITE : LEG_READ);
}

static void on_head(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	struct ask *a = ctx;

	(void)s;
	(void)why;
	a->headed = head != NULL; /* without one, the leg says GONE */
	INVARIANT(!head || head->status == 200);
}

void echo_ask(
    struct echo_counts *counts, struct http_conn *c, size_t size, unsigned ms)
{
	const struct http_head head = { .method = "POST",
		.authority = "bridge.pharos",
		.target = "/echo",
		.length = -1 };
	struct ask *a = calloc(1, sizeof(*a));
	struct http_stream *s;

	INVARIANT(a);
	a->counts = counts;
	a->loop = leg_loop(http_conn_leg(c));
	a->size = size;
	a->salt = (uint32_t)counts->asked;
	if (http_conn_request(c, &head, false, on_head, a, &s)) {
		free(a);
		return;
	}
	counts->asked++;
	counts->pending++;
	a->leg = http_stream_leg(s);
	leg_handle(a->leg, on_ask_leg, a);
	leg_want(a->leg, LEG_READ | LEG_WRITE);
	loop_after(a->loop, &a->timer, ms, on_late);
	if (!size)
		leg_finish(a->leg);
}
