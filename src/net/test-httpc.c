/* net/test-httpc.c: whole requests and whole answers, and each way in which
 * there is none. The server is bytes written by hand, so that it can do what
 * ours never would. */
#include "net/httpc.h"
#include "net/test-tls-support.h"

struct bench {
	struct leg *far; /* where the test plays the server */
	struct http_conn *conn;
	struct httpc_call *call;
	int answers, failures, gone;
	int status, code;
	char *body;
	char content_type[80], retry_after[24], fault[FAULT_TEXT_MAX];
};

static uint64_t clock_ms;

static int setup(void **state)
{
	int r = tls_setup(state);

	clock_ms = 1000;
	if (!r)
		loop_fake_clock(loop, clock_ms);
	return r;
}

static void turns(void)
{
	for (int i = 0; i < 30; i++)
		loop_turn(loop);
}

static void on_gone(void *ctx, const struct fault *fault)
{
	struct bench *b = ctx;

	(void)fault;
	b->gone++;
	b->conn = NULL;
}

static const struct http_conn_events events = { .gone = on_gone };

static void bench_open(struct bench *b)
{
	const struct http_conn_config config = { .version = HTTP_1,
		.end = HTTP_CLIENT,
		.events = &events,
		.ctx = b };
	struct leg *near;

	*b = (struct bench){ .status = 0 };
	assert_int_equal(memleg_pair(&near, &b->far, loop, 1 << 20), 0);
	assert_int_equal(http_conn_open(&b->conn, near, &config), 0);
}

static void bench_close(struct bench *b)
{
	if (b->conn)
		http_conn_cut(b->conn);
	leg_close(b->far);
	turns();
	free(b->body);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
}

static void on_answer(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct bench *b = ctx;

	b->call = NULL;
	if (!answer) {
		b->failures++;
		b->code = fault->code;
		snprintf(b->fault, sizeof(b->fault), "%s", fault->text);
		return;
	}
	b->answers++;
	b->status = answer->status;
	free(b->body);
	b->body = answer->body;
	memcpy(b->content_type, answer->content_type, 80);
	memcpy(b->retry_after, answer->retry_after, 24);
}

static int send_call(struct bench *b, const void *body, size_t n)
{
	const struct httpc_request request = { .method = n ? "PUT" : "GET",
		.authority = "h",
		.target = "/v1/x",
		.body = body,
		.n_body = n,
		.most = 1000,
		.ms = 5000 };

	return httpc_send(&b->call, b->conn, &request, on_answer, b);
}

static void serve(struct bench *b, const char *text)
{
	assert_int_equal(
	    leg_write(b->far, text, strlen(text)), (ssize_t)strlen(text));
	turns();
}

#define HEAD "HTTP/1.1 200 OK\r\n"

static void test_answers(void **state)
{
	static const struct {
		const char *label, *said;
		int status;
		const char *body, *content_type, *retry_after;
	} rows[] = {
		{ "a body",
		    HEAD "Content-Length: 2\r\nContent-Type: a/b\r\n"
			 "\r\nok",
		    200, "ok", "a/b", "" },
		{ "no body", HEAD "Content-Length: 0\r\n\r\n", 200, "", "",
		    "" },
		{ "204", "HTTP/1.1 204 X\r\n\r\n", 204, "", "", "" },
		{ "503 with a hint",
		    "HTTP/1.1 503 X\r\nRetry-After: 3\r\n"
		    "Content-Length: 4\r\n\r\nbusy",
		    503, "busy", "", "3" },
		{ "chunks",
		    HEAD "Transfer-Encoding: chunked\r\n\r\n"
			 "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
		    200, "abc", "", "" },
		{ "an interim head first",
		    "HTTP/1.1 103 X\r\n\r\n" HEAD "Content-Length: 1\r\n\r\nx",
		    200, "x", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct bench b;

		print_message("# %s\n", rows[i].label);
		bench_open(&b);
		assert_int_equal(send_call(&b, NULL, 0), 0);
		assert_int_equal(send_call(&b, NULL, 0), HTTP_E_BUSY);
		turns();
		serve(&b, rows[i].said);
		assert_int_equal(b.answers, 1);
		assert_int_equal(b.status, rows[i].status);
		assert_string_equal(b.body, rows[i].body);
		assert_string_equal(b.content_type, rows[i].content_type);
		assert_string_equal(b.retry_after, rows[i].retry_after);
		/* and the connection is good for another */
		assert_int_equal(send_call(&b, NULL, 0), 0);
		turns();
		serve(&b, HEAD "Content-Length: 0\r\n\r\n");
		assert_int_equal(b.answers, 2);
		bench_close(&b);
	}
}

static void test_failures(void **state)
{
	static const struct {
		const char *label, *said;
		bool ends; /* the server closes after that */
		unsigned ms;
		int code;
		const char *text;
	} rows[] = {
		{ "nothing said, closed", "", true, 0, -ECONNRESET,
		    "GET /v1/x at h: " },
		{ "half a head", HEAD, true, 0, -ECONNRESET, "GET /v1/x at h" },
		{ "half a body", HEAD "Content-Length: 9\r\n\r\nabc", true, 0,
		    -ECONNRESET, "broke off" },
		{ "half a chunk",
		    HEAD "Transfer-Encoding: chunked\r\n\r\n"
			 "5\r\nab",
		    true, 0, -ECONNRESET, "broke off" },
		{ "not HTTP", "SSH-2.0-OpenSSH\r\n", false, 0, -ECONNRESET,
		    "rules of HTTP" },
		{ "a body over the limit",
		    HEAD "Content-Length: 1001\r\n\r\n%01001d", false, 0,
		    -EMSGSIZE, "too large" },
		{ "no head in time", "", false, 5001, -ETIMEDOUT, "in time" },
		{ "no body in time", HEAD "Content-Length: 9\r\n\r\nab", false,
		    5001, -ETIMEDOUT, "in time" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct bench b;
		char said[4096];

		print_message("# %s\n", rows[i].label);
		bench_open(&b);
		assert_int_equal(send_call(&b, NULL, 0), 0);
		turns();
		if (strchr(rows[i].said, '%'))
			snprintf(said, sizeof(said),
			    HEAD "Content-Length: 1001\r\n\r\n%01001d", 0);
		else
			snprintf(said, sizeof(said), "%s", rows[i].said);
		serve(&b, said);
		if (rows[i].ends) {
			leg_finish(b.far);
			turns();
		}
		clock_ms += rows[i].ms;
		loop_set_now(loop, clock_ms);
		turns();
		assert_int_equal(b.failures, 1);
		assert_int_equal(b.answers, 0);
		if (b.code != rows[i].code || !strstr(b.fault, rows[i].text))
			fail_msg("%d: %s", b.code, b.fault);
		bench_close(&b);
	}
}

/* Cancelled at each of its stages: no call comes, nothing is left. */
static void test_cancel(void **state)
{
	static const char *const stages[] = { "", HEAD,
		HEAD "Content-Length: 9\r\n\r\n",
		HEAD "Content-Length: 9\r\n\r\nabc" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(stages); i++) {
		for (size_t body = 0; body <= 300000; body += 300000) {
			static char bytes[300000];
			struct bench b;

			bench_open(&b);
			assert_int_equal(send_call(&b, bytes, body), 0);
			turns();
			serve(&b, stages[i]);
			httpc_cancel(b.call);
			turns();
			assert_int_equal(b.answers + b.failures, 0);
			bench_close(&b);
		}
	}
}

static size_t drain(struct leg *leg)
{
	static char bytes[65536];
	size_t all = 0;

	for (;;) {
		ssize_t n = leg_read(leg, bytes, sizeof(bytes));

		if (n <= 0)
			return all;
		all += (size_t)n;
		turns();
	}
}

static void test_large_request(void **state)
{
	static char bytes[3 << 20];
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(send_call(&b, bytes, sizeof(bytes)), 0);
	turns();
	assert_true(drain(b.far) > sizeof(bytes));
	serve(&b, HEAD "Content-Length: 2\r\n\r\nok");
	assert_int_equal(b.answers, 1);
	bench_close(&b);
}

/* The answer comes while the request is still going out. */
static void test_answer_before_the_request_is_out(void **state)
{
	static char bytes[3 << 20];
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(send_call(&b, bytes, sizeof(bytes)), 0);
	turns();
	serve(&b, "HTTP/1.1 413 X\r\nContent-Length: 5\r\n"
		  "Connection: close\r\n\r\nlarge");
	assert_int_equal(b.answers, 1);
	assert_int_equal(b.status, 413);
	assert_string_equal(b.body, "large");
	turns();
	assert_int_equal(b.gone, 1); /* it cannot be used again */
	bench_close(&b);
}

static void test_unsendable(void **state)
{
	static const struct http_field bad = { "x-token", "a\r\nHost: evil" };
	const struct httpc_request request = { .method = "GET",
		.authority = "h",
		.target = "/",
		.fields = &bad,
		.n_fields = 1,
		.most = 10,
		.ms = 10 };
	struct httpc_call *call;
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(
	    httpc_send(&call, b.conn, &request, on_answer, &b), -EINVAL);
	assert_int_equal(send_call(&b, NULL, 0), 0);
	httpc_cancel(b.call);
	bench_close(&b);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, tls_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_failures),
		TEST(test_cancel),
		TEST(test_large_request),
		TEST(test_answer_before_the_request_is_out),
		TEST(test_unsendable),
	};

	return cmocka_run_group_tests_name("net/httpc", tests, NULL, NULL);
}
