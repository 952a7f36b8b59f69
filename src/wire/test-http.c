#include "wire/http.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
	const char *label, *text;
	unsigned want;
} retries[] = {
	{ "no field", NULL, 0 },
	{ "seconds", "5", 5 },
	{ "at once", "0", 0 },
	{ "an hour", "3600", 3600 },
	{ "more than an hour", "3601", HTTP_RETRY_MOST_S },
	{ "a day", "86400", HTTP_RETRY_MOST_S },
	{ "a date", "Fri, 31 Dec 1999 23:59:59 GMT", 0 },
	{ "a word", "soon", 0 },
	{ "a sign", "-1", 0 },
	{ "a unit", "5s", 0 },
	{ "more than 64 bits", "18446744073709551616", HTTP_RETRY_MOST_S },
};

static void retry_after_is_seconds_up_to_an_hour(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(retries); i++) {
		struct http_field field = { "retry-after", retries[i].text };
		struct http_head head = {
			.fields = &field,
			.n_fields = retries[i].text ? 1 : 0,
		};
		unsigned got = http_retry_after(&head);

		if (got != retries[i].want)
			fail_msg("%s: %u", retries[i].label, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retry_after_is_seconds_up_to_an_hour),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
