/* What is refused, at the gate or by a session, how, and how it is counted. */
#include "beacon/test-client.h"

/* ---- what is refused ---- */

static void test_silence(void **state)
{
	struct client *raw = connect_raw("192.0.2.1:1");
	struct client *a = connect_tls("192.0.2.2:1");
	struct client *b = connect_tls("192.0.2.3:1");

	(void)state;
	pass(LIMIT_HELLO_MS - 1);
	say_bytes(b, "\0\x23\x01\x01", 4); /* the time does not start again */
	assert_int_equal(leg_read(raw->raw, (char[1]){ 0 }, 1), -EAGAIN);
	pass(1);
	assert_true(leg_read(raw->raw, (char[1]){ 0 }, 1) != -EAGAIN);
	assert_int_equal(
	    beacon->meter.handshake_failures[TLS_FAILURE_TIMEOUT], 1);
	expect_error(a, FRAME_ERROR_TIMEOUT);
	expect_error(b, FRAME_ERROR_TIMEOUT);
}

/* One deadline for all of it: who is slow with TLS has less for HELLO. */
static void test_slow_all_the_way(void **state)
{
	struct client *c = connect_raw("192.0.2.1:1");

	(void)state;
	pass(LIMIT_HELLO_MS - 1000);
	shake(c);
	pass(999);
	hear(c);
	assert_false(c->ended);
	pass(1);
	expect_error(c, FRAME_ERROR_TIMEOUT);
}

static void test_not_tls(void **state)
{
	struct client *c = connect_raw("192.0.2.1:1");
	static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

	(void)state;
	assert_true(leg_write(c->raw, http, sizeof(http) - 1) > 0);
	turns();
	assert_int_equal(
	    beacon->meter.handshake_failures[TLS_FAILURE_NOT_TLS], 1);
	assert_true(TAILQ_EMPTY(&beacon->sessions));
}

static const struct {
	const char *label, *bytes;
	size_t n;
	enum frame_error code;
} bad[] = {
	{ "zero length", "\0\0", 2, FRAME_ERROR_BAD_HELLO },
	{ "HTTP", "GET / HTTP/1.1\r\n", 16, FRAME_ERROR_BAD_HELLO },
	{ "oversize HELLO", "\x10\x01\x01", 3, FRAME_ERROR_BAD_HELLO },
	{ "oversize PING", "\x04\x01\x03", 3, FRAME_ERROR_BAD_HELLO },
	{ "type 8", "\0\x01\x08", 3, FRAME_ERROR_BAD_HELLO },
	{ "PONG first",
	    "\0\x09\x04"
	    "12345678",
	    11, FRAME_ERROR_BAD_HELLO },
	{ "HELLO without a body", "\0\x01\x01", 3, FRAME_ERROR_BAD_HELLO },
	{ "version 2", "\0\x02\x01\x02", 4, FRAME_ERROR_VERSION },
	{ "role 3",
	    "\0\x23\x01\x01\x03"
	    "01234567890123456789012345678901",
	    37, FRAME_ERROR_BAD_HELLO },
	{ "a feature that must be known",
	    "\0\x26\x01\x01\x01"
	    "01234567890123456789012345678901\x80\0\0",
	    40, FRAME_ERROR_FEATURE },
};

static void test_bad_hellos(void **state)
{
	struct client *good = arrive("192.0.2.9:1", FRAME_LISTEN);

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct client *c = connect_tls("192.0.2.1:1");
		struct frame f;

		say_bytes(c, bad[i].bytes, bad[i].n);
		if (!hear_frame(c, &f) || f.type != FRAME_TYPE_ERROR ||
		    f.u.error.code != bad[i].code)
			fail_msg("%s: %s", bad[i].label,
			    frame_error_name(f.u.error.code));
	}
	expect(good, FRAME_TYPE_WAIT); /* others go on */
	assert_false(good->ended || good->reset);
}

static void test_speech_while_waiting(void **state)
{
	static const char *const words[] = { "x", "\0\x09\x03"
						  "12345678" };
	static const size_t sizes[] = { 1, 11 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(words); i++) {
		struct client *c = arrive("192.0.2.1:1", FRAME_LISTEN);

		expect(c, FRAME_TYPE_WAIT);
		say_bytes(c, words[i], sizes[i]);
		expect_error(c, FRAME_ERROR_BAD_HELLO);
	}
}

static void test_wrong_pong(void **state)
{
	struct client *c = arrive("192.0.2.1:1", FRAME_LISTEN);
	struct frame f;

	(void)state;
	expect(c, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS);
	f = expect(c, FRAME_TYPE_PING);
	f.type = FRAME_TYPE_PONG;
	f.u.ping.opaque[0] ^= 1;
	say(c, &f);
	expect_error(c, FRAME_ERROR_BAD_HELLO);
}

/* In place of a PONG, a frame for which there is no room. */
static void test_long_pong(void **state)
{
	struct client *c = arrive("192.0.2.1:1", FRAME_LISTEN);
	static const uint8_t words[64] = { 0, 62, FRAME_TYPE_PONG };

	(void)state;
	expect(c, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS);
	expect(c, FRAME_TYPE_PING);
	say_bytes(c, words, sizeof(words));
	expect_error(c, FRAME_ERROR_BAD_HELLO);
}

static void test_bad_proofs(void **state)
{
	struct client *c = connect_tls("192.0.2.1:1");
	struct client *d = connect_tls("192.0.2.2:1");
	struct client *e = connect_tls("192.0.2.3:1");
	struct prove_material m;
	struct frame f = proven_hello(c, FRAME_LISTEN, broker, &m);

	(void)state;
	say(c, &f); /* a broker does not listen */
	expect_error(c, FRAME_ERROR_UNPROVEN);
	f = proven_hello(c, FRAME_LISTEN, bridge, &m);
	say(d, &f); /* made for another session */
	expect_error(d, FRAME_ERROR_UNPROVEN);
	f = proven_hello(e, FRAME_LISTEN, bridge, &m);
	f.u.hello.hash[0] ^= 1; /* of another hash */
	say(e, &f);
	expect_error(e, FRAME_ERROR_UNPROVEN);
	assert_int_equal(beacon->meter.refusals[FRAME_ERROR_UNPROVEN], 3);
}

static void test_rate_limit(void **state)
{
	struct client *c;
	struct frame_err e;

	(void)state;
	for (int i = 0; i < LIMIT_RATE_BURST; i++) {
		c = connect_raw("192.0.2.1:1");
		leg_reset(STEAL(c->raw));
		turns();
	}
	c = connect_tls("192.0.2.1:2");
	e = expect_error(c, FRAME_ERROR_RATE_LIMIT);
	assert_in_range(e.retry_ms, 1, 600);
	c = arrive("192.0.2.2:1", FRAME_LISTEN); /* another source */
	expect(c, FRAME_TYPE_WAIT);
	for (int i = 0; i < LIMIT_RATE_BURST - 1; i++) {
		c = connect_raw("192.0.2.1:3");
		leg_reset(STEAL(c->raw));
		turns();
	}
	assert_null(connect_raw("192.0.2.1:4"));
	pass(e.retry_ms);
	c = arrive("192.0.2.1:5", FRAME_LISTEN);
	expect(c, FRAME_TYPE_WAIT);
}

static void test_unfinished(void **state)
{
	struct client *first = connect_raw("192.0.2.1:1");
	struct client *other = connect_raw("192.0.2.2:1");
	struct client *done = arrive("192.0.2.1:2", FRAME_LISTEN);

	(void)state;
	for (int i = 1; i < LIMIT_UNFINISHED_SOURCE; i++)
		connect_raw("192.0.2.1:3");
	turns();
	assert_int_equal(leg_read(first->raw, (char[1]){ 0 }, 1), -EAGAIN);
	connect_raw("192.0.2.1:4");
	turns();
	assert_true(leg_read(first->raw, (char[1]){ 0 }, 1) != -EAGAIN);
	assert_int_equal(leg_read(other->raw, (char[1]){ 0 }, 1), -EAGAIN);
	assert_int_equal(limiter_counts(beacon->limiter)->pushed_out, 1);
	expect(done, FRAME_TYPE_WAIT);
	pass(LIMIT_HELLO_MS);
}

static void test_too_many_bare_legs(void **state)
{
	struct client *c;

	(void)state;
	for (int i = 0; i < LIMIT_WAITING_SOURCE_BARE; i++)
		expect(arrive("192.0.2.1:1", FRAME_LISTEN), FRAME_TYPE_WAIT);
	c = arrive("192.0.2.1:2", FRAME_LISTEN);
	expect_error(c, FRAME_ERROR_SOURCE_BUSY);
}

/* ---- by a proxy ---- */

#define SAY(c, text) say_raw(c, text, sizeof(text) - 1)

static struct client *arrive_by_proxy(const char *preamble)
{
	struct client *c = connect_raw(PROXY);
	struct frame hello = bare_hello(FRAME_LISTEN);

	say_raw(c, preamble, strlen(preamble));
	shake(c);
	if (c->leg)
		say(c, &hello);
	return c;
}

static bool is_closed(struct client *c)
{
	return leg_read(c->raw, (char[1]){ 0 }, 1) != -EAGAIN;
}

static uint64_t preambles(enum meter_preamble what)
{
	return beacon->meter.preambles[what];
}

static void test_limits_count_the_source_that_a_proxy_names(void **state)
{
	static const char from_7[] = "PROXY TCP4 192.0.2.7 192.0.2.1 1 443\r\n",
			  from_8[] =
			      "PROXY TCP6 2001:db8::8 2001:db8::1 1 443\r\n";
	struct client *c;

	(void)state;
	for (int i = 0; i < LIMIT_RATE_BURST; i++) {
		c = connect_raw(PROXY);
		say_raw(c, from_7, strlen(from_7));
		leg_reset(STEAL(c->raw));
		turns();
	}
	expect_error(arrive_by_proxy(from_7), FRAME_ERROR_RATE_LIMIT);
	expect(arrive_by_proxy(from_8), FRAME_TYPE_WAIT);
	c = connect_tls("192.0.2.7:1"); /* as if it had come itself */
	expect_error(c, FRAME_ERROR_RATE_LIMIT);
	for (int i = 0; i < LIMIT_WAITING_SOURCE_BARE - 1; i++)
		expect(arrive_by_proxy(from_8), FRAME_TYPE_WAIT);
	expect_error(arrive_by_proxy(from_8), FRAME_ERROR_SOURCE_BUSY);
	assert_int_equal(preambles(METER_SOURCE),
	    LIMIT_RATE_BURST + 2 + LIMIT_WAITING_SOURCE_BARE);
}

static void test_a_proxy_that_names_a_source_too_often_is_shut(void **state)
{
	struct client *c = NULL;

	(void)state;
	for (int i = 0; i < LIMIT_RATE_POLITE + 1; i++) {
		c = connect_raw(PROXY);
		SAY(c, "PROXY TCP4 192.0.2.7 192.0.2.1 1 443\r\n");
		assert_int_equal(is_closed(c), i == LIMIT_RATE_POLITE);
		leg_reset(STEAL(c->raw));
		turns();
	}
}

/* Its health checks, and whom it does not know: no limit but those of all. */
static void test_a_proxy_itself_has_no_rate(void **state)
{
	(void)state;
	for (int i = 0; i < LIMIT_RATE_POLITE + 1; i++) {
		struct client *c = connect_raw(PROXY);

		SAY(c, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
		assert_false(is_closed(c));
		leg_reset(STEAL(c->raw));
		turns();
	}
	expect(arrive_by_proxy("PROXY UNKNOWN\r\n"), FRAME_TYPE_WAIT);
	assert_int_equal(preambles(METER_NO_SOURCE), LIMIT_RATE_POLITE + 2);
}

static void test_a_trusted_proxy_has_to_say(void **state)
{
	static const char *const words[] = { "\x16\x03\x01", "GET / HTTP/1.1",
		"PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n", "PROXY UNKNOWNS\r\n" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(words); i++) {
		struct client *c = connect_raw(PROXY);

		say_raw(c, words[i], strlen(words[i]));
		if (!is_closed(c))
			fail_msg("%s", words[i]);
	}
	assert_int_equal(preambles(METER_REFUSED), N_ELEMS(words));
	assert_int_equal(limiter_counts(beacon->limiter)->unfinished, 0);
}

static void test_preamble_and_hello_share_a_deadline(void **state)
{
	struct client *mute = connect_raw(PROXY), *slow = connect_raw(PROXY);

	(void)state;
	SAY(mute, "PROXY TCP4 192.0.2.7");
	assert_int_equal(limiter_counts(beacon->limiter)->unfinished, 2);
	pass(LIMIT_HELLO_MS - 1000);
	SAY(slow, "PROXY TCP4 192.0.2.7 192.0.2.1 1 443\r\n");
	shake(slow);
	pass(999);
	hear(slow);
	assert_false(is_closed(mute) || slow->ended);
	pass(1);
	assert_true(is_closed(mute));
	expect_error(slow, FRAME_ERROR_TIMEOUT);
	assert_int_equal(preambles(METER_REFUSED), 1);
}

/* Nobody but a trusted proxy is believed. */
static void test_a_stranger_cannot_name_a_source(void **state)
{
	struct client *c = connect_raw("192.0.2.1:1");

	(void)state;
	SAY(c, "PROXY TCP4 192.0.2.7 192.0.2.1 1 443\r\n");
	assert_true(is_closed(c));
	assert_int_equal(
	    beacon->meter.handshake_failures[TLS_FAILURE_NOT_TLS], 1);
	assert_int_equal(preambles(METER_SOURCE), 0);
}

static void test_what_is_no_network_is_not_trusted(void **state)
{
	static const char *const rows[] = { "", "lb.example", "10.0.0.7/8",
		"10.0.0.0/33" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct beacon b = { .loop = loop };
		char *items[] = { (char *)(uintptr_t)rows[i] };
		struct fault fault = FAULT_NONE;

		assert_int_equal(
		    gate_trust(&b, &(struct option_list){ items, 1 }, &fault),
		    -EINVAL);
		assert_non_null(strstr(fault.text, "--proxy-protocol"));
		free(b.proxies);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_silence),
		TEST(test_slow_all_the_way),
		TEST(test_not_tls),
		TEST(test_bad_hellos),
		TEST(test_speech_while_waiting),
		TEST(test_wrong_pong),
		TEST(test_long_pong),
		TEST(test_bad_proofs),
		TEST(test_rate_limit),
		TEST(test_unfinished),
		TEST(test_too_many_bare_legs),
		TEST(test_limits_count_the_source_that_a_proxy_names),
		TEST(test_a_proxy_that_names_a_source_too_often_is_shut),
		TEST(test_a_proxy_itself_has_no_rate),
		TEST(test_a_trusted_proxy_has_to_say),
		TEST(test_preamble_and_hello_share_a_deadline),
		TEST(test_a_stranger_cannot_name_a_source),
		TEST(test_what_is_no_network_is_not_trusted),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
