#include "wire/instant.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

static const struct {
	const char *label, *text;
	int64_t at; /* -1: refused */
} rows[] = {
	{ "the first", "1970-01-01T00:00:00Z", 0 },
	{ "the last", "9999-12-31T23:59:59Z", INSTANT_MOST },
	{ "a leap day", "2000-02-29T12:34:56Z", 951827696 },
	{ "one of four years", "2024-02-29T00:00:00Z", 1709164800 },
	{ "none of a hundred", "2100-02-29T00:00:00Z", -1 },
	{ "none of this year", "2026-02-29T00:00:00Z", -1 },
	{ "a 31st that is none", "2026-04-31T00:00:00Z", -1 },
	{ "before the first", "1969-12-31T23:59:59Z", -1 },
	{ "month 0", "2026-00-10T00:00:00Z", -1 },
	{ "month 13", "2026-13-10T00:00:00Z", -1 },
	{ "day 0", "2026-11-00T00:00:00Z", -1 },
	{ "hour 24", "2026-11-21T24:00:00Z", -1 },
	{ "minute 60", "2026-11-21T21:60:00Z", -1 },
	{ "a leap second", "2016-12-31T23:59:60Z", -1 },
	{ "a fraction", "2026-11-21T21:00:00.5Z", -1 },
	{ "another zone", "2026-11-21T21:00:00+01:00", -1 },
	{ "no zone", "2026-11-21T21:00:00", -1 },
	{ "small letters", "2026-11-21t21:00:00z", -1 },
	{ "a day alone", "2026-11-21", -1 },
	{ "a sign", "+026-11-21T21:00:00Z", -1 },
	{ "nothing", "", -1 },
	{ "more", "2026-11-21T21:00:00ZZ", -1 },
};

static void one_text_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char text[INSTANT_TEXT_SIZE + 1];
		int64_t at = -1;
		int r = instant_read(&at, rows[i].text);

		if (at != rows[i].at || r != (at < 0 ? -EINVAL : 0))
			fail_msg("%s: %lld", rows[i].label, (long long)at);
		if (r)
			continue;
		instant_write(text, at);
		assert_string_equal(text, rows[i].text);
	}
}

/* Every day of 400 years and some, against the C library. */
static void every_day_is_that_of_the_c_library(void **state)
{
	(void)state;
	for (int64_t at = 3600; at < INT64_C(13000000000); at += 86399) {
		char text[INSTANT_TEXT_SIZE + 1], want[32];
		time_t seconds = (time_t)at;
		struct tm tm;
		int64_t back = 0;

		assert_non_null(gmtime_r(&seconds, &tm));
		assert_int_equal(
		    strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm),
		    INSTANT_TEXT_SIZE);
		instant_write(text, at);
		assert_string_equal(text, want);
		assert_int_equal(instant_read(&back, text), 0);
		assert_int_equal(back, at);
	}
}

static const struct {
	const char *label, *text;
	int64_t at; /* from 1000 */
	int want;
} ends[] = {
	{ "minutes", "90m", 6400, 0 },
	{ "hours", "12h", 44200, 0 },
	{ "days", "30d", 2593000, 0 },
	{ "weeks", "2w", 1210600, 0 },
	{ "a moment", "1970-01-01T00:16:41Z", 1001, 0 },
	{ "this one", "1970-01-01T00:16:40Z", 0, INSTANT_E_PAST },
	{ "none", "0d", 0, -EINVAL },
	{ "seconds", "9s", 0, -EINVAL },
	{ "no unit", "9", 0, -EINVAL },
	{ "no number", "d", 0, -EINVAL },
	{ "two units", "1d2h", 0, -EINVAL },
	{ "backwards", "-1d", 0, -EINVAL },
	{ "beyond the last", "1000000w", 0, -EINVAL },
	{ "nothing", "", 0, -EINVAL },
};

static void an_end_is_to_come(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(ends); i++) {
		int64_t at = 0;
		int r = instant_read_end(&at, ends[i].text, 1000);

		if (r != ends[i].want || (!r && at != ends[i].at))
			fail_msg("%s: %d", ends[i].label, r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_text_each),
		cmocka_unit_test(an_end_is_to_come),
		cmocka_unit_test(every_day_is_that_of_the_c_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
