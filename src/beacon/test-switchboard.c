#include "beacon/switchboard.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Legs are named by letters. What the switchboard decides is written down as
 * text, such as "wait a 0, pair a b, drop c noPeer", and compared. */

enum { LEGS = 26 };

struct fixture {
	struct switchboard *board;
	struct switchboard_leg legs[LEGS];
	uint64_t now;
	char news[1000];
	struct switchboard_action last;
};

static const struct switchboard_limits tiny = {
	.pairs = 2,
	.pairs_fair = 1,
	.waiting = 20,
	.hall_proven = 12,
	.hall_bare = 8,
	.source_bare = 8,
	.connector_ms = 10000,
	.ping_ms = 25000,
	.pong_ms = 10000,
	.retry_peer_ms = 1000,
	.retry_busy_ms = 5000,
	.positions_told = 3,
};

static struct fixture *open_board(const struct switchboard_limits *limits)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->now = 1000;
	assert_int_equal(switchboard_new(&f->board, limits, f->now, 1), 0);
	return f;
}

static struct switchboard_leg *leg(struct fixture *f, char name)
{
	return &f->legs[name - 'a'];
}

static char name(struct fixture *f, const struct switchboard_leg *l)
{
	return (char)('a' + (l - f->legs));
}

static void write_down(struct fixture *f, const struct switchboard_action *a)
{
	size_t used = strlen(f->news);
	char *to = f->news + used;
	size_t room = sizeof(f->news) - used;
	const char *comma = used ? ", " : "";
	char who = name(f, a->leg);

	switch (a->what) {
	case SWITCHBOARD_WAIT:
		snprintf(to, room, "%swait %c %u", comma, who, a->position);
		break;
	case SWITCHBOARD_PING:
		snprintf(to, room, "%sping %c", comma, who);
		break;
	case SWITCHBOARD_PAIR:
		snprintf(
		    to, room, "%spair %c %c", comma, who, name(f, a->peer));
		break;
	case SWITCHBOARD_DROP:
		snprintf(to, room, "%sdrop %c %s", comma, who,
		    frame_error_name(a->code));
		break;
	case SWITCHBOARD_CUT:
		snprintf(to, room, "%scut %c %c %s", comma, who,
		    name(f, a->peer), frame_error_name(a->code));
		break;
	}
}

/* Everything that was decided since the last time. */
static const char *news(struct fixture *f)
{
	struct switchboard_action a;

	f->news[0] = '\0';
	while (switchboard_next(f->board, &a)) {
		write_down(f, &a);
		f->last = a;
	}
	return f->news;
}

#define EXPECT(f, want) assert_string_equal(news(f), want)

struct who {
	unsigned hash, source;
	bool bare, require_proven;
};

static void join(
    struct fixture *f, char l, enum frame_role role, struct who who)
{
	struct switchboard_hello hello = {
		.role = role,
		.hash = { (uint8_t)who.hash },
		.source = { .family = 4, .prefix = { (uint8_t)who.source } },
		.proven = !who.bare,
		.require_proven = who.require_proven,
	};

	assert_int_equal(
	    switchboard_join(f->board, leg(f, l), &hello, f->now), 0);
}

#define LISTEN(f, l, ...) join(f, l, FRAME_LISTEN, (struct who){ __VA_ARGS__ })
#define CONNECT(f, l, ...)                                                     \
	join(f, l, FRAME_CONNECT, (struct who){ __VA_ARGS__ })

static void leave(struct fixture *f, char l)
{
	switchboard_leave(f->board, leg(f, l), f->now);
}

/* Time passes, and stops at each deadline. */
static void pass(struct fixture *f, uint64_t ms)
{
	uint64_t end = f->now + ms;

	while (switchboard_due(f->board) < end) {
		if (switchboard_due(f->board) > f->now)
			f->now = switchboard_due(f->board);
		switchboard_tick(f->board, f->now);
	}
	f->now = end;
	switchboard_tick(f->board, f->now);
}

static int pong(struct fixture *f, char l, const uint8_t *opaque)
{
	return switchboard_pong(f->board, leg(f, l), opaque, f->now);
}

static void close_board(struct fixture *f)
{
	for (size_t i = 0; i < LEGS; i++)
		leave(f, name(f, &f->legs[i]));
	assert_string_equal(news(f), "");
	assert_int_equal(switchboard_counts(f->board)->halls, 0);
	assert_int_equal(switchboard_counts(f->board)->sources, 0);
	assert_int_equal(switchboard_due(f->board), UINT64_MAX);
	switchboard_free(f->board);
	free(f);
}

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
	assert_int_equal(switchboard_counts(f->board)->connector_wait_ms, 400);
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
		cmocka_unit_test(test_production_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
