#include "wire/mobileconfig.h"
#include "wire/test-codex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define PRIVATE "eBEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWlo="

static struct secret *write_one(
    const struct codex *c, size_t peer, enum mobileconfig_system system)
{
	CLEANUP(secret_freep) struct secret *key = NULL;
	const struct wgkey shared = test_key(3);
	struct wgquick_order order = { .codex = c, .peer = &c->peers[peer] };
	struct secret *profile;
	struct fault fault = FAULT_NONE;

	assert_int_equal(wgkey_private_read(&key, PRIVATE, 44), 0);
	order.private_key = key;
	order.shared = shared.bytes;
	if (mobileconfig_write(&profile, &order, system, &fault))
		fail_msg("%s", fault.text);
	return profile;
}

static void has(const struct secret *profile, const char *text)
{
	if (!strstr(secret_bytes(profile), text))
		fail_msg("%s\nin\n%s", text, secret_bytes(profile));
}

static void it_holds_the_configuration(void **state)
{
	CLEANUP(secret_freep) struct secret *ios = NULL;
	CLEANUP(secret_freep) struct secret *macos = NULL;
	struct codex c;

	(void)state;
	test_codex(&c);
	ios = write_one(&c, 0, MOBILECONFIG_IOS);
	macos = write_one(&c, 0, MOBILECONFIG_MACOS);
	has(ios, "<string>[Interface]\nPrivateKey = " PRIVATE "\n");
	has(ios, "PresharedKey = ");
	has(ios, "AllowedIPs = 10.88.0.1/32, fd00:88::1/128\n</string>");
	has(ios, "<string>com.wireguard.ios</string>");
	has(macos, "<string>com.wireguard.macos</string>");
	has(ios, "<key>RemoteAddress</key>"
		 "<string>vpn.example.org:51820</string>");
	codex_deinit(&c);
}

/* The second UUID of a profile, that of its tunnel, or the first. */
static void uuid_in(char to[37], const struct secret *profile, int which)
{
	const char *at = secret_bytes(profile);

	for (int i = 0; i <= which; i++) {
		at = strstr(at, "<key>PayloadUUID</key><string>");
		assert_non_null(at);
		at += 30;
	}
	memcpy(to, at, 36);
	to[36] = '\0';
	assert_int_equal(to[14], '8');
	assert_non_null(strchr("89AB", to[19]));
}

static void each_peer_and_part_has_its_uuid_and_keeps_it(void **state)
{
	CLEANUP(secret_freep) struct secret *phone = NULL;
	CLEANUP(secret_freep) struct secret *again = NULL;
	CLEANUP(secret_freep) struct secret *other = NULL;
	char a[37], b[37];
	struct codex c;

	(void)state;
	test_codex(&c);
	phone = write_one(&c, 0, MOBILECONFIG_IOS);
	c.peers[0].key = test_key(77); /* rotated */
	again = write_one(&c, 0, MOBILECONFIG_IOS);
	assert_true(
	    secret_equal(again, secret_bytes(phone), secret_size(phone)));
	other = write_one(&c, 1, MOBILECONFIG_IOS);
	uuid_in(a, phone, 0);
	uuid_in(b, phone, 1);
	assert_string_not_equal(a, b);
	uuid_in(b, other, 0);
	assert_string_not_equal(a, b);
	codex_deinit(&c);
}

static void the_longest_names_fit(void **state)
{
	CLEANUP(secret_freep) struct secret *profile = NULL;
	struct codex c;

	(void)state;
	test_codex(&c);
	memset(c.peers[0].name, 'a', WGNAME_PEER_MOST);
	memset(c.endpoint, 'b', WGNAME_HOST_MOST);
	memcpy(c.endpoint + WGNAME_HOST_MOST, ":51820", 7);
	profile = write_one(&c, 0, MOBILECONFIG_MACOS);
	has(profile, "</plist>\n");
	codex_deinit(&c);
}

static void without_the_key_there_is_none(void **state)
{
	struct wgquick_order order;
	struct secret *profile;
	struct fault fault = FAULT_NONE;
	struct codex c;

	(void)state;
	test_codex(&c);
	order = (struct wgquick_order){ .codex = &c, .peer = &c.peers[0] };
	assert_int_equal(
	    mobileconfig_write(&profile, &order, MOBILECONFIG_IOS, &fault),
	    -ENODATA);
	assert_non_null(strstr(fault.text, "private key of phone"));
	codex_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_the_configuration),
		cmocka_unit_test(each_peer_and_part_has_its_uuid_and_keeps_it),
		cmocka_unit_test(the_longest_names_fit),
		cmocka_unit_test(without_the_key_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
