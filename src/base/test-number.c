#include "base/number.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { UNTOUCHED = 4711 };

static const struct {
	const char *label, *text;
	uint64_t most;
	int err;
	uint64_t want;
	const char *after;
} rows[] = {
	{ "nought", "0", 9, 0, 0, "" },
	{ "one digit", "7", 9, 0, 7, "" },
	{ "the bound itself", "65535", 65535, 0, 65535, "" },
	{ "noughts in front", "00009", 9, 0, 9, "" },
	{ "nought where only that may be", "0", 0, 0, 0, "" },
	{ "the largest there is", "18446744073709551615", UINT64_MAX, 0,
	    UINT64_MAX, "" },
	{ "a unit follows", "90s", 100, 0, 90, "s" },
	{ "a blank follows", "9 ", 100, 0, 9, " " },
	{ "another base", "0x10", 100, 0, 0, "x10" },
	{ "a fraction", "1.5", 100, 0, 1, ".5" },
	{ "nothing", "", 9, -EINVAL, 0, NULL },
	{ "a word", "soon", 9, -EINVAL, 0, NULL },
	{ "a sign", "-1", 9, -EINVAL, 0, NULL },
	{ "a plus", "+1", 9, -EINVAL, 0, NULL },
	{ "a blank in front", " 1", 9, -EINVAL, 0, NULL },
	{ "one above the bound", "65536", 65535, -ERANGE, 0, NULL },
	{ "a digit above the bound", "9", 8, -ERANGE, 0, NULL },
	{ "one above the largest", "18446744073709551616", UINT64_MAX, -ERANGE,
	    0, NULL },
	{ "wraps around to a small one", "184467440737095516160", UINT64_MAX,
	    -ERANGE, 0, NULL },
};

static void a_text_begins_with_a_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint64_t got = UNTOUCHED;
		const char *after = NULL;
		int err =
		    number_start(rows[i].text, rows[i].most, &got, &after);
		uint64_t want = rows[i].err ? UNTOUCHED : rows[i].want;

		if (err != rows[i].err || got != want ||
		    (after ? !rows[i].after || strcmp(after, rows[i].after)
			   : rows[i].after != NULL))
			fail_msg("%s: %d, %llu", rows[i].label, err,
			    (unsigned long long)got);
	}
}

static void a_text_is_a_number_when_nothing_follows(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint64_t got = UNTOUCHED;
		int err = number_parse(rows[i].text, rows[i].most, &got);
		int want = rows[i].err	    ? rows[i].err
			   : *rows[i].after ? -EINVAL
					    : 0;

		if (err != want || got != (want ? UNTOUCHED : rows[i].want))
			fail_msg("%s: %d, %llu", rows[i].label, err,
			    (unsigned long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_begins_with_a_number),
		cmocka_unit_test(a_text_is_a_number_when_nothing_follows),
	};

	return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
