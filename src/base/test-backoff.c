#include "base/backoff.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct backoff_rule rule = { .least_ms = 500, .most_ms = 30000 };

static void test_the_ceiling_doubles_up_to_its_end(void **state)
{
	static const struct {
		const char *label;
		unsigned failures;
		uint32_t random;
		uint64_t ms;
	} rows[] = {
		{ "the least there is", 1, 0, 1 },
		{ "half of the first ceiling", 1, UINT32_C(1) << 31, 251 },
		{ "just below the first", 1, UINT32_MAX, 500 },
		{ "the second is twice that", 2, UINT32_MAX, 1000 },
		{ "and so on", 6, UINT32_MAX, 16000 },
		{ "the last one", 7, UINT32_MAX, 30000 },
		{ "stays", 4000000000, UINT32_MAX, 30000 },
		{ "and is drawn from as well", 100, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint64_t ms =
		    backoff_ms(&rule, rows[i].failures, rows[i].random);

		if (ms != rows[i].ms)
			fail_msg(
			    "%s: %llu", rows[i].label, (unsigned long long)ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_ceiling_doubles_up_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
