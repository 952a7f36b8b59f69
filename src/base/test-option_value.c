#include "base/option_value.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *text;
	long ms; /* -1: refused */
} durations[] = {
	{ "0", 0 },
	{ "0s", 0 },
	{ "1ms", 1 },
	{ "1500ms", 1500 },
	{ "90s", 90000 },
	{ "5m", 300000 },
	{ "24h", 86400000 },
	{ "2562047788015h", 2562047788015 * 3600000 },
	{ "2562047788016h", -1 },
	{ "", -1 },
	{ "5", -1 },
	{ "s", -1 },
	{ "-1s", -1 },
	{ "+1s", -1 },
	{ " 1s", -1 },
	{ "1s ", -1 },
	{ "1.5s", -1 },
	{ "1h30m", -1 },
	{ "1d", -1 },
	{ "1S", -1 },
	{ "99999999999999999999ms", -1 },
};

static void test_durations(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(durations); i++) {
		long ms = 12345;
		int code = option_parse_duration(durations[i].text, &ms);

		print_message("# '%s'\n", durations[i].text);
		assert_int_equal(code, durations[i].ms < 0 ? -EINVAL : 0);
		assert_int_equal(
		    ms, durations[i].ms < 0 ? 12345 : durations[i].ms);
	}
}

/* What messages and manuals say that a row takes. */
static void test_allowed(void **state)
{
	static const char *const one[] = { "a", NULL };
	static const char *const three[] = { "a", "b", "c", NULL };
	static const struct {
		struct option_row row;
		const char *text;
	} cases[] = {
		{ { .type = OPTION_BOOL }, "true or false" },
		{ { .type = OPTION_NUMBER }, "a number" },
		{ { .type = OPTION_NUMBER, .least = -1, .most = 1 },
		    "a number from -1 to 1" },
		{ { .type = OPTION_DURATION },
		    "a time with its unit (ms, s, m, h)" },
		{ { .type = OPTION_DURATION, .least = 0, .most = 90000 },
		    "a time with its unit, from 0 to 90s" },
		{ { .type = OPTION_CHOICE, .choices = one }, "a" },
		{ { .type = OPTION_CHOICE, .choices = three }, "a, b or c" },
		{ { .type = OPTION_TEXT }, "text without control characters" },
	};
	char text[100];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		option_value_allowed(&cases[i].row, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
	}
	option_value_allowed(&cases[6].row, text, 5); /* cut, not overrun */
	assert_string_equal(text, "a, b");
}

/* Without bounds a number may be anything that is not negative. */
static void test_unbounded(void **state)
{
	const struct option_row row = { .type = OPTION_NUMBER };
	struct option_input input = { .text = "9223372036854775807" };
	long number = 0;

	(void)state;
	assert_int_equal(option_value_set(&row, &number, &input, NULL), 0);
	assert_int_equal(number, LONG_MAX);
	input.text = "-1";
	assert_int_equal(
	    option_value_set(&row, &number, &input, NULL), OPTION_E_BAD);
	assert_int_equal(number, LONG_MAX);
	input.text = "9223372036854775808";
	assert_int_equal(option_value_check(&row, &input, NULL), OPTION_E_BAD);
}

static void test_environment_name(void **state)
{
	char name[OPTION_ENVIRONMENT_ROOM];

	(void)state;
	option_environment_name("tls-cert", name);
	assert_string_equal(name, "PHAROS_TLS_CERT");
	option_environment_name(
	    "abcdefghijklmnopqrstuvwxyz0123456789-abc", name);
	assert_string_equal(
	    name, "PHAROS_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ABC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_unbounded),
		cmocka_unit_test(test_environment_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
