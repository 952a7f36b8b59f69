/* net/test-httpconn.c: deadlines, orderly ends and limits of a connection, by a
 * fake clock. */
#include "net/test-httpbench.h"

static uint64_t clock_ms;

static void pass(struct bench *b, unsigned ms)
{
	bench_turns(b, 20);
	clock_ms += ms;
	loop_set_now(loop, clock_ms);
	bench_turns(b, 20);
}

static int clock_setup(void **state)
{
	int r = tls_setup(state);

	clock_ms = 1000;
	if (!r)
		loop_fake_clock(loop, clock_ms);
	return r;
}

static void feed_wire(struct bench *b, const char *text)
{
	assert_int_equal(leg_write(b->wire.leg[1], text, strlen(text)),
	    (ssize_t)strlen(text));
	bench_turns(b, 10);
}

static void test_head_deadline(void **state)
{
	static const struct {
		const char *label, *sent;
		enum http_version version;
		bool cut;
	} rows[] = {
		{ "nothing yet", "", HTTP_1, false },
		{ "half a head", "GET / HT", HTTP_1, true },
		{ "half a preface", "PRI * H", HTTP_2, true },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct bench b;

		print_message("# %s\n", rows[i].label);
		bench_open(&b, rows[i].version, plain);
		b.wire.stuck = true; /* the real client says nothing */
		feed_wire(&b, rows[i].sent);
		pass(&b, HTTP_HEAD_MS - 1);
		assert_int_equal(b.server_gone, 0);
		pass(&b, 2);
		assert_int_equal(b.server_gone, rows[i].cut);
		bench_close(&b);
	}
}

static void test_head_deadline_is_not_moved_by_bytes(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, HTTP_1, plain);
	b.wire.stuck = true;
	feed_wire(&b, "GET / HTTP/1.1\r\n");
	for (unsigned i = 0; i < 9; i++) {
		pass(&b, 1000);
		feed_wire(&b, "A: b\r\n");
	}
	assert_int_equal(b.server_gone, 0);
	pass(&b, 1001);
	assert_int_equal(b.server_gone, 1);
	bench_close(&b);
}

static void test_pings(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, HTTP_2, (struct http_conn_config){ .ping_ms = 15000 });
	for (unsigned i = 0; i < 20; i++)
		pass(&b, 15001);
	assert_int_equal(b.client_gone + b.server_gone, 0);
	b.wire.stuck = true;
	pass(&b, 15001);
	pass(&b, 15001);
	assert_int_equal(b.client_gone, 0);
	pass(&b, 15001);
	assert_int_equal(b.client_gone, 1);
	assert_true(*b.fault.text && *b.fault.hint);
	bench_close(&b);
}

static void test_stall(void **state)
{
	struct bench b;
	struct end c = { .to_send = 1 << 30 };

	(void)state;
	bench_open(&b, HTTP_1, plain);
	b.wire.stuck = true;
	end_start(&c, http_stream_leg(ask(&b, "POST", false)));
	pass(&b, HTTP_STALL_MS - 1);
	assert_int_equal(b.client_gone, 0);
	pass(&b, 2);
	assert_int_equal(b.client_gone, 1);
	assert_true(c.gone);
	leg_close(c.leg);
	bench_close(&b);
}

static void test_orderly_close(void **state)
{
	static const struct {
		const char *label;
		enum http_version version;
		bool answered;
	} rows[] = {
		{ "1, a stream that ends", HTTP_1, true },
		{ "1, a stream that does not", HTTP_1, false },
		{ "2, a stream that ends", HTTP_2, true },
		{ "2, a stream that does not", HTTP_2, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct bench b;
		struct http_stream *s;

		print_message("# %s\n", rows[i].label);
		bench_open(&b, rows[i].version, plain);
		s = ask(&b, "GET", true);
		BENCH_UNTIL(&b, b.requests == 1);
		http_conn_close(b.server, 3000);
		pass(&b, 2999);
		assert_int_equal(b.server_gone, 0);
		if (rows[i].answered)
			http_stream_answer(STEAL(b.held[0]),
			    &(struct http_answer){
				.status = 200, .body = "x", .n = 1 });
		pass(&b, rows[i].answered ? 0 : 2);
		BENCH_UNTIL(&b, b.server_gone && b.client_gone);
		assert_int_equal(b.responses, rows[i].answered);
		assert_int_equal(b.lost, !rows[i].answered);
		http_stream_abandon(s);
		bench_close(&b);
	}
}

/* ---- limits */

static void test_streams_of_a_connection(void **state)
{
	struct bench b;
	struct http_stream *s[2], *none;
	const struct http_head get = {
		.method = "GET", .authority = "h", .target = "/", .length = -1
	};

	(void)state;
	bench_open(&b, HTTP_2, (struct http_conn_config){ .streams_max = 2 });
	bench_turns(&b, 10);
	s[0] = ask(&b, "GET", true);
	s[1] = ask(&b, "GET", true);
	assert_int_equal(
	    http_conn_request(b.client, &get, true, on_response, &b, &none),
	    HTTP_E_BUSY);
	BENCH_UNTIL(&b, b.requests == 2);
	http_stream_answer(
	    STEAL(b.held[0]), &(struct http_answer){ .status = 200 });
	BENCH_UNTIL(&b, b.responses == 1);
	bench_turns(&b, 10);
	http_stream_abandon(s[0]);
	s[0] = ask(&b, "GET", true);
	BENCH_UNTIL(&b, b.requests == 3);
	http_stream_abandon(s[0]);
	http_stream_abandon(s[1]);
	bench_close(&b);
}

static void test_nonsense_from_the_peer(void **state)
{
	static const struct {
		const char *label, *sent;
		enum http_version version;
		const char *answered; /* begins with */
	} rows[] = {
		{ "not HTTP", "\x16\x03\x01\x02", HTTP_1, "HTTP/1.1 400 " },
		{ "HTTP/2 where HTTP/1.1 was agreed",
		    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_1,
		    "HTTP/1.1 400 " },
		{ "HTTP/1.1 where HTTP/2 was agreed",
		    "GET / HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_2, "" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct bench b;
		char said[1024] = "";
		ssize_t n;

		print_message("# %s\n", rows[i].label);
		bench_open(&b, rows[i].version, plain);
		b.wire.stuck = true;
		feed_wire(&b, rows[i].sent);
		assert_int_equal(b.server_gone, 1);
		n = leg_read(b.wire.leg[1], said, sizeof(said) - 1);
		assert_true(n > 0);
		assert_memory_equal(
		    said, rows[i].answered, strlen(rows[i].answered));
		assert_int_equal(b.requests, 0);
		bench_close(&b);
	}
}

int main(void)
{
#define TEST(test)                                                             \
	cmocka_unit_test_setup_teardown(test, clock_setup, tls_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_head_deadline),
		TEST(test_head_deadline_is_not_moved_by_bytes),
		TEST(test_pings),
		TEST(test_stall),
		TEST(test_orderly_close),
		TEST(test_streams_of_a_connection),
		TEST(test_nonsense_from_the_peer),
	};

	return cmocka_run_group_tests_name("net/httpconn", tests, NULL, NULL);
}
