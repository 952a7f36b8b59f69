/* broker/test-bootplan.c: stages in their order, rests, renewal. */
#include "broker/bootplan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum {
	NOW = 5000,
	LATER = NOW + 60000,
	WALL = 1800000000,
	LIFE = 3000,
	TWO_THIRDS = 2000
};

static struct bootplan go_to(enum bootplan_stage stage, bool by_words)
{
	struct bootplan p;

	bootplan_init(&p, by_words);
	if (stage == BOOTPLAN_RESTING)
		return p;
	assert_int_equal(
	    bootplan_begin(&p), by_words ? BOOTPLAN_LOOKING : BOOTPLAN_ASKING);
	while (p.stage != stage)
		bootplan_next(&p);
	return p;
}

static struct bootplan at(enum bootplan_stage stage)
{
	return go_to(stage, false);
}

static struct bootplan after_a_certificate(void)
{
	struct bootplan p = at(BOOTPLAN_AWAITING);

	bootplan_signed(&p, NOW, WALL, WALL + LIFE);
	return p;
}

static void a_try_goes_through_all_stages(void **state)
{
	struct bootplan p;

	(void)state;
	bootplan_init(&p, false);
	assert_int_equal(bootplan_wait_ms(&p, NOW, WALL), 0);
	assert_int_equal(bootplan_begin(&p), BOOTPLAN_ASKING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_MEETING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_SHAKING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_VOUCHING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_AWAITING);
	bootplan_signed(&p, NOW, WALL, WALL + LIFE);
	assert_int_equal(p.stage, BOOTPLAN_RESTING);
}

static void every_stage_has_a_deadline_and_can_fail(void **state)
{
	(void)state;
	for (unsigned s = BOOTPLAN_LOOKING; s < BOOTPLAN_STAGES; s++) {
		struct bootplan p = go_to((enum bootplan_stage)s, true);

		assert_true(bootplan_deadline_ms(p.stage) > 0);
		assert_true(bootplan_text(p.stage)[0]);
		assert_int_equal(bootplan_failed(&p, NOW, UINT32_MAX),
		    BOOTPLAN_REST_LEAST_MS);
		assert_int_equal(p.stage, BOOTPLAN_RESTING);
		assert_int_equal(
		    bootplan_wait_ms(&p, NOW, WALL), BOOTPLAN_REST_LEAST_MS);
		assert_int_equal(
		    bootplan_wait_ms(&p, NOW + BOOTPLAN_REST_LEAST_MS, WALL),
		    0);
	}
	assert_int_equal(bootplan_deadline_ms(BOOTPLAN_RESTING), 0);
}

static void rests_grow_up_to_a_ceiling(void **state)
{
	struct bootplan p = at(BOOTPLAN_RESTING);
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		uint64_t ms;

		bootplan_begin(&p);
		ms = bootplan_failed(&p, NOW, UINT32_MAX);
		assert_true(ms >= last && ms <= BOOTPLAN_REST_MOST_MS);
		last = ms;
	}
	assert_int_equal(last, BOOTPLAN_REST_MOST_MS);
	bootplan_begin(&p);
	assert_true(bootplan_failed(&p, NOW, 0) <= 1); /* full jitter */
}

static const struct {
	const char *label;
	unsigned retry_s;
	uint32_t random;
	uint64_t ms;
} refusals[] = {
	{ "as the bridge says", 30, 0, 30000 },
	{ "and up to a quarter more", 30, UINT32_MAX, 37499 },
	{ "soon", 5, 0, 5000 },
	{ "a person first", 0, 0, BOOTPLAN_PERSON_MS },
	{ "a person first, with jitter", 0, UINT32_MAX, 74999 },
};

static void a_refusal_says_when_to_come_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(refusals); i++) {
		struct bootplan p = at(BOOTPLAN_AWAITING);
		uint64_t ms = bootplan_refused(
		    &p, refusals[i].retry_s, NOW, refusals[i].random);

		if (ms != refusals[i].ms ||
		    bootplan_wait_ms(&p, NOW, WALL) != ms)
			fail_msg("%s: %llu", refusals[i].label,
			    (unsigned long long)ms);
		assert_int_equal(p.failures, 0);
	}
}

/* The bridge looks at them while the registration is pending, which only its
 * answers tell. */
static void keys_are_sent_until_one_is_signed(void **state)
{
	struct bootplan p = at(BOOTPLAN_RESTING);

	(void)state;
	assert_int_equal(bootplan_begin(&p), BOOTPLAN_ASKING);
	(void)bootplan_failed(&p, NOW, 0);
	assert_int_equal(bootplan_begin(&p), BOOTPLAN_ASKING);
	p = after_a_certificate();
	assert_int_equal(bootplan_begin(&p), BOOTPLAN_MEETING);
	(void)bootplan_failed(&p, NOW, 0);
	assert_int_equal(bootplan_begin(&p), BOOTPLAN_MEETING);
	while (p.stage != BOOTPLAN_AWAITING)
		bootplan_next(&p);
	(void)bootplan_refused(&p, 30, NOW, 0);
	assert_int_equal(bootplan_begin(&p), BOOTPLAN_ASKING);
}

static const struct {
	const char *label;
	int64_t after; /* s since it was signed */
	bool due, expired;
	uint64_t wait_ms;
} ages[] = {
	{ "new", 0, false, false, BOOTPLAN_LOOK_MS },
	{ "a minute before", TWO_THIRDS - 60, false, false, BOOTPLAN_LOOK_MS },
	{ "soon", TWO_THIRDS - 7, false, false, 7000 },
	{ "two thirds", TWO_THIRDS, true, false, 0 },
	{ "its last second", LIFE - 1, true, false, 0 },
	{ "its end", LIFE, true, true, 0 },
	{ "a clock that was set back", -1000, false, false, BOOTPLAN_LOOK_MS },
};

static void it_is_renewed_at_two_thirds_of_its_life(void **state)
{
	const struct bootplan p = after_a_certificate();

	(void)state;
	for (size_t i = 0; i < N_ELEMS(ages); i++) {
		int64_t wall = WALL + ages[i].after;

		if (bootplan_due(&p, wall) != ages[i].due ||
		    bootplan_expired(&p, wall) != ages[i].expired ||
		    bootplan_wait_ms(&p, LATER, wall) != ages[i].wait_ms)
			fail_msg("%s", ages[i].label);
	}
}

static void a_short_life_is_no_reason_to_hurry(void **state)
{
	struct bootplan p = at(BOOTPLAN_AWAITING);

	(void)state;
	bootplan_signed(&p, NOW, WALL, WALL + 1);
	assert_true(bootplan_due(&p, WALL));
	assert_int_equal(
	    bootplan_wait_ms(&p, NOW, WALL), BOOTPLAN_REST_LEAST_MS);
	assert_int_equal(
	    bootplan_wait_ms(&p, NOW + BOOTPLAN_REST_LEAST_MS, WALL), 0);
}

static void without_one_nothing_has_expired(void **state)
{
	const struct bootplan p = at(BOOTPLAN_RESTING);

	(void)state;
	assert_true(bootplan_due(&p, WALL));
	assert_false(bootplan_expired(&p, WALL));
}

/* ---- by words ---- */

static void by_words_a_person_comes_first(void **state)
{
	struct bootplan p;

	(void)state;
	bootplan_init(&p, true);
	assert_int_equal(bootplan_begin(&p), BOOTPLAN_LOOKING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_ASKING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_MEETING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_SHAKING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_COMPARING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_VOUCHING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_AWAITING);
	assert_int_equal(bootplan_next(&p), BOOTPLAN_CONFIRMING);
	assert_int_equal(bootplan_deadline_ms(p.stage), WORDS_LIFE_S * 1000);
}

static void who_is_introduced_begins_anew_at_once(void **state)
{
	static const enum bootplan_stage from[] = { BOOTPLAN_LOOKING,
		BOOTPLAN_CONFIRMING };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(from); i++) {
		struct bootplan p = go_to(from[i], true);

		bootplan_introduced(&p);
		assert_int_equal(p.stage, BOOTPLAN_RESTING);
		assert_int_equal(bootplan_wait_ms(&p, NOW, WALL), 0);
		assert_int_equal(bootplan_begin(&p), BOOTPLAN_ASKING);
		while (p.stage != BOOTPLAN_AWAITING)
			assert_int_not_equal(
			    bootplan_next(&p), BOOTPLAN_COMPARING);
		bootplan_signed(&p, NOW, WALL, WALL + LIFE);
	}
}

static void old_words_make_room_for_others_at_once(void **state)
{
	struct bootplan p = go_to(BOOTPLAN_CONFIRMING, true);

	(void)state;
	bootplan_lapsed(&p);
	assert_int_equal(bootplan_wait_ms(&p, NOW, WALL), 0);
	assert_int_equal(bootplan_begin(&p), BOOTPLAN_LOOKING);
}

static void words_can_be_refused_too(void **state)
{
	struct bootplan p = go_to(BOOTPLAN_COMPARING, true);

	(void)state;
	assert_int_equal(bootplan_refused(&p, 30, NOW, 0), 30000);
	assert_int_equal(bootplan_wait_ms(&p, NOW, WALL), 30000);
	assert_int_equal(bootplan_begin(&p), BOOTPLAN_LOOKING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_try_goes_through_all_stages),
		cmocka_unit_test(every_stage_has_a_deadline_and_can_fail),
		cmocka_unit_test(rests_grow_up_to_a_ceiling),
		cmocka_unit_test(a_refusal_says_when_to_come_again),
		cmocka_unit_test(keys_are_sent_until_one_is_signed),
		cmocka_unit_test(it_is_renewed_at_two_thirds_of_its_life),
		cmocka_unit_test(a_short_life_is_no_reason_to_hurry),
		cmocka_unit_test(without_one_nothing_has_expired),
		cmocka_unit_test(by_words_a_person_comes_first),
		cmocka_unit_test(who_is_introduced_begins_anew_at_once),
		cmocka_unit_test(old_words_make_room_for_others_at_once),
		cmocka_unit_test(words_can_be_refused_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
