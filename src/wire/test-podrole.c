/* The role of a pod that names none. */
#include "wire/podrole.h"
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
	const char *label, *claims, *role; /* NULL: none */
} row[] = {
	{ "a pod", "{\"iss\":\"x\",\"sub\":\"system:serviceaccount:shop:web\"}",
	    "shop.web" },
	{ "another subject", "{\"sub\":\"amy\"}", NULL },
	{ "no subject", "{}", NULL },
	{ "a number", "{\"sub\":7}", NULL },
	{ "no namespace", "{\"sub\":\"system:serviceaccount::web\"}", NULL },
	{ "no name", "{\"sub\":\"system:serviceaccount:shop:\"}", NULL },
	{ "no colon", "{\"sub\":\"system:serviceaccount:shop\"}", NULL },
	{ "a colon too many", "{\"sub\":\"system:serviceaccount:a:b:c\"}",
	    NULL },
	{ "twice", "{\"sub\":\"system:serviceaccount:a:b\",\"sub\":\"x\"}",
	    NULL },
	{ "not JSON", "sub", NULL },
	{ "nothing", "", NULL },
};

static int role_of(char out[PODROLE_MOST + 1], const char *jwt)
{
	CLEANUP(secret_freep) struct secret *s = NULL;

	assert_int_equal(secret_from(&s, jwt, strlen(jwt)), 0);
	return podrole_of(out, s);
}

static void test_claims(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(row); i++) {
		char middle[256], jwt[300], role[PODROLE_MOST + 1] = "";
		int r;

		sodium_bin2base64(middle, sizeof(middle),
		    (const unsigned char *)row[i].claims, strlen(row[i].claims),
		    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		snprintf(jwt, sizeof(jwt), "e30.%s.c2ln", middle);
		r = role_of(role, jwt);
		if (!r != (row[i].role != NULL) ||
		    (!r && strcmp(role, row[i].role) != 0))
			fail_msg("%s: %d '%s'", row[i].label, r, role);
	}
}

static void test_not_a_token(void **state)
{
	static const char *const bad[] = { "x", "a.b", "..", "e30.!!.x",
		"e30.e30=.x", "e30" };
	char role[PODROLE_MOST + 1];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++)
		if (role_of(role, bad[i]) != -EINVAL)
			fail_msg("%s", bad[i]);
}

/* The longest name that fits, and one more. */
static void test_limit(void **state)
{
	char claims[512], middle[1024], jwt[1100], role[PODROLE_MOST + 1];

	(void)state;
	for (int more = 0; more < 2; more++) {
		snprintf(claims, sizeof(claims),
		    "{\"sub\":\"system:serviceaccount:n:%0*d\"}",
		    PODROLE_MOST - 2 + more, 1);
		sodium_bin2base64(middle, sizeof(middle),
		    (const unsigned char *)claims, strlen(claims),
		    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		snprintf(jwt, sizeof(jwt), "e30.%s.c2ln", middle);
		assert_int_equal(role_of(role, jwt), more ? -EINVAL : 0);
	}
	assert_int_equal(strlen(role), PODROLE_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_not_a_token),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
