#include "base/egressoption.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* "NAME=value" each */
static const char *const *variables;

static char *variable(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; variables[i]; i++)
		if (!strncmp(variables[i], name, n) && variables[i][n] == '=')
			return (char *)(uintptr_t)(variables[i] + n + 1);
	return NULL;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void the_option_wins_then_the_variables_in_order(void **state)
{
	static const struct {
		const char *label, *option;
		const char *variables[6];
		const char *url, *from, *except;
	} rows[] = {
		{ "nothing", NULL, { NULL }, NULL, NULL, NULL },
		{ "lower case first", NULL,
		    { "HTTPS_PROXY=b", "https_proxy=a" }, "a", "https_proxy",
		    NULL },
		{ "upper case", NULL, { "HTTPS_PROXY=b", "all_proxy=c" }, "b",
		    "HTTPS_PROXY", NULL },
		{ "for all", NULL, { "ALL_PROXY=d" }, "d", "ALL_PROXY", NULL },
		{ "for HTTP only: not ours", NULL, { "http_proxy=e" }, NULL,
		    NULL, NULL },
		{ "empty is not set", NULL, { "https_proxy=", "ALL_PROXY=d" },
		    "d", "ALL_PROXY", NULL },
		{ "the option", "o", { "https_proxy=a", "NO_PROXY=x" }, "o",
		    "--egress-proxy", "x" },
		{ "the option says none", "none", { "https_proxy=a" }, NULL,
		    "--egress-proxy", NULL },
		{ "exceptions", NULL, { "NO_PROXY=x", "no_proxy=y" }, NULL,
		    NULL, "y" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct egress_words got;

		variables = rows[i].variables;
		egress_choose(&got, rows[i].option, variable);
		if (!same(got.url, rows[i].url) ||
		    !same(got.from, rows[i].from) ||
		    !same(got.except, rows[i].except))
			fail_msg("%s: %s from %s but %s", rows[i].label,
			    got.url, got.from, got.except);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_option_wins_then_the_variables_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
