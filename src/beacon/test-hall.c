/* Who may be paired with whom, and who of several is. */
#include "beacon/hall.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct switchboard_hall hall;

static int empty_hall(void **state)
{
	(void)state;
	for (size_t role = 0; role < ROSTER_ROLES; role++)
		for (size_t kind = 0; kind < ROSTER_KINDS; kind++)
			TAILQ_INIT(&hall.waiting[role][kind]);
	return 0;
}

/* As text: 'p'roven or 'b'are, asking for a 'p'roven peer or for 'a'ny. */
static struct switchboard_leg leg_of(enum frame_role role, const char *class)
{
	static uint64_t serial;

	return (struct switchboard_leg){ .role = role,
		.proven = class[0] == 'p',
		.require_proven = class[1] == 'p',
		.serial = ++serial,
		.hall = &hall };
}

static void each_is_what_the_other_asks_for(void **state)
{
	static const struct {
		const char *one, *other;
		bool fit;
	} rows[] = {
		{ "ba", "ba", true },
		{ "ba", "pa", true },
		{ "ba", "bp", false },
		{ "ba", "pp", false },
		{ "bp", "bp", false },
		{ "bp", "pa", true },
		{ "bp", "pp", false },
		{ "pa", "pa", true },
		{ "pa", "pp", true },
		{ "pp", "pp", true },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows) * 2; i++) {
		bool swapped = i % 2;
		const char *one = rows[i / 2].one, *other = rows[i / 2].other;
		struct switchboard_leg listener =
		    leg_of(FRAME_LISTEN, swapped ? other : one);
		struct switchboard_leg connector =
		    leg_of(FRAME_CONNECT, swapped ? one : other);
		bool fit;

		hall_stand(&listener, false);
		fit = hall_peer(&connector) == &listener;
		if (fit != rows[i / 2].fit)
			fail_msg("%s %s", one, other);
		hall_leave(&listener);
		hall_stand(&connector, false);
		assert_true((hall_peer(&listener) == &connector) == fit);
		hall_leave(&connector);
	}
}

/* The first that is named waits first; the one wanted is meant by its place. */
static void the_best_of_several_is_taken(void **state)
{
	static const struct {
		const char *label;
		enum frame_role role;
		const char *who, *waiting[3];
		size_t want;
	} rows[] = {
		{ "who came first", FRAME_CONNECT, "ba", { "ba", "ba" }, 0 },
		{ "a proven one before", FRAME_CONNECT, "ba", { "ba", "pa" },
		    1 },
		{ "one that only proven ones can have", FRAME_CONNECT, "pa",
		    { "pa", "pp" }, 1 },
		{ "of connectors, who came first", FRAME_LISTEN, "pa",
		    { "pa", "pp" }, 0 },
		{ "not the best that does not fit", FRAME_CONNECT, "ba",
		    { "pp", "ba", "pa" }, 2 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct switchboard_leg who = leg_of(rows[i].role, rows[i].who);
		struct switchboard_leg legs[3];
		size_t n = 0;

		for (; n < 3 && rows[i].waiting[n]; n++) {
			legs[n] = leg_of(rows[i].role == FRAME_CONNECT
					     ? FRAME_LISTEN
					     : FRAME_CONNECT,
			    rows[i].waiting[n]);
			hall_stand(&legs[n], false);
		}
		if (hall_peer(&who) != &legs[rows[i].want])
			fail_msg("%s", rows[i].label);
		while (n)
			hall_leave(&legs[--n]);
	}
}

static void who_waits_again_is_before_its_like(void **state)
{
	struct switchboard_leg again = leg_of(FRAME_LISTEN, "ba"),
			       other = leg_of(FRAME_LISTEN, "ba"),
			       who = leg_of(FRAME_CONNECT, "ba");

	(void)state;
	hall_stand(&other, false);
	hall_stand(&again, true);
	assert_ptr_equal(hall_peer(&who), &again);
	hall_leave(&again);
	assert_ptr_equal(hall_peer(&who), &other);
}

static void nobody_of_its_own_role(void **state)
{
	struct switchboard_leg one = leg_of(FRAME_LISTEN, "ba"),
			       other = leg_of(FRAME_LISTEN, "ba");

	(void)state;
	hall_stand(&other, false);
	assert_null(hall_peer(&one));
}

#define TEST(fn) cmocka_unit_test_setup(fn, empty_hall)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_is_what_the_other_asks_for),
		TEST(the_best_of_several_is_taken),
		TEST(who_waits_again_is_before_its_like),
		TEST(nobody_of_its_own_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
