#include "pki/altname.h"
#include "pki/cleanup.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *label, *host;
	int type;
} rows[] = {
	{ "a name", "bridge.pharos", GEN_DNS },
	{ "IPv4", "192.0.2.1", GEN_IPADD },
	{ "IPv6", "2001:db8::1", GEN_IPADD },
	{ "nearly IPv4", "192.0.2.256", GEN_DNS },
};

static void test_hosts(void **state)
{
	CLEANUP(names_p) GENERAL_NAMES *names = GENERAL_NAMES_new();

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		assert_int_equal(altname_push_host(names, rows[i].host), 1);
		assert_int_equal(
		    sk_GENERAL_NAME_value(names, (int)i)->type, rows[i].type);
		assert_int_equal(altname_is_address(rows[i].host),
		    rows[i].type == GEN_IPADD);
	}
	assert_int_equal(altname_push(names, GEN_URI, "pharos://r/pipe/p"), 1);
	assert_int_equal(sk_GENERAL_NAME_num(names), N_ELEMS(rows) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_hosts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
