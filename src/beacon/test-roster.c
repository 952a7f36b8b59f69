/* What is counted by source and by hall decides, at the cap and at the limits,
 * who waits, who is next and who must go. */
#include "beacon/test-board.h"

/* ---- the cap ---- */

/* Two pairs hold both slots: a b from source 1, c d from source 2. */
static struct fixture *open_full(const struct switchboard_limits *limits)
{
	struct fixture *f = open_board(limits);

	LISTEN(f, 'a', 1, 9);
	CONNECT(f, 'b', 1, 1);
	LISTEN(f, 'c', 1, 9);
	CONNECT(f, 'd', 1, 2);
	EXPECT(f, "pair a b, pair c d");
	return f;
}

static void test_cap_holds_back(void **state)
{
	struct fixture *f = open_full(&tiny);

	(void)state;
	LISTEN(f, 'e', 1, 9);
	CONNECT(f, 'f', 1, 3);
	EXPECT(f, "wait e 1, wait f 1");
	CONNECT(f, 'g', 1, 4);
	LISTEN(f, 'h', 1, 9);
	EXPECT(f, "wait g 2, wait h 2");
	assert_int_equal(switchboard_counts(f->board)->queued, 2);
	leave(f, 'a');
	EXPECT(f, "pair e f, wait g 1, wait h 1");
	leave(f, 'd');
	EXPECT(f, "pair h g");
	close_board(f);
}

/* Back-pressure, not rejection: no noPeer, only pings. */
static void test_cap_waits_as_long_as_it_takes(void **state)
{
	struct fixture *f = open_full(&tiny);

	(void)state;
	LISTEN(f, 'e', 1, 9);
	CONNECT(f, 'f', 1, 3);
	news(f);
	for (unsigned i = 0; i < 20; i++) {
		struct switchboard_action a;

		pass(f, 5000);
		while (switchboard_next(f->board, &a)) {
			assert_int_equal(a.what, SWITCHBOARD_PING);
			assert_int_equal(pong(f, name(f, a.leg), a.opaque), 0);
		}
	}
	leave(f, 'a');
	EXPECT(f, "pair e f");
	close_board(f);
}

static void test_reserved_peer_leaves(void **state)
{
	struct fixture *f = open_full(&tiny);

	(void)state;
	LISTEN(f, 'e', 1, 9);
	CONNECT(f, 'f', 1, 3);
	news(f);
	pass(f, 15000);
	leave(f, 'e');
	EXPECT(f, "wait f 0");
	pass(f, 9999); /* it may look for a peer as long as a new one */
	EXPECT(f, "ping f");
	pass(f, 1);
	EXPECT(f, "drop f noPeer");
	close_board(f);
}

static void test_reserved_peer_is_replaced(void **state)
{
	struct fixture *f = open_full(&tiny);

	(void)state;
	LISTEN(f, 'e', 1, 9);
	CONNECT(f, 'f', 1, 3);
	LISTEN(f, 'g', 1, 9);
	news(f);
	leave(f, 'e');
	EXPECT(f, "wait g 1"); /* f is still first, now with g */
	leave(f, 'a');
	EXPECT(f, "pair g f");
	close_board(f);
}

/* Whoever falls back to waiting is not behind those who came later. */
static void test_reserved_leg_keeps_its_place(void **state)
{
	struct fixture *f = open_full(&tiny);

	(void)state;
	LISTEN(f, 'e', 1, 9);
	CONNECT(f, 'f', 1, 3);
	LISTEN(f, 'g', 1, 9);
	leave(f, 'f');
	news(f);
	CONNECT(f, 'h', 1, 3);
	EXPECT(f, "wait h 1, wait e 1");
	close_board(f);
}

static void test_slot_goes_to_who_holds_the_fewest(void **state)
{
	struct fixture *f = open_full(&tiny);

	(void)state;
	LISTEN(f, 'e', 1, 9);
	CONNECT(f, 'f', 1, 2); /* holds one already */
	LISTEN(f, 'g', 1, 9);
	CONNECT(f, 'h', 1, 3); /* holds none */
	news(f);
	leave(f, 'b');
	EXPECT(f, "pair g h");
	leave(f, 'g');
	EXPECT(f, "pair e f");
	close_board(f);
}

static void test_who_is_above_the_share_yields(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 9);
	CONNECT(f, 'b', 1, 1);
	LISTEN(f, 'c', 1, 9);
	CONNECT(f, 'd', 1, 1);
	news(f);
	switchboard_active(leg(f, 'a')); /* so c d is the least active */
	LISTEN(f, 'e', 1, 9);
	CONNECT(f, 'f', 1, 1); /* no one yields to his own */
	EXPECT(f, "wait e 1, wait f 1");
	LISTEN(f, 'g', 1, 9);
	CONNECT(f, 'h', 1, 2);
	EXPECT(f, "cut c d sourceBusy, pair g h");
	assert_int_equal(switchboard_counts(f->board)->yielded, 1);
	LISTEN(f, 'i', 1, 9);
	CONNECT(f, 'j', 1, 3); /* now nobody is above it */
	EXPECT(f, "wait i 2, wait j 2");
	close_board(f);
}

/* Taking from one who is above to give to one who is at the share would only
 * move the shortage. */
static void test_nobody_yields_to_who_has_his_share(void **state)
{
	struct switchboard_limits limits = tiny;
	struct fixture *f;

	(void)state;
	limits.pairs = 3;
	f = open_board(&limits);
	for (const char *l = "acegi"; *l; l++)
		LISTEN(f, *l, 1, 9);
	CONNECT(f, 'b', 1, 1);
	CONNECT(f, 'd', 1, 1);
	CONNECT(f, 'f', 1, 2);
	news(f);
	CONNECT(f, 'h', 1, 2);
	EXPECT(f, "wait h 1, wait g 1");
	CONNECT(f, 'j', 1, 3);
	EXPECT(f, "cut a b sourceBusy, pair i j");
	close_board(f);
}

/* The cut was decided and not given out, and the pair ends by itself. */
static void test_leave_before_the_cut(void **state)
{
	struct fixture *f = open_board(&tiny);

	(void)state;
	LISTEN(f, 'a', 1, 9);
	CONNECT(f, 'b', 1, 1);
	LISTEN(f, 'c', 1, 9);
	CONNECT(f, 'd', 1, 1);
	LISTEN(f, 'g', 1, 9);
	news(f);
	CONNECT(f, 'h', 1, 2);
	leave(f, 'a');
	EXPECT(f, "pair g h");
	close_board(f);
}

/* Deep in the queue positions are told with the next PING only. */
static void test_positions(void **state)
{
	struct fixture *f = open_full(&tiny);

	(void)state;
	for (const char *l = "egik"; *l; l++) {
		LISTEN(f, *l, 1, 9);
		CONNECT(f, (char)(*l + 1), 1, (unsigned)*l);
	}
	news(f);
	assert_int_equal(leg(f, 'k')->told, 4);
	leave(f, 'a');
	EXPECT(f, "pair e f, wait h 1, wait g 1, wait j 2, wait i 2, wait l 3, "
		  "wait k 3");
	LISTEN(f, 'm', 1, 9);
	CONNECT(f, 'n', 1, 20);
	LISTEN(f, 'o', 1, 9);
	CONNECT(f, 'p', 1, 21);
	news(f);
	assert_int_equal(leg(f, 'o')->told, 5);
	leave(f, 'd');
	EXPECT(f, "pair g h, wait j 1, wait i 1, wait l 2, wait k 2, wait n 3, "
		  "wait m 3");
	pass(f, 25000);
	assert_non_null(strstr(news(f), "wait o 4, ping o"));
	close_board(f);
}

/* ---- limits on those who wait ---- */

static void test_bare_legs_of_a_source(void **state)
{
	struct switchboard_limits limits = tiny;
	struct fixture *f;

	(void)state;
	limits.source_bare = 2;
	f = open_board(&limits);
	LISTEN(f, 'a', 1, 1, .bare = true);
	LISTEN(f, 'b', 2, 1, .bare = true);
	news(f);
	LISTEN(f, 'c', 3, 1, .bare = true);
	EXPECT(f, "drop c sourceBusy");
	assert_in_range(f->last.retry_ms, 5000, 9999);
	LISTEN(f, 'd', 3, 1); /* a proven leg does not count */
	LISTEN(f, 'e', 3, 2, .bare = true);
	EXPECT(f, "wait d 0, wait e 0");
	leave(f, 'a');
	LISTEN(f, 'c', 3, 1, .bare = true);
	EXPECT(f, "wait c 0");
	close_board(f);
}

/* The newest of the source that has most goes, never another's. */
static void test_full_hall(void **state)
{
	struct switchboard_limits limits = tiny;
	struct fixture *f;

	(void)state;
	limits.hall_proven = 3;
	limits.hall_bare = 1;
	f = open_board(&limits);
	LISTEN(f, 'a', 1, 1);
	LISTEN(f, 'b', 1, 2);
	LISTEN(f, 'c', 1, 2);
	news(f);
	LISTEN(f, 'd', 1, 3);
	EXPECT(f, "drop c hashBusy, wait d 0");
	LISTEN(f, 'e', 1, 4); /* all have one: the one who comes is too many */
	EXPECT(f, "drop e hashBusy");
	LISTEN(f, 'f', 1, 1);
	EXPECT(f, "drop f hashBusy");
	LISTEN(f, 'g', 1, 4, .bare = true); /* counted on its own */
	EXPECT(f, "wait g 0");
	LISTEN(f, 'h', 1, 5, .bare = true);
	EXPECT(f, "drop h hashBusy");
	LISTEN(f, 'i', 2, 5); /* another hash has room */
	EXPECT(f, "wait i 0");
	close_board(f);
}

/* Who is paired at once does not wait, so no limit on waiting stops it. */
static void test_full_hall_still_pairs(void **state)
{
	struct switchboard_limits limits = tiny;
	struct fixture *f;

	(void)state;
	limits.hall_proven = 1;
	limits.waiting = 1;
	f = open_board(&limits);
	LISTEN(f, 'a', 1, 1);
	news(f);
	CONNECT(f, 'b', 1, 1);
	EXPECT(f, "pair a b");
	close_board(f);
}

static void test_full_board(void **state)
{
	struct switchboard_limits limits = tiny;
	struct fixture *f;

	(void)state;
	limits.waiting = 3;
	f = open_board(&limits);
	LISTEN(f, 'a', 1, 1);
	LISTEN(f, 'b', 2, 1);
	LISTEN(f, 'c', 3, 2);
	news(f);
	LISTEN(f, 'd', 4, 3);
	EXPECT(f, "drop b sourceBusy, wait d 0");
	LISTEN(f, 'e', 5, 4);
	EXPECT(f, "drop e sourceBusy");
	close_board(f);
}

/* A reserved leg counts as waiting, and may be the one that goes. */
static void test_full_hall_takes_a_reserved_leg(void **state)
{
	struct switchboard_limits limits = tiny;
	struct fixture *f;

	(void)state;
	limits.hall_proven = 4;
	f = open_full(&limits);
	LISTEN(f, 'e', 1, 9);
	LISTEN(f, 'f', 1, 9);
	CONNECT(f, 'g', 1, 3);
	CONNECT(f, 'h', 1, 3);
	news(f);
	LISTEN(f, 'i', 1, 8); /* f goes, i takes its place beside h */
	EXPECT(f, "drop f hashBusy, wait i 2");
	assert_ptr_equal(leg(f, 'i')->peer, leg(f, 'h'));
	close_board(f);
}

/* Refused and gone before it was told. */
static void test_leave_before_the_drop(void **state)
{
	struct switchboard_limits limits = tiny;
	struct fixture *f;

	(void)state;
	limits.waiting = 1;
	f = open_board(&limits);
	LISTEN(f, 'a', 1, 1);
	LISTEN(f, 'b', 1, 1);
	leave(f, 'b');
	EXPECT(f, "wait a 0");
	close_board(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cap_holds_back),
		cmocka_unit_test(test_cap_waits_as_long_as_it_takes),
		cmocka_unit_test(test_reserved_peer_leaves),
		cmocka_unit_test(test_reserved_peer_is_replaced),
		cmocka_unit_test(test_reserved_leg_keeps_its_place),
		cmocka_unit_test(test_slot_goes_to_who_holds_the_fewest),
		cmocka_unit_test(test_who_is_above_the_share_yields),
		cmocka_unit_test(test_nobody_yields_to_who_has_his_share),
		cmocka_unit_test(test_leave_before_the_cut),
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_bare_legs_of_a_source),
		cmocka_unit_test(test_full_hall),
		cmocka_unit_test(test_full_hall_still_pairs),
		cmocka_unit_test(test_full_board),
		cmocka_unit_test(test_full_hall_takes_a_reserved_leg),
		cmocka_unit_test(test_leave_before_the_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
