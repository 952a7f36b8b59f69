#include "wire/advisory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define ALL                                                                    \
	"GHSA-p49j-v9wc-wg57, GHSA-v8v8-cm84-m686, GHSA-mwr2-wmgp-crj6, "      \
	"GHSA-c36x-h252-g9x2, GHSA-rh46-vc3j-w2w3"
#define LONG "-a-word-of-a-builder-that-goes-on-and-on-and-on"

static const struct {
	const char *version, *says; /* NULL: nothing */
} rows[] = {
	{ "2.3.1", "2.3.1: known holes, mended in 2.6.2: " ALL },
	{ "2.5.2", "2.5.2: known holes, mended in 2.6.2: " ALL },
	{ "2.5.3", "2.5.3: known holes, mended in 2.6.2: GHSA-v8v8-cm84-m686, "
		   "GHSA-mwr2-wmgp-crj6, GHSA-c36x-h252-g9x2, "
		   "GHSA-rh46-vc3j-w2w3" },
	{ "2.5.4", "2.5.4: known holes, mended in 2.6.2: GHSA-mwr2-wmgp-crj6, "
		   "GHSA-c36x-h252-g9x2, GHSA-rh46-vc3j-w2w3" },
	{ "2.5.5", "2.5.5: known holes, mended in 2.6.2: GHSA-rh46-vc3j-w2w3" },
	{ "v2.6.1", "2.6.1: known holes, mended in 2.6.2: "
		    "GHSA-rh46-vc3j-w2w3" },
	{ "2.6.2-beta20260801", "2.6.2-beta20260801: known holes, mended in "
				"2.6.2: GHSA-rh46-vc3j-w2w3" },
	{ "2.5.2" LONG, "2.5.2-a-word-of-a-builder: known holes, mended in "
			"2.6.2: " ALL },
	{ "2.6.2", NULL },
	{ "2.6.2+build", NULL },
	{ "2.6.10", NULL },
	{ "2.10.0", NULL },
	{ "3.0.0", NULL },
	{ "1.21.0", NULL },
	{ "2.0.0+ent.hsm", NULL },
	{ "pharos-devstore-0.1.0", NULL },
	{ "", NULL },
	{ "v", NULL },
	{ "2", NULL },
	{ "2.5", NULL },
	{ "2.5.", NULL },
	{ "2..5", NULL },
	{ "2.5.99999999999999999999", NULL },
};

static void each_version(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char text[ADVISORY_TEXT_MOST] = "";
		bool any = advisory_of(text, rows[i].version);

		if (any != (rows[i].says != NULL) ||
		    (any && strcmp(text, rows[i].says) != 0))
			fail_msg("%s: %s", rows[i].version, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
