/* net/test-http.c: connections over pairs in memory; every case runs on both
 * versions, whole and chopped. */
#include "base/err.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "net/http.h"
#include "net/httpc.h"
#include "net/httpd.h"
#include "net/loop.h"
#include "net/memleg.h"

enum { TURNS_MOST = 200000 };

struct shape {
	const char *label;
	enum http_version version;
	size_t capacity, chop;
};

struct bench {
	const struct shape *shape;
	struct loop *loop;
	struct httpd *httpd;
	struct http_conn *client;
	struct leg *client_leg, *server_leg;
	bool gone;
	/* what the last call gave */
	int answers, failures, status;
	char *body;
	size_t n_body;
	/* what handlers did */
	struct http_stream *held;
	int requests;
	struct http_collect *receiving;
	int received, receive_error;
};

static void turn_until(struct bench *b, const int *counter, int wanted)
{
	for (int i = 0; i < TURNS_MOST && *counter < wanted; i++)
		loop_turn(b->loop);
	assert_int_equal(*counter, wanted);
}

static void turn(struct bench *b, int times)
{
	for (int i = 0; i < times; i++)
		loop_turn(b->loop);
}

/* ---- handlers */

static void on_hello(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct bench *b = ctx;

	b->requests++;
	assert_string_equal(http_head_get(head, "x-name"), "value");
	http_stream_answer(s, &(struct http_answer){ .status = 200,
				  .content_type = "text/plain",
				  .body = "hello",
				  .n = 5 });
}

static void on_hold(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct bench *b = ctx;

	(void)head;
	b->requests++;
	b->held = s;
}

/* Sends back what it reads. */
struct echo {
	struct leg *leg;
	uint8_t bytes[3000];
	size_t n, at;
	bool ended;
};

static void echo_on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct echo *e = ctx;
	ssize_t n;

	if (events & LEG_GONE) {
		leg_reset(leg);
		free(e);
		return;
	}
	if (events & LEG_READ && e->at == e->n && !e->ended) {
		n = leg_read(leg, e->bytes, sizeof(e->bytes));
		e->at = 0;
		e->n = n > 0 ? (size_t)n : 0;
		e->ended = !n;
	}
	if (e->at < e->n) {
		n = leg_write(leg, e->bytes + e->at, e->n - e->at);
		e->at += n > 0 ? (size_t)n : 0;
	}
	if (e->ended && e->at == e->n) {
		leg_close(leg);
		free(e);
		return;
	}
	leg_want(leg, e->at < e->n ? LEG_WRITE : LEG_READ);
}

static void on_echo(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct bench *b = ctx;
	struct echo *e = calloc(1, sizeof(*e));

	(void)head;
	b->requests++;
	assert_non_null(e);
	e->leg = http_stream_leg(s);
	assert_int_equal(
	    http_stream_respond(
		s, &(struct http_head){ .status = 200, .length = -1 }, false),
	    0);
	leg_handle(e->leg, echo_on_leg, e);
	leg_want(e->leg, LEG_READ);
}

/* Takes a body of at most 2000 bytes, then answers with it. */
static void on_received(void *ctx, char *body, size_t n, int error)
{
	struct bench *b = ctx;

	b->received++;
	b->receive_error = error;
	b->receiving = NULL;
	http_stream_answer(STEAL(b->held),
	    &(struct http_answer){
		.status = error ? 413 : 200, .body = body, .n = n });
	free(body);
}

static void on_receive(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct bench *b = ctx;

	(void)head;
	b->requests++;
	b->held = s;
	assert_int_equal(
	    http_receive(&b->receiving, s, 2000, 3000, on_received, b), 0);
}

static const struct httpd_route routes[] = {
	{ NULL, "/receive", on_receive },
	{ "GET", "/hello", on_hello },
	{ NULL, "/hold*", on_hold },
	{ "POST", "/echo", on_echo },
	{ "CONNECT", NULL, on_echo },
};

/* ---- the bench */

static void on_gone(void *ctx, const struct fault *fault)
{
	struct bench *b = ctx;

	(void)fault;
	b->gone = true;
	b->client = NULL;
}

static const struct http_conn_events client_events = { .gone = on_gone };

static const struct shape shapes[] = {
	{ "1 whole", HTTP_1, 65536, 0 },
	{ "1 chopped", HTTP_1, 700, 13 },
	{ "2 whole", HTTP_2, 65536, 0 },
	{ "2 chopped", HTTP_2, 700, 13 },
};

/* The server, and the client's half of its leg. */
static void bench_open_server(struct bench *b, size_t capacity)
{
	assert_int_equal(loop_new(&b->loop), 0);
	loop_fake_clock(b->loop, 1000);
	assert_int_equal(
	    httpd_new(&b->httpd, b->loop,
		&(struct httpd_config){
		    .routes = routes, .n_routes = N_ELEMS(routes), .ctx = b }),
	    0);
	assert_int_equal(
	    memleg_pair(&b->client_leg, &b->server_leg, b->loop, capacity), 0);
	httpd_serve(b->httpd, b->server_leg, b->shape->version);
}

static void bench_init(struct bench *b, const struct shape *shape)
{
	struct http_conn_config config = {
		.version = shape->version,
		.end = HTTP_CLIENT,
		.events = &client_events,
		.ctx = b,
	};

	*b = (struct bench){ .shape = shape };
	bench_open_server(b, shape->capacity);
	memleg_chop(b->client_leg, shape->chop, 7);
	assert_int_equal(http_conn_open(&b->client, b->client_leg, &config), 0);
}

static void bench_deinit(struct bench *b)
{
	if (b->held)
		http_stream_abandon(b->held);
	if (b->client)
		http_conn_cut(b->client);
	turn(b, 20);
	httpd_free(b->httpd);
	turn(b, 20);
	free(b->body);
	assert_int_equal(pool_lent(loop_pool(b->loop)), 0);
	loop_free(b->loop);
}

static void on_answer(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct bench *b = ctx;

	if (!answer) {
		assert_true(*fault->text);
		b->failures++;
		return;
	}
	b->answers++;
	b->status = answer->status;
	free(b->body);
	b->body = answer->body;
	b->n_body = answer->n_body;
}

static const struct http_field name_field = { "x-name", "value" };

static struct httpc_call *call(struct bench *b, const char *method,
    const char *target, const char *body, size_t n)
{
	struct httpc_call *c = NULL;

	assert_int_equal(httpc_send(&c, b->client,
			     &(struct httpc_request){ .method = method,
				 .authority = "example",
				 .target = target,
				 .fields = &name_field,
				 .n_fields = 1,
				 .body = body,
				 .n_body = n,
				 .most = 1 << 20,
				 .ms = 5000 },
			     on_answer, b),
	    0);
	return c;
}

static void on_head(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	(void)ctx;
	(void)s;
	(void)head;
	(void)why;
}

/* ---- cases; each is run on every shape */

static void case_get(struct bench *b)
{
	for (int i = 1; i <= 3; i++) {
		call(b, "GET", "/hello", NULL, 0);
		turn_until(b, &b->answers, i);
		assert_int_equal(b->status, 200);
		assert_string_equal(b->body, "hello");
	}
	assert_int_equal(b->requests, 3);
}

static void case_unknown(struct bench *b)
{
	call(b, "GET", "/nothing", NULL, 0);
	turn_until(b, &b->answers, 1);
	assert_int_equal(b->status, 404);
	call(b, "DELETE", "/hello", NULL, 0);
	turn_until(b, &b->answers, 2);
	assert_int_equal(b->status, 405);
}

static void case_echo(struct bench *b)
{
	size_t n = b->shape->chop ? 30000 : 300000;
	char *bytes = malloc(n);

	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 31 >> 3);
	call(b, "POST", "/echo", bytes, n);
	turn_until(b, &b->answers, 1);
	assert_int_equal(b->n_body, n);
	assert_memory_equal(b->body, bytes, n);
	free(bytes);
}

static void case_receive(struct bench *b)
{
	char bytes[2000];

	memset(bytes, 'x', sizeof(bytes));
	call(b, "POST", "/receive", bytes, sizeof(bytes));
	turn_until(b, &b->answers, 1);
	assert_int_equal(b->status, 200);
	assert_int_equal(b->n_body, sizeof(bytes));
	call(b, "GET", "/receive", NULL, 0);
	turn_until(b, &b->answers, 2);
	assert_int_equal(b->status, 200);
	assert_int_equal(b->n_body, 0);
}

static void case_receive_too_much(struct bench *b)
{
	char bytes[2001];

	memset(bytes, 'x', sizeof(bytes));
	call(b, "POST", "/receive", bytes, sizeof(bytes));
	turn_until(b, &b->answers, 1);
	assert_int_equal(b->status, 413);
	assert_int_equal(b->receive_error, -EMSGSIZE);
}

/* A request whose body never ends. */
static struct http_stream *open_request(struct bench *b)
{
	struct http_head head = { .method = "POST",
		.scheme = "https",
		.authority = "example",
		.target = "/receive",
		.length = 100 };
	struct http_stream *s;

	assert_int_equal(
	    http_conn_request(b->client, &head, false, on_head, b, &s), 0);
	turn_until(b, &b->requests, 1);
	return s;
}

static void case_receive_late(struct bench *b)
{
	struct http_stream *s = open_request(b);

	loop_set_now(b->loop, 1000 + 3001);
	turn_until(b, &b->received, 1);
	assert_int_equal(b->receive_error, -ETIMEDOUT);
	turn(b, 200);
	http_stream_abandon(s);
}

static void case_receive_peer_gone(struct bench *b)
{
	struct http_stream *s = open_request(b);

	http_stream_abandon(s);
	turn_until(b, &b->received, 1);
	assert_int_equal(b->receive_error, -ECONNRESET);
}

static void case_receive_cancelled(struct bench *b)
{
	struct http_stream *s = open_request(b);

	http_receive_cancel(b->receiving);
	turn(b, 200);
	assert_int_equal(b->received, 0);
	http_stream_abandon(s);
}

static void case_server_gives_up(struct bench *b)
{
	call(b, "GET", "/hold", NULL, 0);
	turn_until(b, &b->requests, 1);
	http_stream_abandon(b->held);
	b->held = NULL;
	turn_until(b, &b->failures, 1);
}

static void case_client_gives_up(struct bench *b)
{
	struct httpc_call *c = call(b, "GET", "/hold", NULL, 0);

	turn_until(b, &b->requests, 1);
	httpc_cancel(c);
	turn(b, 200);
	/* the handler's stream is still there, and answering is harmless */
	http_stream_answer(b->held,
	    &(struct http_answer){ .status = 200, .body = "x", .n = 1 });
	b->held = NULL;
	turn(b, 200);
	assert_int_equal(b->answers, 0);
}

static void case_connection_goes(struct bench *b)
{
	call(b, "GET", "/hold", NULL, 0);
	turn_until(b, &b->requests, 1);
	httpd_free(b->httpd);
	b->httpd = NULL;
	turn_until(b, &b->failures, 1);
	assert_null(http_stream_conn(b->held));
	assert_int_equal(
	    http_stream_respond(b->held,
		&(struct http_head){ .status = 200, .length = 0 }, true),
	    HTTP_E_STREAM);
}

static void case_late(struct bench *b)
{
	call(b, "GET", "/hold", NULL, 0);
	turn_until(b, &b->requests, 1);
	loop_set_now(b->loop, 1000 + 5001);
	turn_until(b, &b->failures, 1);
}

static void case_idle(struct bench *b)
{
	call(b, "GET", "/hello", NULL, 0);
	turn_until(b, &b->answers, 1);
	turn(b, 200);
	loop_set_now(b->loop, 1000 + 61000);
	turn(b, 2000);
	assert_true(b->gone);
	assert_int_equal(httpd_connections(b->httpd), 0);
}

static void case_connect(struct bench *b)
{
	struct http_head head = { .method = "CONNECT",
		.authority = "bridge.pharos:443",
		.length = -1 };
	struct http_stream *s = NULL;
	struct leg *leg;
	uint8_t seen[16];
	ssize_t n = -EAGAIN;

	assert_int_equal(
	    http_conn_request(b->client, &head, false, NULL, NULL, &s), 0);
	leg = http_stream_leg(s);
	assert_int_equal(leg_write(leg, "early", 5), -EAGAIN);
	for (int i = 0; i < 500 && leg_write(leg, "tunnel", 6) != 6; i++)
		loop_turn(b->loop);
	for (int i = 0; i < 2000 && n == -EAGAIN; i++) {
		loop_turn(b->loop);
		n = leg_read(leg, seen, sizeof(seen));
	}
	assert_true(n > 0);
	assert_memory_equal(seen, "tunnel", (size_t)n);
	leg_finish(leg);
	for (int i = 0; i < 2000 && n != 0; i++) {
		loop_turn(b->loop);
		n = leg_read(leg, seen, sizeof(seen));
	}
	assert_int_equal(n, 0);
	leg_close(leg);
}

/* In HTTP/1.1 whoever refuses it might take its bytes for a request. */
static void case_connect_early(struct bench *b)
{
	struct http_head head = { .method = "CONNECT",
		.authority = "bridge.pharos:443",
		.length = -1,
		.early = true };
	struct http_stream *s = NULL;
	struct leg *leg;
	char seen[16] = "";
	size_t n = 0;
	int r = http_conn_request(b->client, &head, false, NULL, NULL, &s);

	if (b->shape->version == HTTP_1) {
		assert_int_equal(r, -EINVAL);
		return;
	}
	assert_int_equal(r, 0);
	leg = http_stream_leg(s);
	assert_int_equal(leg_write(leg, "early", 5), 5);
	assert_int_equal(http_stream_peek(s, seen, sizeof(seen)), 0);
	for (int i = 0; i < 2000 && n < 5; i++) {
		loop_turn(b->loop);
		n = http_stream_peek(s, seen, sizeof(seen));
	}
	assert_string_equal(seen, "early");
	assert_int_equal(leg_read(leg, seen, sizeof(seen)), 5);
	leg_close(leg);
}

static const struct {
	const char *label;
	void (*run)(struct bench *b);
} cases[] = {
	{ "three requests in a row", case_get },
	{ "no such path, no such method", case_unknown },
	{ "a body there and back", case_echo },
	{ "a body received, then answered", case_receive },
	{ "a body over the limit", case_receive_too_much },
	{ "a body that comes too late", case_receive_late },
	{ "a body whose sender goes", case_receive_peer_gone },
	{ "receiving is given up", case_receive_cancelled },
	{ "the handler gives up", case_server_gives_up },
	{ "the client gives up", case_client_gives_up },
	{ "the connection goes under a handler", case_connection_goes },
	{ "no answer in time", case_late },
	{ "idle connections end", case_idle },
	{ "CONNECT is a leg", case_connect },
	{ "CONNECT with its first bytes", case_connect_early },
};

static void run_cases(enum http_version version)
{
	for (size_t i = 0; i < N_ELEMS(shapes); i++) {
		if (shapes[i].version != version)
			continue;
		for (size_t k = 0; k < N_ELEMS(cases); k++) {
			struct bench b;

			print_message(
			    "# %s: %s\n", shapes[i].label, cases[k].label);
			bench_init(&b, &shapes[i]);
			cases[k].run(&b);
			bench_deinit(&b);
		}
	}
}

static void test_http_1(void **state)
{
	(void)state;
	run_cases(HTTP_1);
}

static void test_http_2(void **state)
{
	(void)state;
	run_cases(HTTP_2);
}

/* A process ends while a peer still has not read its answer. */
static void test_an_answer_that_nobody_reads_ends_with_the_loop(void **state)
{
	static const char ask[] = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n";
	static const char much[1000000] = { 'x' };
	struct bench b = { .shape = &shapes[0] };

	(void)state;
	bench_open_server(&b, 700);
	assert_int_equal(
	    leg_write(b.client_leg, ask, strlen(ask)), strlen(ask));
	turn_until(&b, &b.requests, 1);
	http_stream_answer(STEAL(b.held),
	    &(struct http_answer){
		.status = 200, .body = much, .n = sizeof(much) });
	turn(&b, 50);
	httpd_free(b.httpd);
	leg_close(b.client_leg);
	assert_int_equal(pool_lent(loop_pool(b.loop)), 0);
	loop_free(b.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_1),
		cmocka_unit_test(test_http_2),
		cmocka_unit_test(
		    test_an_answer_that_nobody_reads_ends_with_the_loop),
	};

	return cmocka_run_group_tests_name("net/http", tests, NULL, NULL);
}
