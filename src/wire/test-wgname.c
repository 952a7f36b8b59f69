#include "wire/wgname.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define LABEL63                                                                \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *label;
	enum wgname_kind kind;
	const char *text;
	bool ok;
} rows[] = {
	{ "the usual interface", WGNAME_INTERFACE, "wg0", true },
	{ "all that is allowed", WGNAME_INTERFACE, "Te-th_er.0", true },
	{ "15 characters", WGNAME_INTERFACE, "abcdefghijklmno", true },
	{ "16 characters", WGNAME_INTERFACE, "abcdefghijklmnop", false },
	{ "no interface", WGNAME_INTERFACE, "", false },
	{ "the loopback", WGNAME_INTERFACE, "lo", false },
	{ "all interfaces", WGNAME_INTERFACE, "all", false },
	{ "those to come", WGNAME_INTERFACE, "default", false },
	{ "a digit first", WGNAME_INTERFACE, "0wg", false },
	{ "a dot", WGNAME_INTERFACE, ".", false },
	{ "two dots", WGNAME_INTERFACE, "..", false },
	{ "an option", WGNAME_INTERFACE, "-wg0", false },
	{ "a path", WGNAME_INTERFACE, "../wg0", false },
	{ "a slash", WGNAME_INTERFACE, "wg/0", false },
	{ "a colon", WGNAME_INTERFACE, "wg0:1", false },
	{ "a blank", WGNAME_INTERFACE, "wg 0", false },
	{ "a line end", WGNAME_INTERFACE, "wg0\n", false },
	{ "a format", WGNAME_INTERFACE, "wg%d", false },
	{ "a letter of others", WGNAME_INTERFACE, "wg\xc3\xa9", false },
	{ "a wild card", WGNAME_INTERFACE, "wg*", false },

	{ "a phone", WGNAME_PEER, "phone", true },
	{ "a phone of 2026", WGNAME_PEER, "2026-Phone_of.Anna", true },
	{ "63 characters", WGNAME_PEER, LABEL63, true },
	{ "64 characters", WGNAME_PEER, LABEL63 "a", false },
	{ "no peer", WGNAME_PEER, "", false },
	{ "an option", WGNAME_PEER, "--json", false },
	{ "a hidden file", WGNAME_PEER, ".phone", false },
	{ "a path", WGNAME_PEER, "a/b", false },
	{ "a back-slash", WGNAME_PEER, "a\\b", false },
	{ "a quote", WGNAME_PEER, "Anna's", false },
	{ "a blank", WGNAME_PEER, "Anna phone", false },
	{ "a line end", WGNAME_PEER, "phone\nPostUp=id", false },
	{ "a carriage return", WGNAME_PEER, "phone\r", false },
	{ "a comment", WGNAME_PEER, "phone#1", false },
	{ "a shell's word", WGNAME_PEER, "$(id)", false },
	{ "a terminal's escape", WGNAME_PEER, "a\033[2J", false },

	{ "a zone", WGNAME_ZONE, "admin", true },
	{ "with a number", WGNAME_ZONE, "a2a-smith", true },
	{ "31 characters", WGNAME_ZONE, "abcdefghijklmnopqrstuvwxyzabcde",
	    true },
	{ "32 characters", WGNAME_ZONE, "abcdefghijklmnopqrstuvwxyzabcdef",
	    false },
	{ "no zone", WGNAME_ZONE, "", false },
	{ "a capital", WGNAME_ZONE, "Admin", false },
	{ "a digit first", WGNAME_ZONE, "2a", false },
	{ "an underline", WGNAME_ZONE, "a_b", false },
	{ "a rule of the firewall", WGNAME_ZONE, "a; flush ruleset", false },
	{ "a brace", WGNAME_ZONE, "a}", false },

	{ "a name", WGNAME_ENDPOINT, "vpn.example.org:51820", true },
	{ "a name of one label", WGNAME_ENDPOINT, "host:51820", true },
	{ "an IPv4 address", WGNAME_ENDPOINT, "192.0.2.1:1", true },
	{ "an IPv6 address", WGNAME_ENDPOINT, "[2001:db8::1]:65535", true },
	{ "253 characters", WGNAME_ENDPOINT,
	    LABEL63 "." LABEL63 "." LABEL63 "." LABEL61 ":1", true },
	{ "254 characters", WGNAME_ENDPOINT,
	    LABEL63 "." LABEL63 "." LABEL63 "." LABEL61 "a:1", false },
	{ "a label too long", WGNAME_ENDPOINT, LABEL63 "a.org:1", false },
	{ "no endpoint", WGNAME_ENDPOINT, "", false },
	{ "no port", WGNAME_ENDPOINT, "vpn.example.org", false },
	{ "an empty port", WGNAME_ENDPOINT, "vpn.example.org:", false },
	{ "no host", WGNAME_ENDPOINT, ":51820", false },
	{ "port 0", WGNAME_ENDPOINT, "vpn.example.org:0", false },
	{ "a zero before the port", WGNAME_ENDPOINT, "a.org:051820", false },
	{ "a port beyond ports", WGNAME_ENDPOINT, "a.org:65536", false },
	{ "a bare IPv6 address", WGNAME_ENDPOINT, "2001:db8::1:51820", false },
	{ "a name in brackets", WGNAME_ENDPOINT, "[a.org]:1", false },
	{ "an IPv4 address in brackets", WGNAME_ENDPOINT, "[192.0.2.1]:1",
	    false },
	{ "empty brackets", WGNAME_ENDPOINT, "[]:1", false },
	{ "an address that is none", WGNAME_ENDPOINT, "192.0.2.256:1", false },
	{ "an address of three parts", WGNAME_ENDPOINT, "192.0.2:1", false },
	{ "a dot at the end", WGNAME_ENDPOINT, "a.org.:1", false },
	{ "two dots", WGNAME_ENDPOINT, "a..org:1", false },
	{ "a hyphen at an end", WGNAME_ENDPOINT, "a-.org:1", false },
	{ "a hyphen first", WGNAME_ENDPOINT, "-a.org:1", false },
	{ "an underline", WGNAME_ENDPOINT, "a_b.org:1", false },
	{ "a scheme", WGNAME_ENDPOINT, "https://a.org:1", false },
	{ "a line of a configuration", WGNAME_ENDPOINT,
	    "a.org:1\nAllowedIPs=::/0", false },
};

static void what_is_a_name_and_what_is_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		int r = wgname_check(
		    rows[i].kind, "the name", rows[i].text, &fault);

		if (r != (rows[i].ok ? 0 : -EINVAL) || fault.code != r)
			fail_msg("%s: %d", rows[i].label, r);
		if (r)
			assert_non_null(strstr(fault.text, "the name: exp"));
	}
}

/* Every byte, alone and in the middle: what is let through needs no quotes. */
static void no_byte_that_needs_an_escape(void **state)
{
	static bool (*const oks[])(const char *) = { wgname_interface_ok,
		wgname_peer_ok, wgname_zone_ok };

	(void)state;
	for (unsigned c = 1; c < 256; c++)
		for (size_t i = 0; i < N_ELEMS(oks); i++) {
			const char text[] = { 'a', (char)c, 'a', '\0' };
			bool plain =
			    (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			    (i < 2 && c >= 'A' && c <= 'Z') || c == '-' ||
			    (i < 2 && (c == '_' || c == '.'));

			assert_int_equal(oks[i](text), plain);
		}
}

static void capitals_make_no_other_name(void **state)
{
	(void)state;
	assert_true(wgname_same("Phone", "phone"));
	assert_false(wgname_same("phone", "phones"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_a_name_and_what_is_not),
		cmocka_unit_test(no_byte_that_needs_an_escape),
		cmocka_unit_test(capitals_make_no_other_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
