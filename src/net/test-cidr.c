#include "net/cidr.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void an_address_is_in_its_networks_only(void **state)
{
	static const struct {
		const char *network, *host;
		bool in;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.8", false },
		{ "192.0.2.7/32", "192.0.2.7", true },
		{ "0.0.0.0/0", "192.0.2.7", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::8/125", "2001:db8::f", true },
		{ "2001:db8::8/125", "2001:db8::7", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "192.0.2.7", false },
		{ "::ffff:10.0.0.0/104", "10.1.2.3", true },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "10.0.0.0/8", "10.example", false },
		{ "10.0.0.0/8", "", false },
		{ "::1", "::1", true },
		{ "::1", "[::1]", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct cidr c;

		assert_int_equal(cidr_parse(&c, rows[i].network), 0);
		if (cidr_has(&c, rows[i].host) != rows[i].in)
			fail_msg("%s in %s", rows[i].host, rows[i].network);
	}
}

static void what_is_no_network_is_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = {
		{ "", CIDR_E_FORM },
		{ "/", CIDR_E_FORM },
		{ "/8", CIDR_E_FORM },
		{ "10.0.0.0/", CIDR_E_FORM },
		{ "10.0.0.0/33", CIDR_E_FORM },
		{ "10.0.0.0/08", CIDR_E_FORM },
		{ "10.0.0.0/-1", CIDR_E_FORM },
		{ "10.0.0.0/8/8", CIDR_E_FORM },
		{ "10.0.0.0/255.0.0.0", CIDR_E_FORM },
		{ "10.0.0/8", CIDR_E_FORM },
		{ "010.0.0.0/8", CIDR_E_FORM },
		{ "::/129", CIDR_E_FORM },
		{ "[::1]/128", CIDR_E_FORM },
		{ "fe80::1%eth0", CIDR_E_FORM },
		{ "example.org", CIDR_E_FORM },
		{ "10.0.0.1/8", CIDR_E_REST },
		{ "192.0.2.129/25", CIDR_E_REST },
		{ "2001:db8::1/64", CIDR_E_REST },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct cidr c;
		int r = cidr_parse(&c, rows[i].text);

		if (r != rows[i].code)
			fail_msg("\"%s\": %d", rows[i].text, r);
	}
}

static void the_network_around_an_address_is_given(void **state)
{
	struct cidr c;

	(void)state;
	assert_int_equal(cidr_parse(&c, "10.1.2.3/8"), CIDR_E_REST);
	assert_true(cidr_has(&c, "10.9.9.9"));
	assert_false(cidr_has(&c, "11.1.2.3"));
}

static void only_addresses_of_the_internet_are_public(void **state)
{
	static const struct {
		const char *host;
		bool public;
	} rows[] = {
		{ "93.184.216.34", true },
		{ "9.255.255.255", true },
		{ "11.0.0.0", true },
		{ "172.15.255.255", true },
		{ "172.32.0.0", true },
		{ "223.255.255.255", true },
		{ "2606:2800:220:1::1", true },
		{ "::ffff:93.184.216.34", true },
		{ "0.0.0.0", false },
		{ "10.1.2.3", false },
		{ "100.64.0.1", false },
		{ "127.0.0.1", false },
		{ "169.254.169.254", false }, /* a cloud's metadata */
		{ "172.16.0.1", false },
		{ "172.31.255.255", false },
		{ "192.168.1.1", false },
		{ "198.19.255.255", false },
		{ "224.0.0.1", false },
		{ "255.255.255.255", false },
		{ "::", false },
		{ "::1", false },
		{ "::ffff:10.0.0.1", false },
		{ "64:ff9b::a00:1", false },
		{ "2001:db8::1", false },
		{ "2002:a00:1::", false },
		{ "fd00:ec2::254", false },
		{ "fe80::1", false },
		{ "ff02::1", false },
		{ "example.org", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		if (cidr_is_public(rows[i].host) != rows[i].public)
			fail_msg("%s", rows[i].host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_in_its_networks_only),
		cmocka_unit_test(what_is_no_network_is_refused),
		cmocka_unit_test(the_network_around_an_address_is_given),
		cmocka_unit_test(only_addresses_of_the_internet_are_public),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
