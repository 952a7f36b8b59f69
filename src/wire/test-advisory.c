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
		bool any = advisory_of(text, rows[i].version, ADVISORY_OPENBAO);

		if (any != (rows[i].says != NULL) ||
		    (any && strcmp(text, rows[i].says) != 0))
			fail_msg("%s: %s", rows[i].version, text);
	}
}

/* What sys/health has answered. */
static const struct {
	const char *label, *health; /* NULL: nothing */
	enum advisory_store is;
} stores[] = {
	{ "OpenBao 2.6",
	    "{\"initialized\":true,\"sealed\":false,\"standby\":false,"
	    "\"performance_standby\":false,\"replication_dr_mode\":"
	    "\"disabled\",\"version\":\"2.6.2\"}",
	    ADVISORY_OPENBAO },
	{ "Vault's community edition",
	    "{\"initialized\":true,\"enterprise\":false}", ADVISORY_VAULT },
	{ "Vault's enterprise edition",
	    "{\"initialized\":true,\"enterprise\":true}", ADVISORY_VAULT },
	{ "no answer", NULL, ADVISORY_UNSURE },
	{ "another server's", "{\"status\":\"up\"}", ADVISORY_UNSURE },
	{ "no object", "[1]", ADVISORY_UNSURE },
};

static void each_store(void **state)
{
	static const char version[] = "2.6.1";

	(void)state;
	for (size_t i = 0; i < N_ELEMS(stores); i++) {
		const char *health = stores[i].health;
		json_t *j = health ? json_loads(health, 0, NULL) : NULL;
		char text[ADVISORY_TEXT_MOST] = "";
		enum advisory_store is = advisory_store(j);
		bool any = advisory_of(text, version, is);

		if (is != stores[i].is || any != (is != ADVISORY_VAULT) ||
		    !strncmp(text, "2.6.1: if it is OpenBao, known holes",
			36) != (is == ADVISORY_UNSURE))
			fail_msg("%s: %d: %s", stores[i].label, is, text);
		json_decref(j);
	}
}

/* The longest that there is. */
static void a_long_one_fits(void **state)
{
	char text[ADVISORY_TEXT_MOST];

	(void)state;
	assert_true(advisory_of(
	    text, "2.0.999999-a-word-of-a-builder-x", ADVISORY_UNSURE));
	assert_non_null(strstr(text, "GHSA-rh46-vc3j-w2w3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version),
		cmocka_unit_test(each_store),
		cmocka_unit_test(a_long_one_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
