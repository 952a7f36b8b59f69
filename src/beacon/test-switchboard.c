#include "beacon/test-board.h"

/* ---- pairing ---- */

static void test_listener_first(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	EXPECT(f, "wait a 0");
	CONNECT(f, 'b', 1, 2);
	EXPECT(f, "pair a b");
	assert_int_equal(leg(f, 'a')->state, SWITCHBOARD_PAIRED);
	assert_ptr_equal(leg(f, 'a')->peer, leg(f, 'b'));
	close_board(f);
}

static void test_connector_first(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	CONNECT(f, 'a', 1, 1);
	EXPECT(f, "wait a 0");
	pass(f, 400);
	LISTEN(f, 'b', 1, 2);
	EXPECT(f, "pair b a");
	assert_int_equal(switchboard_counts(f->board)->pairs_total, 1);
	assert_int_equal(
	    switchboard_counts(f->board)->connector_wait.sum_us, 400000);
	close_board(f);
}

static void test_two_of_a_kind_wait(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	LISTEN(f, 'b', 1, 1);
	EXPECT(f, "wait a 0, wait b 0");
	CONNECT(f, 'c', 2, 2);
	CONNECT(f, 'd', 2, 2);
	EXPECT(f, "wait c 0, wait d 0");
	CONNECT(f, 'e', 1, 2);
	EXPECT(f, "pair a e"); /* who came first */
	close_board(f);
}

/* Who may be paired with whom: a leg that asks for a proven peer gets one. */
static void test_who_fits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct who l = { 1, 1, i & 1, i & 2 };
		struct who c = { 1, 2, i & 4, i & 8 };
		bool want = !(l.require_proven && c.bare) &&
			    !(c.require_proven && l.bare);
		struct fixture *f = open_board(&tiny);

		join(f, 'a', FRAME_LISTEN, l);
		join(f, 'b', FRAME_CONNECT, c);
		EXPECT(f, want ? "pair a b" : "wait a 0, wait b 0");
		close_board(f);
		f = open_board(&tiny);
		join(f, 'b', FRAME_CONNECT, c);
		join(f, 'a', FRAME_LISTEN, l);
		EXPECT(f, want ? "pair a b" : "wait b 0, wait a 0");
		close_board(f);
	}
}

static void test_proven_connectors_are_served_first(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	CONNECT(f, 'a', 1, 1, .bare = true);
	CONNECT(f, 'b', 1, 1);
	CONNECT(f, 'c', 1, 1, .require_proven = true);
	news(f);
	LISTEN(f, 'd', 1, 2);
	EXPECT(f, "pair d b");
	LISTEN(f, 'e', 1, 2);
	EXPECT(f, "pair e c");
	close_board(f);
}

/* A bridge keeps a few legs open for bare connectors; proven ones leave them
 * alone while there are others. */
static void test_proven_connectors_spare_open_listeners(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	LISTEN(f, 'b', 1, 1, .require_proven = true);
	news(f);
	CONNECT(f, 'c', 1, 2);
	EXPECT(f, "pair b c");
	CONNECT(f, 'd', 1, 2, .bare = true);
	EXPECT(f, "pair a d");
	close_board(f);
}

/* A stranger who knows the hash listens; the true bridge goes first. */
static void test_proven_listeners_are_preferred(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1, .bare = true);
	LISTEN(f, 'b', 1, 2);
	news(f);
	CONNECT(f, 'c', 1, 3, .bare = true);
	EXPECT(f, "pair b c");
	close_board(f);
}

static void test_leave(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	news(f);
	leave(f, 'a');
	leave(f, 'a');
	CONNECT(f, 'b', 1, 2);
	EXPECT(f, "wait b 0");
	LISTEN(f, 'a', 1, 1); /* a leg may come again */
	EXPECT(f, "pair a b");
	leave(f, 'b');
	EXPECT(f, "");
	assert_int_equal(leg(f, 'a')->state, SWITCHBOARD_IDLE);
	assert_null(leg(f, 'a')->peer);
	assert_int_equal(switchboard_counts(f->board)->paired, 0);
	close_board(f);
}

/* PAIR was decided but not yet given out: the other one is not lost. */
static void test_leave_before_the_news(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	news(f);
	CONNECT(f, 'b', 1, 2);
	leave(f, 'b');
	EXPECT(f, "");
	assert_int_equal(leg(f, 'a')->state, SWITCHBOARD_WAITING);
	CONNECT(f, 'b', 1, 2);
	EXPECT(f, "pair a b");
	close_board(f);
}

/* ---- deadlines ---- */

static void test_connector_gives_up(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	CONNECT(f, 'a', 1, 1);
	news(f);
	pass(f, 9999);
	EXPECT(f, "");
	pass(f, 1);
	EXPECT(f, "drop a noPeer");
	assert_in_range(f->last.retry_ms, 1000, 1999);
	assert_int_equal(leg(f, 'a')->state, SWITCHBOARD_IDLE);
	close_board(f);
}

static void test_listener_is_pinged(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	news(f);
	for (unsigned i = 0; i < 50; i++) {
		pass(f, 19999);
		EXPECT(f, "");
		pass(f, 5001);
		EXPECT(f, "ping a");
		assert_int_equal(pong(f, 'a', f->last.opaque), 0);
		assert_false(switchboard_owes_pong(leg(f, 'a')));
	}
	close_board(f);
}

static void test_no_pong(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	news(f);
	while (!*news(f))
		pass(f, 1);
	assert_string_equal(f->news, "ping a");
	pass(f, 9999);
	EXPECT(f, "");
	pass(f, 1);
	EXPECT(f, "drop a timeout");
	assert_int_equal(f->last.retry_ms, 0);
	close_board(f);
}

static void test_wrong_pongs(void **state)
{
	struct fixture *f = open_board(&tiny);
	uint8_t opaque[FRAME_PING] = { 0 };

	(void)state;
	LISTEN(f, 'a', 1, 1);
	news(f);
	assert_int_equal(pong(f, 'a', opaque), SWITCHBOARD_E_PONG);
	pass(f, 25000);
	/* decided, but nobody has sent it: it cannot have an answer */
	assert_int_equal(pong(f, 'a', opaque), SWITCHBOARD_E_PONG);
	EXPECT(f, "ping a");
	memcpy(opaque, f->last.opaque, FRAME_PING);
	opaque[3] ^= 1;
	assert_int_equal(pong(f, 'a', opaque), SWITCHBOARD_E_PONG);
	assert_int_equal(pong(f, 'a', f->last.opaque), 0);
	assert_int_equal(pong(f, 'a', f->last.opaque), SWITCHBOARD_E_PONG);
	close_board(f);
}

/* A PING was on its way when the pair was made: its answer is still to come,
 * before the peer's bytes. */
static void test_owed_pong(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	pass(f, 25000);
	EXPECT(f, "wait a 0, ping a");
	CONNECT(f, 'b', 1, 2);
	assert_true(switchboard_owes_pong(leg(f, 'a')));
	assert_false(switchboard_owes_pong(leg(f, 'b')));
	assert_int_equal(pong(f, 'a', f->last.opaque), 0);
	EXPECT(f, "pair a b");
	pass(f, 100000);
	EXPECT(f, "");
	close_board(f);
}

static void test_owed_pong_after_the_pair(void **state)
{
	struct fixture *f = open_board(&tiny);
	uint8_t opaque[FRAME_PING];

	(void)state;
	LISTEN(f, 'a', 1, 1);
	pass(f, 25000);
	EXPECT(f, "wait a 0, ping a");
	memcpy(opaque, f->last.opaque, FRAME_PING);
	CONNECT(f, 'b', 1, 2);
	EXPECT(f, "pair a b");
	assert_true(switchboard_owes_pong(leg(f, 'a')));
	assert_int_equal(pong(f, 'a', opaque), 0);
	assert_false(switchboard_owes_pong(leg(f, 'a')));
	pass(f, 100000);
	EXPECT(f, "");
	close_board(f);
}

static void test_owed_pong_never_comes(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	while (!strstr(news(f), "ping a"))
		pass(f, 1);
	pass(f, 5000);
	CONNECT(f, 'b', 1, 2);
	EXPECT(f, "pair a b");
	pass(f, 4999);
	EXPECT(f, "");
	pass(f, 1);
	EXPECT(f, "cut a b timeout");
	assert_int_equal(leg(f, 'b')->state, SWITCHBOARD_IDLE);
	close_board(f);
}

/* Nobody has sent that PING yet; it makes no sense any more. */
static void test_ping_is_taken_back(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	EXPECT(f, "wait a 0");
	pass(f, 25000);
	CONNECT(f, 'b', 1, 2);
	EXPECT(f, "pair a b");
	assert_false(switchboard_owes_pong(leg(f, 'a')));
	close_board(f);
}

static void test_time_does_not_go_back(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	CONNECT(f, 'a', 1, 1);
	news(f);
	pass(f, 9000);
	f->now = 0;
	switchboard_tick(f->board, f->now);
	EXPECT(f, "");
	f->now = 11000;
	switchboard_tick(f->board, f->now);
	EXPECT(f, "drop a noPeer");
	close_board(f);
}

/* ---- drain ---- */

/* Waiting legs are sent away a few at a time; a pair stays; nobody may wait any
 * more. */
static void test_drain(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	CONNECT(f, 'b', 1, 2);
	LISTEN(f, 'c', 1, 1);
	CONNECT(f, 'd', 2, 2);
	LISTEN(f, 'e', 3, 3);
	news(f);
	switchboard_drain(f->board, f->now);
	EXPECT(f, "goaway c, goaway d");
	assert_in_range(f->last.retry_ms, 1000, 1999);
	switchboard_drain(f->board, f->now);
	EXPECT(f, "");
	pass(f, 9);
	EXPECT(f, "");
	pass(f, 1);
	EXPECT(f, "goaway e");
	CONNECT(f, 'g', 3, 2);
	EXPECT(f, "drop g draining");
	assert_in_range(f->last.retry_ms, 1000, 1999);
	pass(f, 100000);
	EXPECT(f, "");
	assert_int_equal(leg(f, 'a')->state, SWITCHBOARD_PAIRED);
	leave(f, 'a');
	close_board(f);
}

/* Pairs that are held back for want of a slot wait too; the pairs that are
 * there do not yield to them any more. */
static void test_drain_of_a_full_board(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	CONNECT(f, 'b', 1, 2);
	LISTEN(f, 'c', 1, 1);
	CONNECT(f, 'd', 1, 2);
	LISTEN(f, 'e', 2, 1);
	CONNECT(f, 'g', 2, 2);
	EXPECT(f, "pair a b, pair c d, wait e 1, wait g 1");
	switchboard_drain(f->board, f->now);
	EXPECT(f, "goaway e, goaway g");
	assert_int_equal(switchboard_counts(f->board)->paired, 2);
	assert_int_equal(switchboard_counts(f->board)->queued, 0);
	close_board(f);
}

/* The pair was decided before: it is made. */
static void test_drain_before_the_news(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 1);
	news(f);
	CONNECT(f, 'b', 1, 2);
	switchboard_drain(f->board, f->now);
	EXPECT(f, "pair a b");
	close_board(f);
}

/* So many come back a second, however many there are. */
static void test_drain_is_spread(void **state)
{
	struct switchboard_limits limits = tiny;
	struct fixture *f;

	(void)state;
	limits.retry_drain_ms = 5;
	limits.drain_step = LEGS;
	f = open_board(&limits);
	for (int i = 0; i < 20; i++)
		LISTEN(f, (char)('a' + i), 1U + (unsigned)i / 8, 1);
	news(f);
	switchboard_drain(f->board, f->now);
	for (struct switchboard_action a; switchboard_next(f->board, &a);)
		assert_in_range(a.retry_ms, 5, 24);
	close_board(f);
}

static void test_production_limits(void **state)
{
	const struct switchboard_limits *l = &switchboard_limits;

	(void)state;
	assert_int_equal(l->pairs, 1000);
	assert_int_equal(l->pairs_fair, 64);
	assert_int_equal(l->waiting, 20000);
	assert_int_equal(l->hall_proven, 64);
	assert_int_equal(l->hall_bare, 16);
	assert_int_equal(l->source_bare, 8);
	assert_int_equal(l->connector_ms, 10000);
	assert_int_equal(l->ping_ms, 25000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listener_first),
		cmocka_unit_test(test_connector_first),
		cmocka_unit_test(test_two_of_a_kind_wait),
		cmocka_unit_test(test_who_fits),
		cmocka_unit_test(test_proven_connectors_are_served_first),
		cmocka_unit_test(test_proven_connectors_spare_open_listeners),
		cmocka_unit_test(test_proven_listeners_are_preferred),
		cmocka_unit_test(test_leave),
		cmocka_unit_test(test_leave_before_the_news),
		cmocka_unit_test(test_connector_gives_up),
		cmocka_unit_test(test_listener_is_pinged),
		cmocka_unit_test(test_no_pong),
		cmocka_unit_test(test_wrong_pongs),
		cmocka_unit_test(test_owed_pong),
		cmocka_unit_test(test_owed_pong_after_the_pair),
		cmocka_unit_test(test_owed_pong_never_comes),
		cmocka_unit_test(test_ping_is_taken_back),
		cmocka_unit_test(test_time_does_not_go_back),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_drain_of_a_full_board),
		cmocka_unit_test(test_drain_before_the_news),
		cmocka_unit_test(test_drain_is_spread),
		cmocka_unit_test(test_production_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
