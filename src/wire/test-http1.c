#include "wire/http1.h"
#include "wire/test-http.h"

#define H	     "Host: h\r\n"
#define GET	     "GET / HTTP/1.1\r\n" H
#define POST	     "POST / HTTP/1.1\r\n" H
#define CHUNKED	     POST "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_HEAD "head 1 POST h /\n"

static struct pool *pool;

static int set_up(void **state)
{
	(void)state;
	return pool_new(&pool, 4096, 16);
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(pool_lent(pool), 0);
	pool_free(pool);
	return 0;
}

static void feed_text(struct recorder *r, const char *text)
{
	assert_int_equal(http_feed(r->machine, text, strlen(text)), 0);
}

static void expect_output(struct recorder *r, const char *want)
{
	char text[8192];
	size_t n = recorder_pull(r, text, sizeof(text) - 1, 0);

	text[n] = '\0';
	assert_string_equal(text, want);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define OK	OK_HEAD "content-length: 2\r\n\r\nok"
#define OK_LAST OK_HEAD "content-length: 2\r\nconnection: close\r\n\r\nok"

static void test_keep_alive_and_pipelining(void **state)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);

	(void)state;
	r->answers = true;
	feed_text(r, GET "\r\n" POST "Content-Length: 1\r\n\r\nx" GET
			 "Connection: close\r\n\r\n" GET "\r\n");
	expect_output(r, OK OK OK_LAST);
	assert_int_equal(r->heads, 3);
	assert_true(http_over(r->machine));
	assert_false(http_broken(r->machine));
	recorder_free(r);
}

static void test_old_version_closes(void **state)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);
	const struct http_head head = { .status = 200, .length = -1 };

	(void)state;
	feed_text(r, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(http_respond(r->machine, 1, &head, false), 0);
	assert_int_equal(http_write(r->machine, 1, "a", 1), 1);
	http_finish(r->machine, 1);
	expect_output(r, OK_HEAD "connection: close\r\n\r\na");
	assert_true(http_over(r->machine));
	recorder_free(r);
}

static const struct http_field retry_after = { "retry-after", "3" };
static const struct {
	const char *label, *method, *want;
	int status;
	int64_t length;
	bool ended;
} answers[] = {
	{ "nothing", "GET",
	    OK_HEAD "retry-after: 3\r\n"
		    "content-length: 0\r\n\r\n",
	    200, -1, true },
	{ "sized", "GET",
	    OK_HEAD "retry-after: 3\r\n"
		    "content-length: 3\r\n\r\nabc",
	    200, 3, false },
	{ "chunked", "GET",
	    OK_HEAD "retry-after: 3\r\n"
		    "transfer-encoding: chunked\r\n\r\n"
		    "3\r\nabc\r\n0\r\n\r\n",
	    200, -1, false },
	{ "204", "GET",
	    "HTTP/1.1 204 No Content\r\n"
	    "retry-after: 3\r\n\r\n",
	    204, -1, true },
	{ "HEAD, as if sized", "HEAD",
	    OK_HEAD "retry-after: 3\r\n"
		    "content-length: 3\r\n"
		    "\r\n",
	    200, 3, false },
	{ "HEAD, ended", "HEAD",
	    OK_HEAD "retry-after: 3\r\n"
		    "content-length: 3\r\n\r\n",
	    200, 3, true },
	{ "a status without words", "GET",
	    "HTTP/1.1 299 \r\n"
	    "retry-after: 3\r\n"
	    "content-length: 0\r\n\r\n",
	    299, -1, true },
};

static void test_answers_on_the_wire(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(answers); i++) {
		struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);
		const struct http_head head = { .status = answers[i].status,
			.length = answers[i].length,
			.fields = &retry_after,
			.n_fields = 1 };

		print_message("# %s\n", answers[i].label);
		feed_text(r, answers[i].method);
		feed_text(r, " / HTTP/1.1\r\n" H "\r\n");
		assert_int_equal(
		    http_respond(r->machine, 1, &head, answers[i].ended), 0);
		if (!answers[i].ended)
			assert_int_equal(
			    http_write(r->machine, 1, "abc", 3), 3);
		http_finish(r->machine, 1);
		expect_output(r, answers[i].want);
		assert_int_equal(http_streams(r->machine), 0);
		assert_true(http_hungry(r->machine));
		recorder_free(r);
	}
}

static void test_unsendable_heads(void **state)
{
	static const struct http_field rows[] = {
		{ "a", "b\r\nc: d" },
		{ "a", "b\n" },
		{ "a", " b" },
		{ "a\r\nb", "c" },
		{ "A", "upper case" },
		{ "", "no name" },
		{ "host", "x" },
		{ "content-length", "5" },
		{ "transfer-encoding", "chunked" },
	};
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);

	(void)state;
	feed_text(r, GET "\r\n");
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const struct http_head head = { .status = 200,
			.length = -1,
			.fields = &rows[i],
			.n_fields = 1 };

		if (http_respond(r->machine, 1, &head, true) != -EINVAL)
			fail_msg("%s: %s", rows[i].name, rows[i].value);
	}
	expect_output(r, "");
	recorder_free(r);
}

static void test_length_is_kept(void **state)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);
	const struct http_head head = { .status = 200, .length = 3 };

	(void)state;
	feed_text(r, GET "\r\n");
	assert_int_equal(http_respond(r->machine, 1, &head, false), 0);
	assert_int_equal(http_write(r->machine, 1, "abcd", 4), -EMSGSIZE);
	assert_int_equal(http_write(r->machine, 1, "ab", 2), 2);
	assert_int_equal(http_write(r->machine, 1, "cd", 2), -EMSGSIZE);
	http_finish(r->machine, 1);
	assert_true(http_over(r->machine)); /* one byte short: cut */
	assert_true(http_broken(r->machine));
	assert_int_equal(http_write(r->machine, 1, "c", 1), -EPIPE);
	recorder_free(r);
}

static void test_continue(void **state)
{
	static const struct {
		const char *label, *head, *want;
	} rows[] = {
		{ "a body is waited for",
		    "HTTP/1.1\r\n" H "Content-Length: 2\r\n",
		    "HTTP/1.1 100 Continue\r\n\r\n" },
		{ "no body", "HTTP/1.1\r\n" H, "" },
		{ "1.0", "HTTP/1.0\r\n" H "Content-Length: 2\r\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);

		print_message("# %s\n", rows[i].label);
		feed_text(r, "POST / ");
		feed_text(r, rows[i].head);
		feed_text(r, "Expect: 100-Continue\r\n\r\n");
		expect_output(r, rows[i].want);
		recorder_free(r);
	}
}

static void test_early_answer_then_reset(void **state)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);

	(void)state;
	feed_text(r, POST "Content-Length: 9\r\n\r\nabc");
	trace_answer(r, 1);
	assert_int_equal(http_streams(r->machine), 1);
	http_reset(r->machine, 1); /* the rest of the body is not wanted */
	expect_output(r, OK);
	assert_true(http_over(r->machine));
	assert_false(http_broken(r->machine));
	recorder_free(r);
}

static void test_reset_in_the_middle(void **state)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);
	const struct http_head head = { .status = 200, .length = -1 };

	(void)state;
	feed_text(r, GET "\r\n");
	assert_int_equal(http_respond(r->machine, 1, &head, false), 0);
	assert_int_equal(http_write(r->machine, 1, "abc", 3), 3);
	http_reset(r->machine, 1);
	expect_output(r, "");
	assert_true(http_over(r->machine));
	assert_true(http_broken(r->machine));
	assert_string_equal(trace_of(r), "head 1 GET h / ended\n");
	recorder_free(r);
}

static void test_output_has_a_limit(void **state)
{
	static char body[2 * HTTP_STREAM_BUFFER];
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);
	const struct http_head head = { .status = 200, .length = -1 };
	char out[4096];
	ssize_t n;

	(void)state;
	feed_text(r, GET "\r\n");
	assert_int_equal(http_respond(r->machine, 1, &head, false), 0);
	n = http_write(r->machine, 1, body, sizeof(body));
	assert_true(n > 0 && n <= HTTP_STREAM_BUFFER);
	assert_int_equal(http_write(r->machine, 1, body, 1), 0);
	assert_int_equal(r->rooms, 0);
	while (!r->rooms)
		assert_true(http_pull(r->machine, out, sizeof(out)) > 0);
	assert_int_equal(http_write(r->machine, 1, body, 1), 1);
	recorder_free(r);
}

/* A client whose request does not go out still hears what the server says, or
 * the two would wait for each other. */
static void test_full_output_does_not_stop_a_client(void **state)
{
	static char body[2 * HTTP_STREAM_BUFFER];
	struct recorder *r = recorder_new(pool, HTTP_CLIENT, http1_new);
	const struct http_head put = {
		.method = "PUT", .authority = "h", .target = "/", .length = -1
	};
	uint32_t id;

	(void)state;
	assert_int_equal(http_request(r->machine, &put, false, &id), 0);
	assert_true(http_write(r->machine, id, body, sizeof(body)) > 0);
	feed_text(r, "HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(trace_of(r), "head 1 413 length=0 ended\n");
	recorder_free(r);
}

static void test_unread_bytes_stop_the_feeding(void **state)
{
	static char body[HTTP_FEED_MAX];
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);

	(void)state;
	r->hoards = true;
	memset(body, 'x', sizeof(body));
	feed_text(r, POST "Content-Length: 200000\r\n\r\n");
	assert_true(http_hungry(r->machine));
	assert_int_equal(http_feed(r->machine, body, sizeof(body)), 0);
	assert_false(http_hungry(r->machine));
	http_credit(r->machine, 1, 1);
	assert_true(http_hungry(r->machine));
	recorder_free(r);
}

static void test_peer_goes(void **state)
{
	static const struct {
		const char *label, *in, *trace;
		bool over;
	} rows[] = {
		{ "between requests", "", "", true },
		{ "in a head", "GET / HT", "", true },
		{ "in a body", POST "Content-Length: 2\r\n\r\nx",
		    "head 1 POST h / length=2\nbody 1 x\nreset 1 peer\n",
		    true },
		{ "in a chunked body", CHUNKED "1\r\nx\r\n",
		    CHUNKED_HEAD "body 1 x\nreset 1 peer\n", true },
		{ "after a request: it still reads", GET "\r\n",
		    "head 1 GET h / ended\n", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);

		print_message("# %s\n", rows[i].label);
		if (*rows[i].in)
			feed_text(r, rows[i].in);
		assert_int_equal(http_feed(r->machine, NULL, 0), 0);
		assert_string_equal(trace_of(r), rows[i].trace);
		assert_int_equal(http_over(r->machine), rows[i].over);
		if (!rows[i].over) {
			trace_answer(r, 1);
			expect_output(r, OK_LAST);
			assert_true(http_over(r->machine));
		}
		recorder_free(r);
	}
}

static void test_midhead(void **state)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);

	(void)state;
	r->answers = true;
	assert_false(http_midhead(r->machine));
	feed_text(r, "G");
	assert_true(http_midhead(r->machine));
	feed_text(r, "ET / HTTP/1.1\r\n" H "\r\n");
	assert_false(http_midhead(r->machine));
	feed_text(r, "\r");
	assert_true(http_midhead(r->machine));
	recorder_free(r);
}

static void test_goaway(void **state)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);

	(void)state;
	feed_text(r, GET "\r\n");
	http_goaway(r->machine);
	trace_answer(r, 1);
	expect_output(r, OK_LAST);
	assert_true(http_over(r->machine));
	recorder_free(r);
	r = recorder_new(pool, HTTP_SERVER, http1_new);
	http_goaway(r->machine);
	assert_true(http_over(r->machine));
	recorder_free(r);
}

/* Tunnels. */

static const struct http_head connect_head = {
	.method = "CONNECT", .authority = "b.pharos:443", .length = -1
};
static const struct http_head tunnel_head = { .status = 200, .length = -1 };

static void test_tunnel(void **state)
{
	struct recorder *c = recorder_new(pool, HTTP_CLIENT, http1_new),
			*s = recorder_new(pool, HTTP_SERVER, http1_new);
	uint32_t stream;

	(void)state;
	assert_int_equal(
	    http_request(c->machine, &connect_head, false, &stream), 0);
	assert_int_equal(http_write(c->machine, stream, "x", 1), 0);
	join(c, s, 5, 1);
	assert_int_equal(c->rooms, 0);
	assert_int_equal(http_respond(s->machine, 1, &tunnel_head, false), 0);
	assert_int_equal(http_write(s->machine, 1, "hello", 5), 5);
	join(c, s, 5, 1);
	assert_int_equal(c->rooms, 1);
	assert_int_equal(http_write(c->machine, 1, "GET", 3), 3);
	http_finish(c->machine, 1); /* our half only */
	join(c, s, 5, 1);
	assert_false(http_over(s->machine));
	assert_int_equal(http_write(s->machine, 1, "!", 1), 1);
	http_finish(s->machine, 1);
	join(c, s, 5, 1);
	assert_string_equal(
	    s->text, "head 1 CONNECT b.pharos:443 -\nbody 1 GET\nend 1\n");
	assert_string_equal(trace_of(c), "head 1 200\nbody 1 hello!\nend 1\n");
	assert_true(http_over(c->machine) && http_over(s->machine));
	assert_false(http_broken(c->machine) || http_broken(s->machine));
	recorder_free(c);
	recorder_free(s);
}

static void test_early_tunnel_bytes(void **state)
{
	struct recorder *s = recorder_new(pool, HTTP_SERVER, http1_new);

	(void)state;
	feed_text(s, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nearly");
	assert_false(http_hungry(s->machine));
	assert_int_equal(http_respond(s->machine, 1, &tunnel_head, false), 0);
	expect_output(s, "HTTP/1.1 200 OK\r\n\r\n");
	assert_string_equal(
	    trace_of(s), "head 1 CONNECT a:1 -\nbody 1 early\n");
	recorder_free(s);
}

/* What came behind a refused CONNECT must never be read as a request. */
static void test_refused_connect_ends(void **state)
{
	struct recorder *s = recorder_new(pool, HTTP_SERVER, http1_new);
	const struct http_head head = { .status = 407, .length = -1 };

	(void)state;
	feed_text(s, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n" GET "\r\n");
	assert_int_equal(http_respond(s->machine, 1, &head, true), 0);
	expect_output(s, "HTTP/1.1 407 Proxy Authentication Required\r\n"
			 "content-length: 0\r\nconnection: close\r\n\r\n");
	assert_int_equal(s->heads, 1);
	assert_true(http_over(s->machine));
	recorder_free(s);
}

static void test_client_requests_on_the_wire(void **state)
{
	static const struct http_field field = { "x-a", "b" };
	static const struct {
		const char *label, *method;
		int64_t length;
		bool ended;
		const char *want;
	} rows[] = {
		{ "GET", "GET", -1, true,
		    "GET /t HTTP/1.1\r\nhost: h:1\r\n"
		    "x-a: b\r\n\r\n" },
		{ "POST of nothing", "POST", -1, true,
		    "POST /t HTTP/1.1\r\nhost: h:1\r\nx-a: b\r\n"
		    "content-length: 0\r\n\r\n" },
		{ "sized", "PUT", 2, false,
		    "PUT /t HTTP/1.1\r\nhost: h:1\r\n"
		    "x-a: b\r\ncontent-length: 2\r\n"
		    "\r\nab" },
		{ "chunked", "PUT", -1, false,
		    "PUT /t HTTP/1.1\r\nhost: h:1\r\nx-a: b\r\n"
		    "transfer-encoding: chunked\r\n\r\n"
		    "2\r\nab\r\n0\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct recorder *c = recorder_new(pool, HTTP_CLIENT, http1_new);
		const struct http_head head = { .method = rows[i].method,
			.authority = "h:1",
			.target = "/t",
			.length = rows[i].length,
			.fields = &field,
			.n_fields = 1 };
		uint32_t id;

		print_message("# %s\n", rows[i].label);
		assert_int_equal(
		    http_request(c->machine, &head, rows[i].ended, &id), 0);
		assert_int_equal(
		    http_request(c->machine, &head, true, &id), HTTP_E_BUSY);
		if (!rows[i].ended)
			assert_int_equal(
			    http_write(c->machine, id, "ab", 2), 2);
		http_finish(c->machine, id);
		expect_output(c, rows[i].want);
		feed_text(c, "HTTP/1.1 204 X\r\n\r\n");
		assert_int_equal(http_request(c->machine, &head, true, &id), 0);
		assert_int_equal(id, 2);
		recorder_free(c);
	}
}

static void test_answer_until_the_end(void **state)
{
	struct recorder *c = recorder_new(pool, HTTP_CLIENT, http1_new);
	const struct http_head head = {
		.method = "GET", .authority = "h", .target = "/", .length = -1
	};
	uint32_t id;

	(void)state;
	assert_int_equal(http_request(c->machine, &head, true, &id), 0);
	feed_text(c, "HTTP/1.1 200 OK\r\n\r\nabc");
	assert_int_equal(http_feed(c->machine, NULL, 0), 0);
	assert_string_equal(trace_of(c), "head 1 200\nbody 1 abc\nend 1\n");
	assert_int_equal(
	    http_request(c->machine, &head, true, &id), HTTP_E_OVER);
	recorder_free(c);
}

static void test_interim_without_end(void **state)
{
	struct recorder *c = recorder_new(pool, HTTP_CLIENT, http1_new);
	uint64_t hits = http_limit_hits(HTTP_LIMIT_INTERIM);
	const struct http_head head = {
		.method = "GET", .authority = "h", .target = "/", .length = -1
	};
	uint32_t id;

	(void)state;
	assert_int_equal(http_request(c->machine, &head, true, &id), 0);
	for (unsigned i = 0; i < HTTP_INTERIM_MAX; i++)
		feed_text(c, "HTTP/1.1 102 X\r\n\r\n");
	assert_string_equal(trace_of(c), "");
	feed_text(c, "HTTP/1.1 102 X\r\n\r\n");
	assert_string_equal(trace_of(c), "reset 1 limit\n");
	assert_int_equal(http_limit_hits(HTTP_LIMIT_INTERIM), hits + 1);
	recorder_free(c);
}

/* A client and a server, joined with random cuts: many bodies, both framings.
 */
static void test_pair(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 60; seed++) {
		struct recorder *c = recorder_new(pool, HTTP_CLIENT, http1_new),
				*s = recorder_new(pool, HTTP_SERVER, http1_new);
		uint32_t random = seed, id;

		s->answers = true;
		for (unsigned i = 1; i <= 8; i++) {
			size_t size = test_random(&random) % 3000;
			bool sized = test_random(&random) % 2;
			struct http_head head = { .method = "POST",
				.authority = "h",
				.target = "/",
				.length = sized ? (int64_t)size : -1 };

			assert_int_equal(
			    http_request(c->machine, &head, false, &id), 0);
			for (size_t k = 0; k < size; k++)
				assert_int_equal(
				    http_write(c->machine, id, "x", 1), 1);
			http_finish(c->machine, id);
			join(c, s, 1 + test_random(&random) % 300, random);
			assert_int_equal(c->ends, i);
			assert_int_equal(s->n_bodies, size);
			s->n_bodies = 0;
		}
		recorder_free(c);
		recorder_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keep_alive_and_pipelining),
		cmocka_unit_test(test_old_version_closes),
		cmocka_unit_test(test_answers_on_the_wire),
		cmocka_unit_test(test_unsendable_heads),
		cmocka_unit_test(test_length_is_kept),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_early_answer_then_reset),
		cmocka_unit_test(test_reset_in_the_middle),
		cmocka_unit_test(test_output_has_a_limit),
		cmocka_unit_test(test_full_output_does_not_stop_a_client),
		cmocka_unit_test(test_unread_bytes_stop_the_feeding),
		cmocka_unit_test(test_peer_goes),
		cmocka_unit_test(test_midhead),
		cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_early_tunnel_bytes),
		cmocka_unit_test(test_refused_connect_ends),
		cmocka_unit_test(test_client_requests_on_the_wire),
		cmocka_unit_test(test_answer_until_the_end),
		cmocka_unit_test(test_interim_without_end),
		cmocka_unit_test(test_pair),
	};

	return cmocka_run_group_tests_name("http1", tests, set_up, tear_down);
}
