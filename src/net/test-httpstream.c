/* net/test-httpstream.c: streams as legs under attack: cut at every byte, slow
 * readers, early answers, half-close, TLS inside a tunnel. */
#include "net/httpconn.h"
#include "net/pump.h"
#include "net/test-httpbench.h"

/* ---- cut at every byte */

enum { CUT_BODY = 40 };

/* A request with a body and its answer, both with a pattern; the wire is cut
 * after @cut_at bytes. Whatever happens, everybody hears of it. */
static size_t exchange_cut(
    enum http_version version, const char *method, size_t cut_at, bool ends)
{
	struct bench b;
	struct end c = { .to_send = CUT_BODY }, s = { .to_send = CUT_BODY };
	size_t moved;
	bool whole;

	bench_open(&b, version, plain);
	b.wire.cut_at = cut_at;
	b.wire.cut_ends = ends;
	end_start(&c, http_stream_leg(ask(&b, method, false)));
	for (int i = 0; i < 60 && !(c.ended && s.ended); i++) {
		bench_turn(&b);
		if (b.n_held && b.held[0])
			end_start(&s, answer(&b, 0));
	}
	whole = c.ended && s.ended;
	if (b.wire.leg[0])
		assert_true(whole);
	/* where the tunnel's end is the connection's, it cannot be told from a
	 * cut that looks like one; TLS inside tells */
	if (ends && version == HTTP_1 && !strcmp(method, "CONNECT"))
		whole = whole && c.got == CUT_BODY && s.got == CUT_BODY;
	/* the client: an answer or its loss, once */
	if (b.responses + b.lost != 1)
		fail_msg("HTTP/%d %s cut at %zu: %d answers, %d losses",
		    version + 1, method, cut_at, b.responses, b.lost);
	if (!whole) {
		assert_true(c.gone || c.error || c.ended);
		assert_true(!s.leg || s.gone || s.error || s.ended);
		assert_int_equal(b.client_gone, 1);
		assert_int_equal(b.server_gone, 1);
	} else {
		assert_int_equal(c.got, CUT_BODY);
		assert_int_equal(s.got, CUT_BODY);
	}
	leg_close(c.leg);
	leg_close(s.leg);
	moved = b.wire.moved;
	bench_close(&b);
	return moved;
}

static void sweep(enum http_version version, const char *method)
{
	size_t all = exchange_cut(version, method, SIZE_MAX, false);

	assert_true(all > (size_t)2 * CUT_BODY);
	for (size_t at = 0; at <= all; at++) {
		exchange_cut(version, method, at, false);
		exchange_cut(version, method, at, true);
	}
}

static void test_cut_at_every_byte(void **state)
{
	(void)state;
	sweep(HTTP_1, "POST");
	sweep(HTTP_1, "CONNECT");
	sweep(HTTP_2, "POST");
	sweep(HTTP_2, "CONNECT");
}

/* ---- back-pressure */

/* Two answers without end on one connection, of which one is read: that one
 * goes on, the other holds a window and no more. */
static void test_slow_stream_stalls_itself_only(void **state)
{
	struct bench b;
	struct end slow = { .to_send = 1 << 30 },
		   quick = { .to_send = 1 << 30 }, reader = { .to_send = 0 };
	struct leg *unread;

	(void)state;
	bench_open(&b, HTTP_2, plain);
	unread = http_stream_leg(ask(&b, "GET", true));
	end_start(&reader, http_stream_leg(ask(&b, "GET", true)));
	BENCH_UNTIL(&b, b.requests == 2);
	end_start(&slow, answer(&b, 0));
	end_start(&quick, answer(&b, 1));
	BENCH_UNTIL(&b, reader.got > 1u << 20);
	assert_true(slow.sent <= HTTP_STREAM_WINDOW + HTTP_STREAM_BUFFER);
	leg_reset(unread);
	leg_reset(reader.leg);
	BENCH_UNTIL(&b, slow.gone && quick.gone);
	leg_close(slow.leg);
	leg_close(quick.leg);
	bench_close(&b);
}

/* HTTP/1.1: a body that nobody reads stops the wire itself. */
static void test_unread_body_stops_the_sender(void **state)
{
	struct bench b;
	struct end sender = { .to_send = 1 << 30 };

	(void)state;
	bench_open(&b, HTTP_1, plain);
	end_start(&sender, http_stream_leg(ask(&b, "POST", false)));
	bench_turns(&b, 500);
	assert_int_equal(b.requests, 1);
	assert_true(sender.sent < HTTP_STREAM_WINDOW + HTTP_FEED_MAX +
				      HTTP_STREAM_BUFFER + 3 * CAPACITY);
	leg_reset(sender.leg);
	bench_close(&b);
}

/* ---- answers that come early */

/* The server answers in full and refuses the rest of the request: the client
 * reads the whole answer, and is told only when it writes. */
static void test_early_answer_is_read_whole(void **state)
{
	static const enum http_version versions[] = { HTTP_1, HTTP_2 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(versions); i++) {
		struct bench b;
		struct end c = { .to_send = 1, .keeps_open = true };

		bench_open(&b, versions[i], plain);
		end_start(&c, http_stream_leg(ask(&b, "POST", false)));
		BENCH_UNTIL(&b, b.requests == 1);
		http_stream_answer(STEAL(b.held[0]),
		    &(struct http_answer){ .status = 403, .body = "", .n = 0 });
		BENCH_UNTIL(&b, c.ended);
		bench_turns(&b, 50);
		assert_int_equal(b.status, 403);
		assert_false(c.gone);
		assert_int_equal(leg_write(c.leg, "x", 1), -EPIPE);
		leg_close(c.leg);
		bench_close(&b);
	}
}

/* ---- who is told, and from where */

static void test_loss_is_told_from_the_loop(void **state)
{
	struct bench b;
	struct http_stream *s;

	(void)state;
	bench_open(&b, HTTP_2, plain);
	s = ask(&b, "GET", true);
	http_conn_cut(STEAL(b.client));
	assert_int_equal(b.lost, 0); /* not from inside the cut */
	loop_turn(loop);
	assert_int_equal(b.lost, 1);
	assert_int_equal(b.why, HTTP_WHY_LOCAL);
	assert_null(http_stream_conn(s));
	http_stream_abandon(s);
	bench_close(&b);
}

static void test_no_call_after_the_stream_is_ended(void **state)
{
	struct bench b;
	struct http_stream *s;

	(void)state;
	bench_open(&b, HTTP_2, plain);
	s = ask(&b, "GET", true);
	http_conn_cut(STEAL(b.client));
	http_stream_abandon(s);
	loop_turn(loop);
	assert_int_equal(b.lost, 0);
	assert_int_equal(b.client_gone, 0); /* cut does not say so */
	bench_close(&b);
}

static void test_tunnel_owner_hears_of_the_answer(void **state)
{
	static const enum http_version versions[] = { HTTP_1, HTTP_2 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(versions); i++) {
		struct bench b;
		struct end c = { .to_send = 3, .keeps_open = true }, s = { 0 };

		bench_open(&b, versions[i], plain);
		end_start(&c, http_stream_leg(ask(&b, "CONNECT", false)));
		BENCH_UNTIL(&b, b.requests == 1);
		bench_turns(&b, 20);
		assert_int_equal(c.calls, 0);
		s.keeps_open = true;
		end_start(&s, answer(&b, 0));
		BENCH_UNTIL(&b, s.got == 3);
		leg_close(c.leg);
		BENCH_UNTIL(&b, s.ended || s.gone);
		leg_close(s.leg);
		bench_close(&b);
	}
}

static void test_refused_tunnel(void **state)
{
	static const enum http_version versions[] = { HTTP_1, HTTP_2 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(versions); i++) {
		struct bench b;
		struct http_stream *s;
		char text[64] = "";

		bench_open(&b, versions[i], plain);
		s = ask(&b, "CONNECT", false);
		BENCH_UNTIL(&b, b.requests == 1);
		http_stream_answer(STEAL(b.held[0]),
		    &(struct http_answer){
			.status = 407, .body = "who?", .n = 4 });
		BENCH_UNTIL(&b, b.responses == 1);
		assert_int_equal(b.status, 407);
		bench_turns(&b, 20);
		assert_int_equal(
		    leg_read(http_stream_leg(s), text, sizeof(text)), 4);
		assert_string_equal(text, "who?");
		assert_true(leg_write(http_stream_leg(s), "x", 1) < 0);
		leg_close(http_stream_leg(s));
		bench_close(&b);
	}
}

/* What had been received when the connection was reset is still read. */
static void test_bytes_before_a_reset_are_read(void **state)
{
	struct bench b;
	struct end s = { .to_send = 50000 };
	struct leg *leg;
	static char bytes[65536];
	ssize_t n;

	(void)state;
	bench_open(&b, HTTP_2, plain);
	leg = http_stream_leg(ask(&b, "GET", true));
	BENCH_UNTIL(&b, b.requests == 1);
	end_start(&s, answer(&b, 0));
	bench_turns(&b, 200);
	wire_cut(&b.wire);
	bench_turns(&b, 20);
	assert_int_equal(b.client_gone, 1);
	n = leg_read(leg, bytes, sizeof(bytes));
	assert_int_equal(n, 50000);
	assert_int_equal(leg_read(leg, bytes, sizeof(bytes)), 0);
	leg_close(leg);
	leg_close(s.leg);
	bench_close(&b);
}

/* The leg dies while the machine takes no more: nobody would ever read the
 * error, so it must be noticed. */
static void test_reset_while_nothing_is_read(void **state)
{
	struct bench b;
	struct end c = { .to_send = 1 << 30 };

	(void)state;
	bench_open(&b, HTTP_1, plain);
	end_start(&c, http_stream_leg(ask(&b, "POST", false)));
	bench_turns(&b, 300); /* the server's window is full */
	wire_cut(&b.wire);
	BENCH_UNTIL(&b, b.server_gone && b.client_gone && c.gone);
	leg_close(c.leg);
	bench_close(&b);
}

/* ---- half-close */

static void test_tunnel_half_closes_on_both_sides(void **state)
{
	static const struct {
		enum http_version version;
		bool client_first;
	} rows[] = { { HTTP_1, true }, { HTTP_1, false }, { HTTP_2, true },
		{ HTTP_2, false } };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct bench b;
		struct end c = { .to_send = 10 }, s = { .to_send = 10 };
		struct end *first = rows[i].client_first ? &c : &s;
		struct end *last = rows[i].client_first ? &s : &c;

		last->keeps_open = true;
		bench_open(&b, rows[i].version, plain);
		end_start(&c, http_stream_leg(ask(&b, "CONNECT", false)));
		BENCH_UNTIL(&b, b.requests == 1);
		end_start(&s, answer(&b, 0));
		BENCH_UNTIL(&b, last->ended && first->got == 10);
		assert_int_equal(leg_write(last->leg, "\0", 1), 1);
		leg_finish(last->leg);
		first->got = 0; /* the pattern begins with that byte */
		BENCH_UNTIL(&b, first->ended);
		assert_false(c.gone || s.gone);
		assert_false(c.error || s.error);
		leg_close(c.leg);
		leg_close(s.leg);
		bench_close(&b);
	}
}

/* ---- TLS inside a tunnel, as the sealed session runs it */

static void test_tls_inside_a_tunnel(void **state)
{
	static const enum http_version versions[] = { HTTP_1, HTTP_2 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(versions); i++) {
		struct tls_context *near = context_of(client_config());
		struct tls_context *far = context_of(server_config());
		struct end c = { .to_send = 200000 }, s = { .to_send = 100000 };
		struct leg *leg;
		struct bench b;

		bench_open(&b, versions[i], plain);
		/* before the answer: the handshake waits for it */
		leg = http_stream_leg(ask(&b, "CONNECT", false));
		assert_int_equal(tls_leg_open(&leg, leg, near, SERVER_NAME), 0);
		end_start(&c, leg);
		BENCH_UNTIL(&b, b.requests == 1);
		assert_int_equal(
		    tls_leg_open(&leg, answer(&b, 0), far, NULL), 0);
		end_start(&s, leg);
		BENCH_UNTIL(&b, c.ended && s.ended);
		assert_int_equal(s.got, 200000);
		assert_int_equal(c.got, 100000);
		leg_close(c.leg);
		leg_close(s.leg);
		bench_turns(&b, 50);
		tls_context_free(near);
		tls_context_free(far);
		bench_close(&b);
	}
}

/* ---- a stream under a pump, as the broker carries it */

static void on_pumped(void *ctx, const struct pump_result *result)
{
	*(struct pump_result *)ctx = *result;
}

static void test_tunnel_under_a_pump(void **state)
{
	struct bench b;
	struct pump_result result = { .failed = 7 };
	struct pump *pump;
	struct leg *outer, *inner;
	struct end c = { .to_send = 150000 }, s = { .to_send = 150000 };

	(void)state;
	bench_open(&b, HTTP_2, plain);
	assert_int_equal(memleg_pair(&outer, &inner, loop, 5000), 0);
	memleg_chop(outer, 1000, 3);
	assert_int_equal(
	    pump_start(&pump, inner, http_stream_leg(ask(&b, "CONNECT", false)),
		0, on_pumped, &result),
	    0);
	end_start(&c, outer);
	BENCH_UNTIL(&b, b.requests == 1);
	end_start(&s, answer(&b, 0));
	BENCH_UNTIL(&b, result.failed != 7);
	assert_int_equal(result.failed, -1);
	assert_false(result.reset);
	BENCH_UNTIL(&b, c.ended && s.ended);
	assert_int_equal(c.got, 150000);
	assert_int_equal(s.got, 150000);
	leg_close(c.leg);
	leg_close(s.leg);
	bench_close(&b);
}

/* The far end says its last words and closes; the near one still listens. It
 * hears them all, and the end, though HTTP/2 has no close and says "end" and
 * "reset" in one breath. */
static void test_last_words_through_a_pump(void **state)
{
	struct bench b;
	struct pump_result result = { .failed = 7 };
	struct pump *pump;
	struct leg *outer, *inner;
	struct end near = { .keeps_open = true };
	struct end far = { .to_send = 3, .keeps_open = true };

	(void)state;
	bench_open(&b, HTTP_2, plain);
	assert_int_equal(memleg_pair(&outer, &inner, loop, 5000), 0);
	assert_int_equal(
	    pump_start(&pump, inner, http_stream_leg(ask(&b, "CONNECT", false)),
		0, on_pumped, &result),
	    0);
	end_start(&near, outer);
	BENCH_UNTIL(&b, b.requests == 1);
	end_start(&far, answer(&b, 0));
	BENCH_UNTIL(&b, far.sent == 3);
	leg_close(far.leg);
	BENCH_UNTIL(&b, near.ended || near.gone);
	assert_true(near.ended);
	assert_int_equal(near.got, 3);
	leg_finish(near.leg);
	BENCH_UNTIL(&b, result.failed != 7);
	assert_int_equal(result.failed, -1);
	leg_close(near.leg);
	bench_close(&b);
}

/* As above, but the near end does not read: what is left for it is not kept for
 * ever. */
static void test_last_words_that_nobody_reads(void **state)
{
	struct bench b;
	struct pump_result result = { .failed = 7 };
	struct pump *pump;
	struct leg *outer, *inner;
	struct end far = { .to_send = 30000, .keeps_open = true };

	(void)state;
	loop_fake_clock(loop, 1000);
	bench_open(&b, HTTP_2, plain);
	assert_int_equal(memleg_pair(&outer, &inner, loop, 5000), 0);
	assert_int_equal(
	    pump_start(&pump, inner, http_stream_leg(ask(&b, "CONNECT", false)),
		0, on_pumped, &result),
	    0);
	BENCH_UNTIL(&b, b.requests == 1);
	end_start(&far, answer(&b, 0));
	BENCH_UNTIL(&b, far.sent == 30000);
	leg_close(far.leg);
	bench_turns(&b, 50);
	loop_set_now(loop, 1000 + HTTP_LAST_WORDS_MS - 100);
	bench_turns(&b, 50);
	assert_int_equal(result.failed, 7);
	loop_set_now(loop, 1000 + HTTP_LAST_WORDS_MS + 100);
	BENCH_UNTIL(&b, result.failed != 7);
	assert_true(result.reset);
	leg_reset(outer);
	bench_close(&b);
}

int main(void)
{
#define TEST(test)                                                             \
	cmocka_unit_test_setup_teardown(test, tls_setup, tls_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_cut_at_every_byte),
		TEST(test_slow_stream_stalls_itself_only),
		TEST(test_unread_body_stops_the_sender),
		TEST(test_early_answer_is_read_whole),
		TEST(test_loss_is_told_from_the_loop),
		TEST(test_no_call_after_the_stream_is_ended),
		TEST(test_tunnel_owner_hears_of_the_answer),
		TEST(test_refused_tunnel),
		TEST(test_bytes_before_a_reset_are_read),
		TEST(test_reset_while_nothing_is_read),
		TEST(test_tunnel_half_closes_on_both_sides),
		TEST(test_tls_inside_a_tunnel),
		TEST(test_tunnel_under_a_pump),
		TEST(test_last_words_through_a_pump),
		TEST(test_last_words_that_nobody_reads),
	};

	return cmocka_run_group_tests_name("net/httpstream", tests, NULL, NULL);
}
