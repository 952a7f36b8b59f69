#include "base/wheel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* What ran, in order. */
static struct {
	struct wheel_timer *timer;
	uint64_t now;
} ran[20000];
static size_t n_ran;
static struct wheel *wheel;

static void note(struct wheel_timer *t, uint64_t now)
{
	INVARIANT(n_ran < N_ELEMS(ran));
	ran[n_ran].timer = t;
	ran[n_ran++].now = now;
}

static int setup(void **state)
{
	(void)state;
	n_ran = 0;
	return wheel_new(&wheel, 1000);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(wheel_count(wheel), 0);
	wheel_free(wheel);
	return 0;
}

static void a_timer_runs_once_at_its_time(void **state)
{
	struct wheel_timer t = { 0 };

	(void)state;
	wheel_arm(wheel, &t, 1500, note);
	assert_true(wheel_armed(&t));
	assert_int_equal(wheel_count(wheel), 1);
	wheel_advance(wheel, 1499);
	assert_int_equal(n_ran, 0);
	wheel_advance(wheel, 1500);
	assert_int_equal(n_ran, 1);
	assert_ptr_equal(ran[0].timer, &t);
	assert_int_equal(ran[0].now, 1500);
	assert_false(wheel_armed(&t));
	wheel_advance(wheel, 9999);
	assert_int_equal(n_ran, 1);
}

static const struct {
	const char *label;
	uint64_t start, due;
} far_rows[] = {
	{ "next millisecond", 0, 1 },
	{ "across one digit", 63, 64 },
	{ "across two digits", 4095, 4096 },
	{ "across all digits", UINT64_C(1) << 59, UINT64_C(1) << 60 },
	{ "a day", 123456789, 123456789 + 86400000 },
	{ "a century", 5, UINT64_C(3155760000000) },
	{ "the end of time", 77, UINT64_MAX },
	{ "the end of time, soon", UINT64_MAX - 1, UINT64_MAX },
	{ "highest digit", 1, UINT64_C(1) << 63 },
};

static void every_distance_is_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(far_rows); i++) {
		struct wheel_timer t = { 0 };
		struct wheel *w;

		n_ran = 0;
		assert_int_equal(wheel_new(&w, far_rows[i].start), 0);
		wheel_arm(w, &t, far_rows[i].due, note);
		wheel_advance(w, far_rows[i].due - 1);
		if (n_ran)
			fail_msg("%s: too early", far_rows[i].label);
		wheel_advance(w, far_rows[i].due);
		if (n_ran != 1)
			fail_msg("%s: not run", far_rows[i].label);
		wheel_free(w);
	}
}

static void past_and_present_run_at_the_next_advance(void **state)
{
	struct wheel_timer t[3] = { 0 };

	(void)state;
	wheel_arm(wheel, &t[0], 5, note);
	wheel_arm(wheel, &t[1], 1000, note);
	wheel_arm(wheel, &t[2], 0, note);
	assert_int_equal(n_ran, 0);
	assert_true(wheel_next(wheel) <= 1000);
	wheel_advance(wheel, 1000);
	assert_int_equal(n_ran, 3);
}

static void due_times_order_a_long_jump(void **state)
{
	static const uint64_t due[] = { 90000, 1001, 5000, 1063, 1064, 70000 };
	static const size_t order[] = { 1, 3, 4, 2, 5, 0 };
	struct wheel_timer t[N_ELEMS(due)] = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(due); i++)
		wheel_arm(wheel, &t[i], due[i], note);
	wheel_advance(wheel, 100000);
	assert_int_equal(n_ran, N_ELEMS(due));
	for (size_t i = 0; i < N_ELEMS(due); i++) {
		assert_ptr_equal(ran[i].timer, &t[order[i]]);
		assert_int_equal(ran[i].now, 100000);
	}
}

static void equal_times_run_in_order_of_arming(void **state)
{
	struct wheel_timer t[50] = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++)
		wheel_arm(wheel, &t[i], 70000, note);
	wheel_advance(wheel, 69990); /* so that they move down on the way */
	wheel_advance(wheel, 70000);
	assert_int_equal(n_ran, N_ELEMS(t));
	for (size_t i = 0; i < N_ELEMS(t); i++)
		assert_ptr_equal(ran[i].timer, &t[i]);
}

static void arming_again_moves(void **state)
{
	struct wheel_timer t = { 0 };

	(void)state;
	wheel_arm(wheel, &t, 1010, note);
	wheel_arm(wheel, &t, 2000, note);
	assert_int_equal(wheel_count(wheel), 1);
	wheel_advance(wheel, 1999);
	assert_int_equal(n_ran, 0);
	wheel_advance(wheel, 2000);
	assert_int_equal(n_ran, 1);
}

static void disarmed_does_not_run_and_leaves_nothing(void **state)
{
	struct wheel_timer t[3] = { 0 };

	(void)state;
	wheel_arm(wheel, &t[0], 1010, note);
	wheel_arm(wheel, &t[1], 70000, note);
	wheel_arm(wheel, &t[2], 3, note);
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		wheel_disarm(wheel, &t[i]);
		wheel_disarm(wheel, &t[i]); /* repeatable */
		assert_false(wheel_armed(&t[i]));
	}
	assert_int_equal(wheel_count(wheel), 0);
	assert_true(wheel_next(wheel) == UINT64_MAX);
	wheel_advance(wheel, 100000);
	assert_int_equal(n_ran, 0);
}

static void time_does_not_go_back(void **state)
{
	struct wheel_timer t = { 0 };

	(void)state;
	wheel_advance(wheel, 5000);
	wheel_advance(wheel, 10);
	wheel_arm(wheel, &t, 4000, note);
	wheel_advance(wheel, 20);
	assert_int_equal(n_ran, 1);
	assert_int_equal(ran[0].now, 5000);
}

/* The next time asked for is never too late, and asking leads there in a
 * bounded number of steps. */
static void next_leads_to_the_due_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(far_rows); i++) {
		struct wheel_timer t = { 0 };
		struct wheel *w;
		size_t steps = 0;

		n_ran = 0;
		assert_int_equal(wheel_new(&w, far_rows[i].start), 0);
		wheel_arm(w, &t, far_rows[i].due, note);
		while (!n_ran && steps++ < 12) {
			uint64_t next = wheel_next(w);

			if (next > far_rows[i].due)
				fail_msg("%s: too late", far_rows[i].label);
			wheel_advance(w, next);
		}
		if (!n_ran)
			fail_msg("%s: too many steps", far_rows[i].label);
		wheel_free(w);
	}
}

static struct wheel_timer self, other;

static void rearm_at_once(struct wheel_timer *t, uint64_t now)
{
	note(t, now);
	wheel_arm(wheel, t, now, rearm_at_once);
}

static void a_callback_that_rearms_at_once_waits_for_the_next(void **state)
{
	(void)state;
	wheel_arm(wheel, &self, 1001, rearm_at_once);
	for (size_t i = 1; i <= 3; i++) {
		wheel_advance(wheel, 1001);
		assert_int_equal(n_ran, i);
	}
	wheel_disarm(wheel, &self);
}

static void rearm_in_the_jump(struct wheel_timer *t, uint64_t now)
{
	note(t, now);
	wheel_arm(wheel, t, t->due_ms + 10, rearm_in_the_jump);
}

static void a_time_inside_the_jump_counts_as_reached(void **state)
{
	(void)state;
	wheel_arm(wheel, &self, 1001, rearm_in_the_jump);
	wheel_advance(wheel, 5000);
	assert_int_equal(n_ran, 1);
	wheel_advance(wheel, 5000);
	assert_int_equal(n_ran, 2);
	wheel_disarm(wheel, &self);
}

static void disarm_other(struct wheel_timer *t, uint64_t now)
{
	note(t, now);
	wheel_disarm(wheel, &other);
}

static void a_callback_may_disarm_one_that_is_due_too(void **state)
{
	(void)state;
	wheel_arm(wheel, &self, 1001, disarm_other);
	wheel_arm(wheel, &other, 1001, note);
	wheel_advance(wheel, 1001);
	assert_int_equal(n_ran, 1);
	wheel_arm(wheel, &self, 900, disarm_other);
	wheel_arm(wheel, &other, 900, note);
	wheel_advance(wheel, 1001);
	assert_int_equal(n_ran, 2);
	wheel_arm(wheel, &self, 1100, disarm_other);
	wheel_arm(wheel, &other, 1200, note);
	wheel_advance(wheel, 1300);
	assert_int_equal(n_ran, 3);
	assert_int_equal(wheel_count(wheel), 0);
}

static void arm_other_later(struct wheel_timer *t, uint64_t now)
{
	note(t, now);
	wheel_arm(wheel, &other, now + 64, note);
}

static void a_callback_may_arm_for_later(void **state)
{
	(void)state;
	wheel_arm(wheel, &self, 1001, arm_other_later);
	wheel_advance(wheel, 5000);
	assert_int_equal(n_ran, 1);
	wheel_advance(wheel, 5063);
	assert_int_equal(n_ran, 1);
	wheel_advance(wheel, 5064);
	assert_int_equal(n_ran, 2);
}

/* Against the definition: random arming, moving, disarming and advancing; each
 * timer runs at the first advance that reaches it, and in order. */
static uint64_t random_state = 88172645463325252u;

static uint64_t draw(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

enum { MANY = 300 };

static void check_advance(struct wheel_timer *t, bool *armed, uint64_t now)
{
	size_t due = 0;

	n_ran = 0;
	for (size_t i = 0; i < MANY; i++)
		due += armed[i] && t[i].due_ms <= now;
	wheel_advance(wheel, now);
	assert_int_equal(n_ran, due);
	for (size_t i = 0; i < n_ran; i++) {
		size_t index = (size_t)(ran[i].timer - t);

		assert_true(armed[index]);
		armed[index] = false;
		assert_true(ran[i].timer->due_ms <= now);
		if (i)
			assert_true(
			    ran[i - 1].timer->due_ms <= ran[i].timer->due_ms);
	}
}

static void check_next(struct wheel_timer *t, const bool *armed)
{
	uint64_t first = UINT64_MAX;
	size_t count = 0;

	for (size_t i = 0; i < MANY; i++) {
		count += armed[i];
		assert_int_equal(armed[i], wheel_armed(&t[i]));
		if (armed[i] && t[i].due_ms < first)
			first = t[i].due_ms;
	}
	assert_int_equal(wheel_count(wheel), count);
	assert_true(wheel_next(wheel) <= first);
	assert_true(count || wheel_next(wheel) == UINT64_MAX);
}

static void random_schedules_agree_with_the_definition(void **state)
{
	static struct wheel_timer t[MANY];
	static bool armed[MANY];
	uint64_t now = 1000;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		for (int i = 0; i < 20; i++) {
			size_t index = draw(MANY);
			uint64_t span = UINT64_C(1) << draw(24);

			armed[index] = draw(3) > 0;
			if (armed[index])
				wheel_arm(wheel, &t[index],
				    now + 1 + draw(span), note);
			else
				wheel_disarm(wheel, &t[index]);
		}
		now += draw(UINT64_C(1) << draw(20));
		check_advance(t, armed, now);
		check_next(t, armed);
	}
	for (size_t i = 0; i < MANY; i++)
		wheel_disarm(wheel, &t[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WHEEL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		WHEEL_TEST(a_timer_runs_once_at_its_time),
		WHEEL_TEST(every_distance_is_exact),
		WHEEL_TEST(past_and_present_run_at_the_next_advance),
		WHEEL_TEST(due_times_order_a_long_jump),
		WHEEL_TEST(equal_times_run_in_order_of_arming),
		WHEEL_TEST(arming_again_moves),
		WHEEL_TEST(disarmed_does_not_run_and_leaves_nothing),
		WHEEL_TEST(time_does_not_go_back),
		WHEEL_TEST(next_leads_to_the_due_time),
		WHEEL_TEST(a_callback_that_rearms_at_once_waits_for_the_next),
		WHEEL_TEST(a_time_inside_the_jump_counts_as_reached),
		WHEEL_TEST(a_callback_may_disarm_one_that_is_due_too),
		WHEEL_TEST(a_callback_may_arm_for_later),
		WHEEL_TEST(random_schedules_agree_with_the_definition),
	};

	return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
