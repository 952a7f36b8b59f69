/* net/test-httpbench.h: one HTTP client, one server, and between them a wire
 * that the test moves by hand and can cut. Tests only. */
#pragma once
#include "net/http.h"
#include "net/test-tls-support.h"

enum { CAPACITY = 256 * 1024 };

/* ---- the wire: two pairs in memory, and what carries bytes between them */

struct wire {
	struct leg *leg[2]; /* towards the client, towards the server */
	size_t moved;	    /* both ways together */
	size_t cut_at;	    /* SIZE_MAX: never */
	bool cut_ends;	    /* an end instead of a reset */
	bool ended[2];
	bool stuck; /* carries nothing for now */
};

static inline void wire_cut(struct wire *w)
{
	for (int i = 0; i < 2; i++) {
		struct leg *leg = STEAL(w->leg[i]);

		if (w->cut_ends)
			leg_close(leg);
		else
			leg_reset(leg);
	}
}

static inline void wire_carry(struct wire *w, int from)
{
	char bytes[4096];
	size_t most = sizeof(bytes);
	ssize_t n;

	if (!w->leg[0])
		return;
	if (w->moved + most > w->cut_at)
		most = w->cut_at - w->moved;
	if (!most) {
		wire_cut(w);
		return;
	}
	n = w->ended[from] ? -EAGAIN : leg_read(w->leg[from], bytes, most);
	if (n > 0) {
		w->moved += (size_t)n;
		if (leg_write(w->leg[!from], bytes, (size_t)n) != n)
			wire_cut(w); /* the other end has gone */
	} else if (n == 0) {
		w->ended[from] = true;
		leg_finish(w->leg[!from]);
	} else if (n != -EAGAIN) {
		wire_cut(w);
	}
}

/* ---- the bench: one client, one server, one wire */

struct bench {
	struct wire wire;
	struct http_conn *client, *server;
	int client_gone, server_gone, requests, responses, lost;
	int status;
	enum http_why why;
	struct fault fault; /* of the client's connection */
	struct http_stream *held[8];
	int n_held;
	char method[8][16];
};

static inline void on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct bench *b = ctx;

	b->requests++;
	assert_true(b->n_held < 8);
	snprintf(b->method[b->n_held], 16, "%s", head->method);
	b->held[b->n_held++] = s;
}

static inline void on_server_gone(void *ctx, const struct fault *fault)
{
	struct bench *b = ctx;

	(void)fault;
	b->server = NULL;
	b->server_gone++;
}

static inline void on_client_gone(void *ctx, const struct fault *fault)
{
	struct bench *b = ctx;

	b->fault = *fault;
	b->client = NULL;
	b->client_gone++;
}

static const struct http_conn_events server_events = {
	.request = on_request,
	.gone = on_server_gone,
};
static const struct http_conn_events client_events = { .gone = on_client_gone };

static inline void on_response(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	struct bench *b = ctx;

	(void)s;
	b->responses += head != NULL;
	b->lost += !head;
	b->why = why;
	b->status = head ? head->status : 0;
}

static inline void bench_open(
    struct bench *b, enum http_version version, struct http_conn_config extra)
{
	struct http_conn_config config = extra;
	struct leg *near, *far;

	*b = (struct bench){ .wire.cut_at = SIZE_MAX };
	config.version = version;
	config.ctx = b;
	assert_int_equal(
	    memleg_pair(&near, &b->wire.leg[0], loop, CAPACITY), 0);
	assert_int_equal(memleg_pair(&far, &b->wire.leg[1], loop, CAPACITY), 0);
	config.end = HTTP_CLIENT;
	config.events = &client_events;
	assert_int_equal(http_conn_open(&b->client, near, &config), 0);
	config.end = HTTP_SERVER;
	config.events = &server_events;
	assert_int_equal(http_conn_open(&b->server, far, &config), 0);
}

static inline void bench_turn(struct bench *b)
{
	loop_turn(loop);
	if (b->wire.stuck)
		return;
	wire_carry(&b->wire, 0);
	wire_carry(&b->wire, 1);
}

static inline void bench_turns(struct bench *b, int n)
{
	while (n--)
		bench_turn(b);
}

#define BENCH_UNTIL(b, condition)                                              \
	do {                                                                   \
		int turns_ = 0;                                                \
                                                                               \
		while (!(condition) && turns_++ < 20000)                       \
			bench_turn(b);                                         \
		if (!(condition))                                              \
			fail_msg("never came: %s", #condition);                \
	} while (0)

static inline void bench_close(struct bench *b)
{
	for (int i = 0; i < b->n_held; i++)
		if (b->held[i])
			http_stream_abandon(b->held[i]);
	if (b->client)
		http_conn_cut(b->client);
	if (b->server)
		http_conn_cut(b->server);
	leg_close(b->wire.leg[0]);
	leg_close(b->wire.leg[1]);
	for (int i = 0; i < 10; i++)
		loop_turn(loop);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
}

static const struct http_conn_config plain = { .ctx = NULL };

static inline struct http_stream *ask(
    struct bench *b, const char *method, bool ended)
{
	bool connect = !strcmp(method, "CONNECT");
	struct http_head head = { .method = method,
		.authority = "bridge.pharos:443",
		.target = connect ? NULL : "/",
		.length = -1 };
	struct http_stream *s = NULL;

	assert_int_equal(
	    http_conn_request(b->client, &head, ended, on_response, b, &s), 0);
	return s;
}

static inline struct leg *answer(struct bench *b, int which)
{
	const struct http_head ok = { .status = 200, .length = -1 };
	struct http_stream *s = STEAL(b->held[which]);

	int r = http_stream_respond(s, &ok, false);

	assert_true(!r || r == HTTP_E_STREAM); /* it has been cut already */
	return http_stream_leg(s);
}
