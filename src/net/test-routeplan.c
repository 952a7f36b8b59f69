#include "net/routeplan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { START = 1000000 };

static struct routeplan plan;

static void make_every(unsigned targets, unsigned count, unsigned bare)
{
	plan = (struct routeplan){ .keep = ROUTE_EVERY,
		.count = count,
		.bare = bare,
		.spares = true,
		.n_targets = targets };
	routeplan_init(&plan, START);
}

static void make_some(unsigned targets, unsigned count)
{
	plan = (struct routeplan){
		.keep = ROUTE_SOME, .count = count, .n_targets = targets
	};
	for (unsigned i = 0; i < targets; i++) /* the last one is best */
		plan.order[i] = (uint8_t)(targets - 1 - i);
	routeplan_init(&plan, START);
}

/* Start what the plan wants at @now, at most once; return its target or -1. */
static int start_one(uint64_t now)
{
	struct routeplan_step step = routeplan_next(&plan, now);

	if (!step.attempt)
		return -1;
	routeplan_started(&plan, step.target, step.kind);
	return (int)step.target;
}

static uint64_t wait_of(uint64_t now)
{
	struct routeplan_step step = routeplan_next(&plan, now);

	assert_false(step.attempt);
	return step.until;
}

static bool fail_at(unsigned target, struct routeplan_end end)
{
	return routeplan_failed(&plan, target, ROUTEPLAN_PROVEN, false, &end);
}

static void one_attempt_goes_first_then_the_rest(void **state)
{
	(void)state;
	make_every(1, 4, 2);
	assert_int_equal(start_one(START), 0);
	assert_int_equal(start_one(START), -1);
	(void)!routeplan_registered(&plan, 0, START);
	for (int i = 0; i < 3; i++)
		assert_int_equal(start_one(START), 0);
	assert_int_equal(start_one(START), -1);
	assert_true(wait_of(START) == UINT64_MAX);
	assert_int_equal(plan.target[0].on_way[ROUTEPLAN_PROVEN], 2);
	assert_int_equal(plan.target[0].on_way[ROUTEPLAN_BARE], 2);
}

static void every_target_is_on_its_own(void **state)
{
	(void)state;
	make_every(3, 1, 0);
	assert_int_equal(start_one(START), 0);
	assert_int_equal(start_one(START), 1);
	assert_int_equal(start_one(START), 2);
	assert_int_equal(start_one(START), -1);
	assert_true(fail_at(
	    1, (struct routeplan_end){ .now = START, .random = UINT32_MAX }));
	assert_int_equal(start_one(START), -1);
	assert_int_equal(wait_of(START), START + ROUTEPLAN_REST_LEAST_MS);
	assert_int_equal(start_one(START + ROUTEPLAN_REST_LEAST_MS), 1);
}

static void a_spare_leg_that_is_paired_is_replaced(void **state)
{
	(void)state;
	make_every(1, 1, 0);
	assert_int_equal(start_one(START), 0);
	(void)!routeplan_registered(&plan, 0, START);
	(void)!routeplan_got(&plan, 0, ROUTEPLAN_PROVEN, true, START);
	assert_int_equal(start_one(START), 0);
	assert_int_equal(start_one(START), -1);
	/* and its end says nothing of the beacon */
	routeplan_ended(&plan, 0, &(struct routeplan_end){ .now = START + 5 });
	assert_int_equal(plan.target[0].rest_until, 0);
}

static void without_spares_a_leg_that_lives_is_one_of_the_count(void **state)
{
	(void)state;
	make_every(1, 1, 0);
	plan.spares = false;
	assert_int_equal(start_one(START), 0);
	(void)!routeplan_got(&plan, 0, ROUTEPLAN_PROVEN, false, START);
	assert_int_equal(start_one(START), -1);
	routeplan_ended(&plan, 0,
	    &(struct routeplan_end){ .now = START, .random = UINT32_MAX });
	assert_int_equal(wait_of(START), START + ROUTEPLAN_REST_LEAST_MS);
}

/* Fail over and over with the largest random number: the rest is the ceiling.
 */
static void rests_grow_to_their_limit(void **state)
{
	static const unsigned want[] = { 500, 1000, 2000, 4000, 8000, 16000,
		30000, 30000, 30000 };
	uint64_t now = START;

	(void)state;
	make_some(1, 1);
	for (size_t i = 0; i < N_ELEMS(want); i++) {
		assert_int_equal(start_one(now), 0);
		assert_true(fail_at(0, (struct routeplan_end){
					   .now = now, .random = UINT32_MAX }));
		assert_int_equal(wait_of(now), now + want[i]);
		now += want[i];
	}
	for (int i = 0; i < 100; i++) { /* no overflow, ever */
		assert_int_equal(start_one(now), 0);
		assert_true(fail_at(0, (struct routeplan_end){
					   .now = now, .random = UINT32_MAX }));
		now += ROUTEPLAN_REST_MOST_MS;
	}
	assert_int_equal(start_one(now), 0);
}

static void a_rest_is_drawn_from_zero_to_its_ceiling(void **state)
{
	static const struct {
		uint32_t random;
		unsigned rest;
	} rows[] = { { 0, 1 }, { 1u << 31, 251 }, { UINT32_MAX, 500 } };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		make_some(1, 1);
		assert_int_equal(start_one(START), 0);
		assert_true(fail_at(0, (struct routeplan_end){ .now = START,
					   .random = rows[i].random }));
		assert_int_equal(wait_of(START), START + rows[i].rest);
	}
}

static void what_a_beacon_asks_for_is_kept_up_to_a_limit(void **state)
{
	static const struct {
		uint32_t retry, rest;
	} rows[] = { { 0, 1 }, { 1, 1 }, { 5000, 5000 }, { 60000, 60000 },
		{ 60001, 60000 }, { UINT32_MAX, 60000 } };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		make_some(1, 1);
		assert_int_equal(start_one(START), 0);
		assert_true(fail_at(0, (struct routeplan_end){ .now = START,
					   .retry_ms = rows[i].retry }));
		assert_int_equal(wait_of(START), START + rows[i].rest);
	}
}

/* How long the rest after three failures and a life of @lived is at most. */
static unsigned rest_after(uint64_t lived, bool registered_first)
{
	struct routeplan_end end = { .now = START, .random = UINT32_MAX };

	make_some(1, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(start_one(end.now), 0);
		assert_true(fail_at(0, end));
		end.now += ROUTEPLAN_REST_MOST_MS;
	}
	assert_int_equal(start_one(end.now), 0);
	if (registered_first)
		(void)!routeplan_registered(&plan, 0, end.now);
	else
		assert_true(
		    routeplan_got(&plan, 0, ROUTEPLAN_PROVEN, false, end.now));
	end.now += lived;
	if (registered_first)
		assert_true(
		    routeplan_failed(&plan, 0, ROUTEPLAN_PROVEN, true, &end));
	else
		routeplan_ended(&plan, 0, &end);
	return (unsigned)(wait_of(end.now) - end.now);
}

static void only_working_for_long_enough_makes_good(void **state)
{
	(void)state;
	for (int registered = 0; registered < 2; registered++) {
		assert_int_equal(rest_after(0, registered), 4000);
		assert_int_equal(
		    rest_after(ROUTEPLAN_WORKS_MS - 1, registered), 4000);
		assert_int_equal(
		    rest_after(ROUTEPLAN_WORKS_MS, registered), 500);
	}
}

static void legs_that_die_together_count_once(void **state)
{
	struct routeplan_end end = { .now = START, .random = UINT32_MAX };

	(void)state;
	make_every(1, 4, 0);
	assert_int_equal(start_one(START), 0);
	(void)!routeplan_registered(&plan, 0, START);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(start_one(START), 0);
		(void)!routeplan_registered(&plan, 0, START);
	}
	assert_true(routeplan_failed(
	    &plan, 0, ROUTEPLAN_PROVEN, true, &end)); /* news */
	end.now++;
	for (int i = 0; i < 3; i++)
		assert_false(
		    routeplan_failed(&plan, 0, ROUTEPLAN_PROVEN, true, &end));
	assert_int_equal(plan.target[0].failures, 1);
	assert_int_equal(wait_of(end.now), START + 500);
	/* then one goes first again */
	assert_int_equal(start_one(START + 500), 0);
	assert_int_equal(start_one(START + 500), -1);
	(void)!routeplan_registered(&plan, 0, START);
	assert_int_equal(start_one(START + 500), 0);
}

static void it_is_news_when_a_target_begins_to_work(void **state)
{
	(void)state;
	make_every(1, 2, 0);
	assert_int_equal(start_one(START), 0);
	assert_true(routeplan_registered(&plan, 0, START));
	assert_int_equal(start_one(START), 0);
	assert_false(routeplan_got(&plan, 0, ROUTEPLAN_PROVEN, false, START));
	assert_int_equal(start_one(START), 0);
	assert_true(fail_at(0, (struct routeplan_end){ .now = START }));
	assert_int_equal(start_one(START + 1), 0);
	assert_true(
	    routeplan_got(&plan, 0, ROUTEPLAN_PROVEN, false, START + 1));
}

static void one_failure_does_not_wait_for_those_that_wait(void **state)
{
	(void)state;
	make_every(1, 2, 0);
	assert_int_equal(start_one(START), 0);
	(void)!routeplan_registered(&plan, 0, START);
	assert_int_equal(start_one(START), 0);
	assert_true(fail_at(0, (struct routeplan_end){ .now = START }));
	/* the first one waits for its peer still; the second is tried again */
	assert_int_equal(start_one(START + 1), 0);
}

static void bare_legs_are_refilled_slowly(void **state)
{
	unsigned taken = 0;

	(void)state;
	make_every(1, 3, 2);
	assert_int_equal(start_one(START), 0);
	(void)!routeplan_registered(&plan, 0, START);
	for (uint64_t now = START; now < START + 60000; now += 10) {
		if (start_one(now) < 0)
			continue;
		/* a stranger takes it at once and leaves */
		(void)!routeplan_registered(&plan, 0, START);
		assert_false(
		    routeplan_got(&plan, 0, ROUTEPLAN_BARE, true, START));
		routeplan_ended(
		    &plan, 0, &(struct routeplan_end){ .now = now });
		taken++;
	}
	assert_in_range(taken, 10, 12); /* two to begin with, ten a minute */
	assert_int_equal(plan.target[0].on_way[ROUTEPLAN_PROVEN], 1);
}

/* As many brokers as come may boot, one after the other. */
static void a_bare_leg_that_was_of_use_is_given_back(void **state)
{
	(void)state;
	make_every(1, 3, 2);
	assert_int_equal(start_one(START), 0);
	(void)!routeplan_registered(&plan, 0, START);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(start_one(START), 0);
		(void)!routeplan_registered(&plan, 0, START);
		assert_false(
		    routeplan_got(&plan, 0, ROUTEPLAN_BARE, true, START));
		routeplan_ended(
		    &plan, 0, &(struct routeplan_end){ .now = START });
		routeplan_welcome(&plan, 0, START);
	}
	for (int i = 0; i < 100; i++) /* never more than it begins with */
		routeplan_welcome(&plan, 0, START);
	assert_int_equal(plan.target[0].refill[ROUTEPLAN_BARE].left, 2);
}

static void even_proven_legs_have_a_limit(void **state)
{
	unsigned taken = 0;

	(void)state;
	make_every(1, 1, 0);
	for (uint64_t now = START; now < START + 60000; now += 10) {
		if (start_one(now) < 0)
			continue;
		(void)!routeplan_registered(&plan, 0, START);
		assert_false(
		    routeplan_got(&plan, 0, ROUTEPLAN_PROVEN, true, START));
		taken++;
	}
	assert_in_range(taken, 80, 95); /* below a source's 100 a minute */
}

static void some_takes_the_best_and_falls_back_in_order(void **state)
{
	struct routeplan_end end = { .now = START, .random = UINT32_MAX };

	(void)state;
	make_some(3, 1);
	assert_int_equal(start_one(START), 2);
	assert_int_equal(start_one(START), -1);
	assert_true(fail_at(2, end));
	assert_int_equal(start_one(START), 1);
	assert_true(fail_at(1, end));
	assert_int_equal(start_one(START), 0);
	assert_true(fail_at(0, end));
	assert_int_equal(start_one(START), -1);
	assert_int_equal(wait_of(START), START + 500);
	assert_int_equal(start_one(START + 500), 2);
}

static void some_spreads_its_legs_over_targets(void **state)
{
	(void)state;
	make_some(3, 2);
	assert_int_equal(start_one(START), 2);
	assert_int_equal(start_one(START), 1);
	assert_int_equal(start_one(START), -1);
	make_some(1, 2); /* never two on one target */
	assert_int_equal(start_one(START), 0);
	assert_int_equal(start_one(START), -1);
	assert_true(wait_of(START) == UINT64_MAX);
}

static void a_leg_that_ended_is_replaced_elsewhere_at_once(void **state)
{
	(void)state;
	make_some(2, 1);
	assert_int_equal(start_one(START), 1);
	(void)!routeplan_got(&plan, 1, ROUTEPLAN_PROVEN, false, START);
	assert_int_equal(start_one(START), -1);
	routeplan_ended(&plan, 1,
	    &(struct routeplan_end){ .now = START, .random = UINT32_MAX });
	assert_int_equal(start_one(START), 0);
}

static void a_target_that_breaks_shedding_keeps_tls_for_a_while(void **state)
{
	(void)state;
	make_some(2, 1);
	assert_true(routeplan_sheds(&plan, 0, START));
	routeplan_cut_at_shed(&plan, 0, START);
	assert_false(routeplan_sheds(&plan, 0, START));
	assert_true(routeplan_sheds(&plan, 1, START));
	assert_false(
	    routeplan_sheds(&plan, 0, START + ROUTEPLAN_KEEP_TLS_MS - 1));
	assert_true(routeplan_sheds(&plan, 0, START + ROUTEPLAN_KEEP_TLS_MS));
}

/* Thousands of schedules: whatever happens, in whatever order, the plan keeps
 * its promises. */
struct attempt {
	bool there, registered, live;
	unsigned target;
	enum routeplan_kind kind;
};

static struct attempt attempts[64];
static uint32_t seed;

static uint32_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static void remember(const struct routeplan_step *step)
{
	for (size_t i = 0; i < N_ELEMS(attempts); i++) {
		if (attempts[i].there)
			continue;
		attempts[i] = (struct attempt){
			.there = true,
			.target = step->target,
			.kind = step->kind,
		};
		return;
	}
	fail_msg("too many legs");
}

static void check_limits(void)
{
	unsigned all = 0;

	for (unsigned i = 0; i < plan.n_targets; i++) {
		struct routeplan_target *t = &plan.target[i];
		unsigned way = t->on_way[0] + t->on_way[1];
		unsigned have = way + (plan.spares ? 0 : t->live);

		assert_true(t->pending <= way);
		assert_true(t->on_way[ROUTEPLAN_BARE] <= plan.bare);
		assert_true(have <= (plan.keep == ROUTE_SOME ? 1 : plan.count));
		all += have;
	}
	if (plan.keep == ROUTE_SOME)
		assert_true(all <= plan.count);
}

/* Every target that lacks a leg has a time at which it is tried. */
static void check_no_one_is_forgotten(uint64_t now)
{
	struct routeplan_step step = routeplan_next(&plan, now);
	bool lacking = false, pending = false;
	unsigned busy = 0;

	assert_false(step.attempt);
	for (unsigned i = 0; i < plan.n_targets; i++) {
		struct routeplan_target *t = &plan.target[i];
		unsigned have =
		    t->on_way[0] + t->on_way[1] + (plan.spares ? 0 : t->live);

		busy += have;
		lacking |= plan.keep == ROUTE_SOME ? !have : have < plan.count;
		pending |= t->pending > 0;
	}
	if (plan.keep == ROUTE_SOME)
		lacking &= busy < plan.count;
	if (lacking && !pending)
		assert_true(step.until != UINT64_MAX);
	if (step.until != UINT64_MAX) {
		assert_true(step.until > now);
		assert_true(step.until <= now + ROUTEPLAN_TOLD_MOST_MS);
	}
}

static void run_plan(uint64_t now)
{
	struct routeplan_step step;

	while ((step = routeplan_next(&plan, now)).attempt) {
		assert_true(now >= plan.target[step.target].rest_until);
		routeplan_started(&plan, step.target, step.kind);
		remember(&step);
		check_limits();
	}
	check_no_one_is_forgotten(now);
}

static void fate_of(struct attempt *a, uint64_t now)
{
	struct routeplan_end end = { .now = now,
		.retry_ms = next_random() % 4 ? 0 : next_random() % 100000,
		.random = next_random() };

	if (a->live) {
		routeplan_ended(&plan, a->target, &end);
		a->there = false;
		return;
	}
	switch (next_random() % 4) {
	case 0:
		if (!a->registered)
			(void)!routeplan_registered(&plan, a->target, now);
		a->registered = true;
		break;
	case 1:
		(void)!routeplan_got(
		    &plan, a->target, a->kind, a->registered, now);
		a->live = true;
		break;
	case 2:
		(void)!routeplan_failed(
		    &plan, a->target, a->kind, a->registered, &end);
		a->there = false;
		break;
	default:
		break;
	}
}

static void run_schedule(uint32_t number)
{
	uint64_t now = START;

	seed = number * 2654435761u + 1;
	memset(attempts, 0, sizeof(attempts));
	if (number % 2)
		make_every(1 + next_random() % 4, 2 + next_random() % 3,
		    next_random() % 3);
	else
		make_some(1 + next_random() % 5, 1 + next_random() % 3);
	if (number % 3 == 0 && !plan.bare)
		plan.spares = false;
	for (int step = 0; step < 300; step++) {
		size_t i = next_random() % N_ELEMS(attempts);

		run_plan(now);
		for (size_t k = 0; k < N_ELEMS(attempts); k++) {
			i = (i + 1) % N_ELEMS(attempts);
			if (attempts[i].there) {
				fate_of(&attempts[i], now);
				break;
			}
		}
		now += next_random() % (number % 5 ? 2000 : 40000);
	}
}

static void promises_hold_on_thousands_of_schedules(void **state)
{
	(void)state;
	for (uint32_t number = 1; number <= 3000; number++)
		run_schedule(number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_attempt_goes_first_then_the_rest),
		cmocka_unit_test(every_target_is_on_its_own),
		cmocka_unit_test(a_spare_leg_that_is_paired_is_replaced),
		cmocka_unit_test(
		    without_spares_a_leg_that_lives_is_one_of_the_count),
		cmocka_unit_test(rests_grow_to_their_limit),
		cmocka_unit_test(a_rest_is_drawn_from_zero_to_its_ceiling),
		cmocka_unit_test(what_a_beacon_asks_for_is_kept_up_to_a_limit),
		cmocka_unit_test(only_working_for_long_enough_makes_good),
		cmocka_unit_test(legs_that_die_together_count_once),
		cmocka_unit_test(it_is_news_when_a_target_begins_to_work),
		cmocka_unit_test(one_failure_does_not_wait_for_those_that_wait),
		cmocka_unit_test(bare_legs_are_refilled_slowly),
		cmocka_unit_test(a_bare_leg_that_was_of_use_is_given_back),
		cmocka_unit_test(even_proven_legs_have_a_limit),
		cmocka_unit_test(some_takes_the_best_and_falls_back_in_order),
		cmocka_unit_test(some_spreads_its_legs_over_targets),
		cmocka_unit_test(
		    a_leg_that_ended_is_replaced_elsewhere_at_once),
		cmocka_unit_test(
		    a_target_that_breaks_shedding_keeps_tls_for_a_while),
		cmocka_unit_test(promises_hold_on_thousands_of_schedules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
