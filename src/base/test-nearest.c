#include "base/nearest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *const names[] = { "tls-cert", "tls-key", "tls-ca", "addr",
	"beacon-address", "beacon-info-hash" };

static const struct {
	const char *label, *word, *expected; /* NULL: none is close */
} cases[] = {
	{ "itself", "tls-cert", "tls-cert" },
	{ "one letter missing", "tls-cer", "tls-cert" },
	{ "one letter too many", "tls-keyy", "tls-key" },
	{ "one letter wrong", "tls-cerd", "tls-cert" },
	{ "neighbours swapped", "tls-cret", "tls-cert" },
	{ "underscores for dashes", "beacon_info_hash", "beacon-info-hash" },
	{ "a third of the letters", "becon-adress", "beacon-address" },
	{ "short word, one wrong", "adr", "addr" },
	{ "short word, two wrong", "ad", NULL },
	{ "nothing like it", "verbose", NULL },
	{ "empty", "", NULL },
	{ "as long as can be compared",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    NULL },
	{ "longer than that",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    NULL },
};

static void test_nearest(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct nearest n;
		const char *best;

		nearest_init(&n, cases[i].word);
		for (size_t j = 0; j < N_ELEMS(names); j++)
			nearest_offer(&n, names[j]);
		best = nearest_best(&n);
		print_message("# %s\n", cases[i].label);
		if (!cases[i].expected)
			assert_null(best);
		else
			assert_string_equal(best, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
