#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* 256 characters, one more than a host may have. */
#define TEN    "abcdefghi."
#define FIFTY  TEN TEN TEN TEN TEN
#define LENGTH FIFTY FIFTY FIFTY FIFTY FIFTY "abcdef"

static void texts_are_parsed_or_refused(void **state)
{
	static const struct {
		const char *label, *text;
		int want;
		const char *host;
		uint16_t port;
	} rows[] = {
		{ "name", "b.example:443", 0, "b.example", 443 },
		{ "short name", "b:1", 0, "b", 1 },
		{ "underscore", "my_host:1", 0, "my_host", 1 },
		{ "IPv4", "192.0.2.7:65535", 0, "192.0.2.7", 65535 },
		{ "IPv6", "[2001:db8::1]:443", 0, "2001:db8::1", 443 },
		{ "IPv6 any", "[::]:443", 0, "::", 443 },
		{ "all addresses", ":443", 0, "", 443 },
		{ "any port", "127.0.0.1:0", 0, "127.0.0.1", 0 },
		{ "empty", "", ADDRESS_E_PORT, NULL, 0 },
		{ "no port", "b.example", ADDRESS_E_PORT, NULL, 0 },
		{ "empty port", "b.example:", ADDRESS_E_PORT, NULL, 0 },
		{ "port too high", "b:65536", ADDRESS_E_PORT, NULL, 0 },
		{ "port too long", "b:000001", ADDRESS_E_PORT, NULL, 0 },
		{ "port with sign", "b:+1", ADDRESS_E_PORT, NULL, 0 },
		{ "port with space", "b: 1", ADDRESS_E_PORT, NULL, 0 },
		{ "port by name", "b:https", ADDRESS_E_PORT, NULL, 0 },
		{ "brackets without port", "[::1]", ADDRESS_E_PORT, NULL, 0 },
		{ "IPv6 without brackets", "::1:443", ADDRESS_E_HOST, NULL, 0 },
		{ "name in brackets", "[b]:443", ADDRESS_E_HOST, NULL, 0 },
		{ "IPv4 in brackets", "[1.2.3.4]:1", ADDRESS_E_HOST, NULL, 0 },
		{ "empty brackets", "[]:443", ADDRESS_E_HOST, NULL, 0 },
		{ "open bracket", "[:443", ADDRESS_E_HOST, NULL, 0 },
		{ "URL", "https://b:443", ADDRESS_E_HOST, NULL, 0 },
		{ "space", "b example:443", ADDRESS_E_HOST, NULL, 0 },
		{ "too long", LENGTH ":443", ADDRESS_E_HOST, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct address a = { .host = "untouched", .port = 7 };
		int r = address_parse(&a, rows[i].text);

		if (r != rows[i].want)
			fail_msg("%s: %d", rows[i].label, r);
		assert_string_equal(
		    a.host, rows[i].host ? rows[i].host : "untouched");
		assert_int_equal(a.port, rows[i].host ? rows[i].port : 7);
	}
}

static void places_are_of_addresses_only(void **state)
{
	static const struct {
		const char *host, *text; /* as address_text() has it */
		int family;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7:443", AF_INET },
		{ "2001:db8::1", "[2001:db8::1]:443", AF_INET6 },
		{ "", NULL, 0 },
		{ "localhost", NULL, 0 },
		{ "192.0.2", NULL, 0 },
		{ "[::1]", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct address_place place = { .size = 7 };
		char text[ADDRESS_TEXT_MOST];
		bool is = address_place(&place, rows[i].host, 443);

		if (is != (rows[i].text != NULL))
			fail_msg("%s", rows[i].host);
		if (!is) {
			assert_int_equal(place.size, 7);
			continue;
		}
		address_text(text, &place.sa.any);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(place.sa.any.sa_family, rows[i].family);
		assert_int_equal(place.size, rows[i].family == AF_INET
						 ? sizeof(place.sa.v4)
						 : sizeof(place.sa.v6));
	}
}

/* A socket address from its parts; @host NULL for an unknown family. */
static void make(struct sockaddr_storage *out, const char *host, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };

	memset(out, 0, sizeof(*out));
	if (!host)
		return;
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(out, &v4, sizeof(v4));
	} else {
		assert_int_equal(inet_pton(AF_INET6, host, &v6.sin6_addr), 1);
		memcpy(out, &v6, sizeof(v6));
	}
}

static void socket_addresses_become_texts(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		const char *text;
	} rows[] = {
		{ "192.0.2.7", 4711, "192.0.2.7:4711" },
		{ "::1", 5, "[::1]:5" },
		{ "2001:db8::a", 65535, "[2001:db8::a]:65535" },
		{ "::ffff:192.0.2.7", 80, "192.0.2.7:80" },
		{ NULL, 0, "unknown" },
	};
	struct sockaddr_storage sa;
	char text[ADDRESS_TEXT_MOST];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		make(&sa, rows[i].host, rows[i].port);
		address_text(text, (struct sockaddr *)&sa);
		assert_string_equal(text, rows[i].text);
	}
	sa.ss_family = AF_UNIX;
	address_text(text, (struct sockaddr *)&sa);
	assert_string_equal(text, "unix");
}

static void sources_are_the_same_when_limits_must_not_tell_them_apart(
    void **state)
{
	static const struct {
		const char *label, *one, *other;
		bool same;
	} rows[] = {
		{ "other port", "192.0.2.7:1", "192.0.2.7:2", true },
		{ "other IPv4", "192.0.2.7:1", "192.0.2.8:1", false },
		{ "same /64", "[2001:db8::1]:1", "[2001:db8::ffff:1]:1", true },
		{ "other /64", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1",
		    false },
		{ "v4-mapped", "[::ffff:192.0.2.7]:1", "192.0.2.7:1", true },
		{ "v4 and v6 with equal bytes", "[c000:207::]:1", "192.0.2.7:1",
		    false },
		{ "all that is unknown", "unix", "memory", true },
		{ "unknown and known", "unix", "0.0.0.0:1", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct address_source one, other;

		address_source_of(&one, rows[i].one);
		address_source_of(&other, rows[i].other);
		if (!memcmp(&one, &other, sizeof(one)) != rows[i].same)
			fail_msg("%s", rows[i].label);
	}
}

static void a_source_is_the_same_from_text_and_from_socket(void **state)
{
	static const char *const hosts[] = { "192.0.2.7", "2001:db8::1",
		"::ffff:192.0.2.7", NULL };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(hosts); i++) {
		struct sockaddr_storage sa;
		struct address_source one, other;
		char text[ADDRESS_TEXT_MOST];

		make(&sa, hosts[i], 99);
		address_text(text, (struct sockaddr *)&sa);
		address_source(&one, (struct sockaddr *)&sa);
		address_source_of(&other, text);
		assert_memory_equal(&one, &other, sizeof(one));
	}
}

static void the_port_of_what_is_dialled(void **state)
{
	static const struct {
		const char *text;
		uint16_t port;
	} rows[] = {
		{ "beacon.example:8443", 8443 },
		{ "[2001:db8::1]:443", 443 },
		{ "beacon.example", 0 },
		{ "beacon.example:", 0 },
		{ "beacon.example:99999", 0 },
		{ "beacon.example:123456", 0 },
		{ "https://store.example:8200", 8200 },
		{ "https://store.example:8200/v1:9/", 8200 },
		{ "https://store.example", 443 },
		{ "https://store.example/", 443 },
		{ "HTTPS://store.example/", 443 },
		{ "http://[2001:db8::1]/", 80 },
		{ "http://[2001:db8::1]:8200/", 8200 },
		{ "http://user:pass@proxy.example:3128", 3128 },
		{ "http://user:p:1@proxy.example", 80 },
		{ "socks5://proxy.example", 1080 },
		{ "gopher://proxy.example", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		if (address_port_of(rows[i].text) != rows[i].port)
			fail_msg("'%s'", rows[i].text);
}

static void loopback_is_told_from_what_only_begins_alike(void **state)
{
	static const struct {
		const char *host;
		bool want;
	} row[] = {
		{ "127.0.0.1", true },
		{ "127.255.0.9", true },
		{ "::1", true },
		{ "[::1]", true },
		{ "localhost", true },
		{ "", false },
		{ "0.0.0.0", false },
		{ "::", false },
		{ "10.0.0.1", false },
		{ "127.0.0.1.example", false },
		{ "127.example", false },
		{ "localhost.example", false },
		{ "[::1].example", false },
		{ "1270.0.0.1", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(row); i++)
		if (address_is_loopback(row[i].host) != row[i].want)
			fail_msg("%s", row[i].host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_parsed_or_refused),
		cmocka_unit_test(places_are_of_addresses_only),
		cmocka_unit_test(socket_addresses_become_texts),
		cmocka_unit_test(
		    sources_are_the_same_when_limits_must_not_tell_them_apart),
		cmocka_unit_test(
		    a_source_is_the_same_from_text_and_from_socket),
		cmocka_unit_test(the_port_of_what_is_dialled),
		cmocka_unit_test(loopback_is_told_from_what_only_begins_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
