#include "base/conceal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void addresses_go_and_the_rest_stays(void **state)
{
	static const struct {
		const char *label, *text, *want;
	} rows[] = {
		{ "nothing", "", "" },
		{ "alone", "192.0.2.7", "(address)" },
		{ "with a port", "192.0.2.7:4711", "(address):4711" },
		{ "in a sentence", "from 192.0.2.7.", "from (address)." },
		{ "before a colon", "192.0.2.7: refused",
		    "(address): refused" },
		{ "several", "1.2.3.4,5.6.7.8", "(address),(address)" },
		{ "in a URL", "https://192.0.2.7/x", "https://(address)/x" },
		{ "IPv6", "2001:db8::1", "(address)" },
		{ "IPv6 in full", "2001:db8:0:1:2:3:4:5", "(address)" },
		{ "IPv6 with a port", "[2001:db8::1]:443", "[(address)]:443" },
		{ "its loopback", "[::1]:443", "[(address)]:443" },
		{ "any", "[::]:443", "[(address)]:443" },
		{ "mapped", "::ffff:192.0.2.7", "(address)" },
		{ "with a scope", "fe80::1%eth0", "(address)%eth0" },
		{ "capital letters", "2001:DB8::A", "(address)" },
		{ "behind an equals sign", "a=192.0.2.7", "a=(address)" },
		{ "a name", "beacon.example.org:443",
		    "beacon.example.org:443" },
		{ "a version", "OpenSSL 3.0.22", "OpenSSL 3.0.22" },
		{ "three numbers", "1.2.3", "1.2.3" },
		{ "no such number", "192.0.2.700 x", "(address)0 x" },
		{ "a time", "at 10:02:11", "at 10:02:11" },
		{ "a hash", "9f31ab00deadbeef", "9f31ab00deadbeef" },
		{ "a key print", "ab:cd:ef:01", "ab:cd:ef:01" },
		{ "a word of hex digits", "deadbeef face", "deadbeef face" },
		{ "colons in a word", "pharos::x", "pharos::x" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char got[128];

		conceal(got, sizeof(got), rows[i].text);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].label, got);
	}
}

/* Whatever does not fit is gone; half an address never shows. */
static void what_does_not_fit_is_cut(void **state)
{
	static const char text[] = "one 192.0.2.7 two";
	char got[32];

	(void)state;
	for (size_t room = 1; room <= sizeof(got); room++) {
		memset(got, 'x', sizeof(got));
		conceal(got, room, text);
		assert_true(strlen(got) < room);
		assert_null(strstr(got, "192"));
	}
	assert_string_equal(got, "one (address) two");
}

static void every_address_is_found(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		char text[64], got[64], want[64];

		snprintf(
		    text, sizeof(text), "<%u.%u.%u.%u>", i, 255 - i, i / 2, i);
		conceal(got, sizeof(got), text);
		assert_string_equal(got, "<(address)>");
		snprintf(text, sizeof(text), "[%x::%x]:%u", i + 1, i, i);
		snprintf(want, sizeof(want), "[(address)]:%u", i);
		conceal(got, sizeof(got), text);
		assert_string_equal(got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_go_and_the_rest_stays),
		cmocka_unit_test(what_does_not_fit_is_cut),
		cmocka_unit_test(every_address_is_found),
	};

	return cmocka_run_group_tests_name("conceal", tests, NULL, NULL);
}
