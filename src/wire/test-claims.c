#include "wire/claims.h"
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* base64url: e30 is {}, W10 is [], eyJhIjoxfQ is {"a":1}, eyJhIjoxLCJhIjoyfQ is
 * {"a":1,"a":2} */
static const struct {
	const char *label, *token;
	bool good;
} rows[] = {
	{ "one claim", "e30.eyJhIjoxfQ.c2ln", true },
	{ "none", "e30.e30.c2ln", true },
	{ "nobody looks at the other two parts", ".e30.", true },
	{ "two parts", "e30.e30", false },
	{ "one part", "e30", false },
	{ "nothing", "", false },
	{ "empty claims", "e30..c2ln", false },
	{ "padding", "e30.e30=.c2ln", false },
	{ "not base64url", "e30.!!.c2ln", false },
	{ "a list", "e30.W10.c2ln", false },
	{ "a claim twice", "e30.eyJhIjoxLCJhIjoyfQ.c2ln", false },
	{ "not JSON", "e30.c2ln.c2ln", false },
};

static void what_is_a_token(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		json_t *claims = NULL;
		int r = claims_read(&claims, rows[i].token);

		if (r != (rows[i].good ? 0 : -EINVAL))
			fail_msg("%s: %d", rows[i].label, r);
		assert_true(rows[i].good == (claims != NULL));
		json_decref(claims);
	}
}

static void a_claim_by_name(void **state)
{
	JSON *claims = NULL;

	(void)state;
	assert_int_equal(claims_read(&claims, rows[0].token), 0);
	assert_int_equal(json_integer_value(json_object_get(claims, "a")), 1);
}

/* As long as may be, and one more. */
static void limit(void **state)
{
	static char json[CLAIMS_MOST + 2], middle[2 * CLAIMS_MOST],
	    token[2 * CLAIMS_MOST + 4];

	(void)state;
	for (int more = 0; more < 2; more++) {
		json_t *claims = NULL;
		int n = snprintf(json, sizeof(json), "{\"a\":\"%0*d\"}",
		    CLAIMS_MOST - 8 + more, 0);

		assert_int_equal(n, CLAIMS_MOST + more);
		sodium_bin2base64(middle, sizeof(middle),
		    (const unsigned char *)json, (size_t)n,
		    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		(void)snprintf(token, sizeof(token), ".%s.", middle);
		assert_int_equal(
		    claims_read(&claims, token), more ? -EINVAL : 0);
		json_decref(claims);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_a_token),
		cmocka_unit_test(a_claim_by_name),
		cmocka_unit_test(limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
