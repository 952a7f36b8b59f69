/* What a client of the beacon gets for what it says: pairs and waiting. */
#include "beacon/test-client.h"
#include "net/tcp.h"
#include <netinet/tcp.h>

/* ---- pairs ---- */

static void test_bare_pair(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN);
	struct frame wait = expect(a, FRAME_TYPE_WAIT);
	struct client *b = arrive("192.0.2.2:1", FRAME_CONNECT);
	struct frame one = expect(a, FRAME_TYPE_PAIRED);
	struct frame two = expect(b, FRAME_TYPE_PAIRED);

	(void)state;
	assert_int_equal(wait.u.wait.ping_s, 25);
	assert_int_equal(wait.u.wait.position, 0);
	assert_memory_equal(wait.u.wait.instance, beacon->instance, FRAME_ID);
	assert_memory_equal(one.u.paired.pair, two.u.paired.pair, FRAME_ID);
	assert_int_equal(one.u.paired.flags, 0);
	say_bytes(a, "from a", 6);
	expect_text(b, "from a");
	say_bytes(b, "from b", 6);
	expect_text(a, "from b");
	assert_int_equal(beacon->meter.bare, 2);
}

static void test_proven_pair(void **state)
{
	struct client *stranger = arrive("192.0.2.3:1", FRAME_CONNECT);
	struct client *a = arrive_proven("192.0.2.1:1", FRAME_LISTEN);
	struct client *b;

	(void)state;
	expect(stranger, FRAME_TYPE_WAIT);
	expect(a, FRAME_TYPE_WAIT); /* not with the bare one */
	b = arrive_proven("192.0.2.2:1", FRAME_CONNECT);
	expect(a, FRAME_TYPE_PAIRED);
	expect(b, FRAME_TYPE_PAIRED);
	assert_int_equal(beacon->meter.proven, 2);
}

/* FIN passes after the last byte, each direction by itself. */
static void test_ends_pass(void **state)
{
	struct client *a, *b;

	(void)state;
	make_pair(&a, &b);
	say_bytes(a, "last", 4);
	leg_finish(a->leg);
	expect_text(b, "last");
	assert_true(b->ended);
	say_bytes(b, "more", 4);
	expect_text(a, "more");
	assert_false(a->ended);
	leg_finish(b->leg);
	hear(a);
	assert_true(a->ended);
	assert_int_equal(beacon->meter.bytes[METER_TO_CONNECTOR], 4);
	assert_int_equal(beacon->meter.bytes[METER_TO_LISTENER], 4);
	assert_int_equal(beacon->meter.pair_resets, 0);
	assert_int_equal(switchboard_counts(beacon->board)->paired, 0);
}

static void test_resets_pass(void **state)
{
	struct client *a, *b;

	(void)state;
	make_pair(&a, &b);
	leg_reset(STEAL(b->leg));
	hear(a);
	assert_true(a->reset);
	assert_int_equal(beacon->meter.pair_resets, 1);
}

static uint64_t observed(const struct metric_histogram *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i < N_ELEMS(h->counts); i++)
		n += h->counts[i];
	return n;
}

/* Pairing is counted from the later leg on: who waits for a peer is not slow.
 */
static void test_durations_are_counted(void **state)
{
	const struct meter *m = &beacon->meter;
	const struct metric_histogram *wait;

	(void)state;
	arrive("192.0.2.2:1", FRAME_CONNECT);
	pass(300);
	arrive("192.0.2.1:1", FRAME_LISTEN);
	wait = &switchboard_counts(beacon->board)->connector_wait;
	assert_int_equal(observed(&m->handshake), 2);
	assert_int_equal(observed(&m->answer), 2);
	assert_int_equal(observed(&m->pairing), 1);
	assert_true(m->pairing.sum_us < 300000);
	assert_int_equal(observed(wait), 1);
	assert_int_equal(wait->sum_us, 300000);
}

static void test_half_closed_pair_is_cut(void **state)
{
	struct client *a, *b;

	(void)state;
	make_pair(&a, &b);
	leg_finish(a->leg);
	hear(b);
	pass(LIMIT_HALF_CLOSED_MS - 1);
	hear(a);
	assert_false(a->reset);
	pass(1);
	hear(a);
	assert_true(a->reset);
}

/* Bytes one by one, as bad networks bring them. */
static void test_small_pieces(void **state)
{
	struct frame hello = bare_hello(FRAME_LISTEN);
	struct client *a = connect_tls("192.0.2.1:1"), *b;
	uint8_t bytes[FRAME_BUFFER];
	size_t n;

	(void)state;
	assert_int_equal(frame_write(&hello, bytes, sizeof(bytes), &n), 0);
	for (size_t i = 0; i < n; i++)
		say_bytes(a, bytes + i, 1);
	expect(a, FRAME_TYPE_WAIT);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(a, FRAME_TYPE_PAIRED);
	expect(b, FRAME_TYPE_PAIRED);
}

/* What stands behind HELLO in the same write, once the peer is there. */
static void test_early_bytes_are_the_peers(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN);
	struct client *b = connect_tls("192.0.2.2:1");
	struct frame hello = bare_hello(FRAME_CONNECT);
	uint8_t bytes[FRAME_BUFFER];
	size_t n;

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	assert_int_equal(frame_write(&hello, bytes, sizeof(bytes), &n), 0);
	bytes[n] = 'e'; /* the first byte of its own */
	say_bytes(b, bytes, n + 1);
	expect(a, FRAME_TYPE_PAIRED);
	expect_text(a, "e");
}

/* ---- waiting ---- */

static void test_ping_and_pong(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN);

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	for (int i = 0; i < 10; i++) {
		struct frame f;

		pass(LIMIT_PING_MS);
		f = expect(a, FRAME_TYPE_PING);
		f.type = FRAME_TYPE_PONG;
		say(a, &f);
	}
	assert_false(a->ended || a->reset);
}

static void test_no_pong(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN);

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS + LIMIT_PONG_MS);
	expect(a, FRAME_TYPE_PING);
	expect_error(a, FRAME_ERROR_TIMEOUT);
}

/* PING crossed PAIRED: one PONG is read, and what follows it is the peer's. */
static void test_owed_pong(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN), *b;
	struct frame f;
	uint8_t bytes[64];
	size_t n;

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS);
	f = expect(a, FRAME_TYPE_PING);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(a, FRAME_TYPE_PAIRED);
	expect(b, FRAME_TYPE_PAIRED);
	say_bytes(b, "first", 5);
	f.type = FRAME_TYPE_PONG;
	assert_int_equal(frame_write(&f, bytes, sizeof(bytes), &n), 0);
	say_bytes(a, bytes, 4); /* a half of it, */
	bytes[n] = 'm';
	say_bytes(a, bytes + 4, n - 3); /* the rest, and more */
	expect_text(b, "m");
	expect_text(a, "first");
}

static void test_owed_pong_is_wrong(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN), *b;

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS);
	expect(a, FRAME_TYPE_PING);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(b, FRAME_TYPE_PAIRED);
	say_bytes(a, "these are no frames", 19);
	hear(b);
	assert_true(b->reset);
	assert_int_equal(switchboard_counts(beacon->board)->paired, 0);
}

static void test_owed_pong_never_comes(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN), *b;

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS);
	expect(a, FRAME_TYPE_PING);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(b, FRAME_TYPE_PAIRED);
	pass(LIMIT_PONG_MS);
	hear(a);
	hear(b);
	assert_true(a->reset && b->reset);
}

static void test_no_peer(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_CONNECT);
	struct frame_err e;

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	pass(LIMIT_CONNECTOR_MS);
	e = expect_error(a, FRAME_ERROR_NO_PEER);
	assert_in_range(e.retry_ms, 1000, 1999);
}

static void test_waiting_client_leaves(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN);
	struct client *b = arrive("192.0.2.1:1", FRAME_LISTEN);

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	expect(b, FRAME_TYPE_WAIT);
	leg_reset(STEAL(a->leg));
	leg_close(STEAL(b->leg));
	turns();
	assert_int_equal(switchboard_counts(beacon->board)->listeners, 0);
	assert_true(TAILQ_EMPTY(&beacon->sessions));
}

/* It reads nothing for a while; what it reads then is all there, in order. */
static void test_client_that_reads_late(void **state)
{
	struct client *a = shake(connect_raw_room("192.0.2.1:1", 40)), *b;
	struct frame f = bare_hello(FRAME_LISTEN);

	(void)state;
	say(a, &f);
	pass(LIMIT_PING_MS);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(b, FRAME_TYPE_PAIRED);
	say_bytes(b, "text", 4);
	expect(a, FRAME_TYPE_WAIT);
	f = expect(a, FRAME_TYPE_PING);
	expect(a, FRAME_TYPE_PAIRED);
	hear(a);
	assert_int_equal(a->n_in, 0);
	f.type = FRAME_TYPE_PONG;
	say(a, &f);
	expect_text(a, "text");
}

/* The pair does not begin before PAIRED is out. */
static void test_client_that_reads_paired_late(void **state)
{
	struct client *a = shake(connect_raw_room("192.0.2.1:1", 40)), *b;
	struct frame f = bare_hello(FRAME_LISTEN);

	(void)state;
	say(a, &f);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(b, FRAME_TYPE_PAIRED);
	say_bytes(b, "text", 4);
	expect(a, FRAME_TYPE_WAIT);
	expect(a, FRAME_TYPE_PAIRED);
	expect_text(a, "text");
}

static int user_timeout(int fd)
{
	int ms = -1;
	socklen_t size = sizeof(ms);

	assert_int_equal(
	    getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size), 0);
	return ms;
}

/* Over TCP: what is not acknowledged ends a leg that waits, but not a pair,
 * whose peer may merely not read. */
static void test_user_timeout(void **state)
{
	struct leg *near, *far;
	struct client *a, *b;
	struct frame hello = bare_hello(FRAME_LISTEN);
	int fd[2];

	(void)state;
	test_tcp_pair(fd);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(fd[i], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(tcp_leg_open(&near, loop, fd[0], false), 0);
	assert_int_equal(tcp_leg_open(&far, loop, fd[1], false), 0);
	a = shake(connect_over("127.0.0.1:1", near, far));
	TEST_UNTIL(loop, a->leg);
	say(a, &hello);
	TEST_UNTIL(loop, switchboard_counts(beacon->board)->listeners == 1);
	assert_int_equal(user_timeout(fd[1]), LIMIT_USER_TIMEOUT_MS);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(b, FRAME_TYPE_PAIRED);
	assert_int_equal(user_timeout(fd[1]), 0);
}

/* The end of the process, whatever is going on. */
/* Who waits is told when to come back and let go; who comes is refused; who is
 * paired goes on. */
static void test_drain(void **state)
{
	struct client *a, *b, *waits, *comes;
	struct frame f;

	(void)state;
	make_pair(&a, &b);
	waits = arrive("192.0.2.3:1", FRAME_CONNECT);
	expect(waits, FRAME_TYPE_WAIT);
	comes = connect_tls("192.0.2.4:1");
	assert_true(beacon_busy(beacon));
	beacon_drain(beacon);
	f = expect(waits, FRAME_TYPE_GOAWAY);
	assert_in_range(f.u.goaway.reconnect_ms, 1000, 1999);
	hear(waits);
	assert_true(waits->ended);
	f = bare_hello(FRAME_LISTEN);
	say(comes, &f);
	assert_in_range(
	    expect_error(comes, FRAME_ERROR_DRAINING).retry_ms, 1000, 1999);
	say_bytes(a, "still here", 10);
	expect_text(b, "still here");
	assert_true(beacon_busy(beacon));
	leg_reset(STEAL(a->leg));
	hear(b);
	assert_false(beacon_busy(beacon));
	assert_int_equal(beacon->meter.goaways, 1);
}

static void test_free_with_everybody_in(void **state)
{
	const struct config *other = beacon->config;
	struct client *a, *b;

	(void)state;
	make_pair(&a, &b);
	arrive("192.0.2.3:1", FRAME_LISTEN);
	connect_tls("192.0.2.4:1");
	connect_raw("192.0.2.5:1");
	beacon_free(STEAL(beacon));
	hear(a);
	hear(b);
	assert_true(a->reset && b->reset);
	assert_int_equal(beacon_new(&beacon, loop, other, NULL), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bare_pair),
		TEST(test_proven_pair),
		TEST(test_ends_pass),
		TEST(test_resets_pass),
		TEST(test_durations_are_counted),
		TEST(test_half_closed_pair_is_cut),
		TEST(test_small_pieces),
		TEST(test_early_bytes_are_the_peers),
		TEST(test_ping_and_pong),
		TEST(test_no_pong),
		TEST(test_owed_pong),
		TEST(test_owed_pong_is_wrong),
		TEST(test_owed_pong_never_comes),
		TEST(test_no_peer),
		TEST(test_waiting_client_leaves),
		TEST(test_client_that_reads_late),
		TEST(test_client_that_reads_paired_late),
		TEST(test_user_timeout),
		TEST(test_drain),
		TEST(test_free_with_everybody_in),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
