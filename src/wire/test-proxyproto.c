#include "wire/proxyproto.h"
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define SIGNATURE   "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(text) (text), sizeof(text) - 1

enum { UNIX_ENDS = 216 }; /* two paths */

/* Good preambles: what they say. */
static const struct {
	const char *label, *bytes;
	size_t n;
	enum proxyproto_kind kind;
	const char *source;
	uint16_t port;
	unsigned version; /* written so, these bytes come out; 0: others do */
} good[] = {
	{ "TCP4", BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"),
	    PROXYPROTO_TCP4, "192.0.2.7", 4711, 1 },
	{ "shortest TCP4", BYTES("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"),
	    PROXYPROTO_TCP4, "0.0.0.0", 0, 1 },
	{ "longest TCP4",
	    BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
	    PROXYPROTO_TCP4, "255.255.255.255", 65535, 1 },
	{ "TCP6", BYTES("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n"),
	    PROXYPROTO_TCP6, "2001:db8::7", 4711, 1 },
	{ "shortest TCP6", BYTES("PROXY TCP6 :: :: 0 0\r\n"), PROXYPROTO_TCP6,
	    "::", 0, 1 },
	{ "longest TCP6",
	    BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe "
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	    PROXYPROTO_TCP6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 65535,
	    1 },
	{ "UNKNOWN", BYTES("PROXY UNKNOWN\r\n"), PROXYPROTO_LOCAL, NULL, 0, 1 },
	{ "UNKNOWN with anything",
	    BYTES("PROXY UNKNOWN whatever  it\xff is\r\n"), PROXYPROTO_LOCAL,
	    NULL, 0, 0 },
	{ "UNKNOWN, as long as may be",
	    BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	    PROXYPROTO_LOCAL, NULL, 0, 0 },
	{ "v2 LOCAL", BYTES(SIGNATURE "\x20\0\0\0"), PROXYPROTO_LOCAL, NULL, 0,
	    2 },
	{ "v2 LOCAL, with what is to be ignored",
	    BYTES(SIGNATURE "\x20\x77\0\3abc"), PROXYPROTO_LOCAL, NULL, 0, 0 },
	{ "v2 TCP over IPv4",
	    BYTES(SIGNATURE "\x21\x11\0\14"
			    "\xc0\0\2\7\xc6\x33\x64\1\x12\x67\1\xbb"),
	    PROXYPROTO_TCP4, "192.0.2.7", 4711, 2 },
	{ "v2 TCP over IPv4, with TLVs",
	    BYTES(SIGNATURE "\x21\x11\0\25"
			    "\xc0\0\2\7\xc6\x33\x64\1\x12\x67\1\xbb"
			    "\4\0\0\2\0\3abc"),
	    PROXYPROTO_TCP4, "192.0.2.7", 4711, 0 },
	{ "v2 TCP over IPv6",
	    BYTES(SIGNATURE "\x21\x21\0\44"
			    "\x20\1\15\xb8\0\0\0\0\0\0\0\0\0\0\0\7"
			    "\x20\1\15\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
			    "\x12\x67\1\xbb"),
	    PROXYPROTO_TCP6, "2001:db8::7", 4711, 2 },
	{ "v2 UDP counts as unknown",
	    BYTES(SIGNATURE "\x21\x12\0\14"
			    "\xc0\0\2\7\xc6\x33\x64\1\x12\x67\1\xbb"),
	    PROXYPROTO_LOCAL, NULL, 0, 0 },
	{ "v2 UNSPEC", BYTES(SIGNATURE "\x21\0\0\0"), PROXYPROTO_LOCAL, NULL, 0,
	    0 },
};

static void check_source(const struct proxyproto *p, size_t row)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (p->kind != good[row].kind)
		fail_msg("%s: kind %d", good[row].label, (int)p->kind);
	if (p->kind == PROXYPROTO_LOCAL)
		return;
	inet_ntop(p->kind == PROXYPROTO_TCP4 ? AF_INET : AF_INET6,
	    p->source.host, text, sizeof(text));
	if (strcmp(text, good[row].source) || p->source.port != good[row].port)
		fail_msg(
		    "%s: from %s, %u", good[row].label, text, p->source.port);
}

static void what_is_good_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(good); i++) {
		struct proxyproto p;
		int r = proxyproto_read(&p, good[i].bytes, good[i].n);

		if (r)
			fail_msg("%s: %d", good[i].label, r);
		check_source(&p, i);
	}
}

static void what_is_written_is_what_was_read(void **state)
{
	uint8_t back[PROXYPROTO_LINE_MOST + 1];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(good); i++) {
		unsigned version = good[i].version;
		struct proxyproto p;
		size_t used = 0;

		if (!version)
			continue;
		assert_int_equal(
		    proxyproto_read(&p, good[i].bytes, good[i].n), 0);
		assert_int_equal(
		    proxyproto_write(&p, version, back, sizeof(back), &used),
		    0);
		if (used != good[i].n || memcmp(back, good[i].bytes, used) != 0)
			fail_msg("%s", good[i].label);
		assert_int_equal(
		    proxyproto_write(&p, version, back, used - 1, &used),
		    -ENOBUFS);
	}
}

/* As a leg does it: what is asked for, and not one byte of the client's. */
static size_t read_as_asked(const char *bytes, size_t n, int *result)
{
	size_t have = 0, need = 0;

	do {
		have += need;
		*result =
		    have > n ? -EAGAIN : proxyproto_need(bytes, have, &need);
	} while (!*result && need);
	return have;
}

static void nothing_of_the_client_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(good); i++) {
		char stream[512];
		int r = 0;
		size_t n = good[i].n, got;

		memcpy(stream, good[i].bytes, n);
		memset(stream + n, '\n', sizeof(stream) - n);
		got = read_as_asked(stream, sizeof(stream), &r);
		if (r || got != n)
			fail_msg("%s: %d, %zu of %zu bytes", good[i].label, r,
			    got, n);
	}
}

static void half_a_preamble_asks_for_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(good); i++)
		for (size_t n = 0; n < good[i].n; n++) {
			struct proxyproto p;
			size_t need = 0;
			int r = proxyproto_need(good[i].bytes, n, &need);

			if (r || !need || n + need > good[i].n)
				fail_msg("%s at %zu: %d, %zu", good[i].label, n,
				    r, need);
			assert_int_not_equal(
			    proxyproto_read(&p, good[i].bytes, n), 0);
		}
}

static const struct {
	const char *label, *bytes;
	size_t n;
	int code;
} bad[] = {
	{ "TLS", BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc"),
	    PROXYPROTO_E_NONE },
	{ "HTTP", BYTES("GET / HTTP/1.1\r\n\r\n"), PROXYPROTO_E_NONE },
	{ "one wrong byte", BYTES("X"), PROXYPROTO_E_NONE },
	{ "lower case", BYTES("PROXY tcp4 192.0.2.7 192.0.2.1 1 1\r\n"),
	    PROXYPROTO_E_NONE },
	{ "another transport", BYTES("PROXY UDP4 192.0.2.7 192.0.2.1 1 1\r\n"),
	    PROXYPROTO_E_NONE },
	{ "two blanks", BYTES("PROXY  TCP4 192.0.2.7 192.0.2.1 1 1\r\n"),
	    PROXYPROTO_E_NONE },
	{ "two blanks later", BYTES("PROXY TCP4 192.0.2.7  192.0.2.1 1 1\r\n"),
	    PROXYPROTO_E_FORM },
	{ "a blank at the end",
	    BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 1 1 \r\n"),
	    PROXYPROTO_E_FORM },
	{ "LF alone", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 1 1\n"),
	    PROXYPROTO_E_FORM },
	{ "LF at once", BYTES("PROXY UNKNOWN\n"), PROXYPROTO_E_FORM },
	{ "CR within", BYTES("PROXY UNKNOWN a\rb\r\n"), PROXYPROTO_E_FORM },
	{ "CR instead of a blank", BYTES("PROXY UNKNOWN\rb\r\n"),
	    PROXYPROTO_E_FORM },
	{ "a longer word", BYTES("PROXY UNKNOWNS\r\n"), PROXYPROTO_E_FORM },
	{ "a number too large", BYTES("PROXY TCP4 256.0.2.7 192.0.2.1 1 1\r\n"),
	    PROXYPROTO_E_FORM },
	{ "leading zero in a host",
	    BYTES("PROXY TCP4 192.0.2.07 192.0.2.1 1 1\r\n"),
	    PROXYPROTO_E_FORM },
	{ "leading zero in a port",
	    BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 01 1\r\n"),
	    PROXYPROTO_E_FORM },
	{ "port above 65535",
	    BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 65536 1\r\n"),
	    PROXYPROTO_E_FORM },
	{ "signed port", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 +1 1\r\n"),
	    PROXYPROTO_E_FORM },
	{ "no port", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n"),
	    PROXYPROTO_E_FORM },
	{ "IPv6 in TCP4", BYTES("PROXY TCP4 ::1 192.0.2.10 1 1000\r\n"),
	    PROXYPROTO_E_FORM },
	{ "IPv4 in TCP6", BYTES("PROXY TCP6 192.0.2.7 192.0.2.1 1 1\r\n"),
	    PROXYPROTO_E_FORM },
	{ "NUL in it", BYTES("PROXY TCP4 192.0.2.7\0 192.0.2.1 1 1\r\n"),
	    PROXYPROTO_E_FORM },
	{ "v2 of version 3", BYTES(SIGNATURE "\x31\x11\0\0"),
	    PROXYPROTO_E_FORM },
	{ "v2 of version 1", BYTES(SIGNATURE "\x11\x11\0\0"),
	    PROXYPROTO_E_FORM },
	{ "v2, another command", BYTES(SIGNATURE "\x22\0\0\0"),
	    PROXYPROTO_E_FORM },
	{ "v2, another family", BYTES(SIGNATURE "\x21\x41\0\0"),
	    PROXYPROTO_E_FORM },
	{ "v2, another transport", BYTES(SIGNATURE "\x21\x13\0\0"),
	    PROXYPROTO_E_FORM },
	{ "v2 without addresses", BYTES(SIGNATURE "\x21\x11\0\0"),
	    PROXYPROTO_E_FORM },
	{ "v2 with half of them",
	    BYTES(SIGNATURE "\x21\x21\0\14"
			    "\xc0\0\2\7\xc6\x33\x64\1\x12\x67\1\xbb"),
	    PROXYPROTO_E_FORM },
	{ "v2 with half a TLV",
	    BYTES(SIGNATURE "\x21\x11\0\17"
			    "\xc0\0\2\7\xc6\x33\x64\1\x12\x67\1\xbb\4\0\1"),
	    PROXYPROTO_E_FORM },
	{ "v2, longer than any", BYTES(SIGNATURE "\x21\x11\x10\0"),
	    PROXYPROTO_E_LENGTH },
};

static void what_is_wrong_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct proxyproto p;
		int asked = 0, r;

		(void)read_as_asked(bad[i].bytes, bad[i].n, &asked);
		r = proxyproto_read(&p, bad[i].bytes, bad[i].n);
		if (r != bad[i].code)
			fail_msg("%s: %d", bad[i].label, r);
		if (asked && asked != -EAGAIN && asked != bad[i].code)
			fail_msg("%s: asked for %d", bad[i].label, asked);
	}
}

static void a_line_ends_by_its_107th_byte(void **state)
{
	static const char words[] = "PROXY UNKNOWN ";
	char line[200];
	int r = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, words, sizeof(words) - 1);
	assert_true(
	    read_as_asked(line, sizeof(line), &r) <= PROXYPROTO_LINE_MOST);
	assert_int_equal(r, PROXYPROTO_E_LENGTH);
}

static void unix_sockets_have_no_address(void **state)
{
	uint8_t bytes[16 + UNIX_ENDS] = SIGNATURE "\x21\x31";
	struct proxyproto p;

	(void)state;
	bytes[15] = UNIX_ENDS;
	assert_int_equal(proxyproto_read(&p, bytes, sizeof(bytes)), 0);
	assert_int_equal(p.kind, PROXYPROTO_LOCAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_good_is_read),
		cmocka_unit_test(what_is_written_is_what_was_read),
		cmocka_unit_test(nothing_of_the_client_is_read),
		cmocka_unit_test(half_a_preamble_asks_for_more),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(a_line_ends_by_its_107th_byte),
		cmocka_unit_test(unix_sockets_have_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
