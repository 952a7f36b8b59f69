#include "base/bucket.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct bucket_rule three = { .burst = 3, .step_ms = 1000 };

static void test_burst_then_one_a_step(void **state)
{
	static const struct {
		const char *label;
		uint64_t now;
		uint32_t wait;
	} rows[] = {
		{ "the burst, first", 5000, 0 },
		{ "second", 5000, 0 },
		{ "third", 5000, 0 },
		{ "then none, for a step", 5000, 1000 },
		{ "the wait shrinks with time", 5600, 400 },
		{ "and asking has cost nothing", 5999, 1 },
		{ "one more after a step", 6000, 0 },
		{ "and no other", 6000, 1000 },
		{ "two after two steps", 8000, 0 },
		{ "that was the second", 8000, 0 },
		{ "not a third", 8000, 1000 },
		{ "a long rest fills it", 100000, 0 },
		{ "but not above the burst", 100000, 0 },
		{ "(third)", 100000, 0 },
		{ "as this shows", 100000, 1000 },
	};
	uint64_t full_at = 0;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint32_t wait = bucket_take(&full_at, &three, rows[i].now);

		if (wait != rows[i].wait)
			fail_msg("%s: %u", rows[i].label, wait);
	}
}

static void test_works_from_time_zero(void **state)
{
	uint64_t full_at = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(bucket_take(&full_at, &three, 0), 0);
	assert_int_equal(bucket_take(&full_at, &three, 0), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_one_a_step),
		cmocka_unit_test(test_works_from_time_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
