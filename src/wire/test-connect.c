#include "wire/connect.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
	const char *label;
	struct connect_request q;
	const char *head;
} requests[] = {
	{ "a name", { "beacon.example", 443, false, "", "" },
	    "CONNECT beacon.example:443 HTTP/1.1\r\n"
	    "Host: beacon.example:443\r\n\r\n" },
	{ "an IPv6 address", { "2001:db8::1", 8443, false, "", "" },
	    "CONNECT [2001:db8::1]:8443 HTTP/1.1\r\n"
	    "Host: [2001:db8::1]:8443\r\n\r\n" },
	{ "a login (RFC 7617, 2)",
	    { "192.0.2.7", 443, true, "Aladdin", "open sesame" },
	    "CONNECT 192.0.2.7:443 HTTP/1.1\r\n"
	    "Host: 192.0.2.7:443\r\n"
	    "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n" },
	{ "no password, and colons in one", { "x", 1, true, "u", ":p:" },
	    "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n"
	    "Proxy-Authorization: Basic dTo6cDo=\r\n\r\n" },
};

static void requests_are_written_and_read(void **state)
{
	char head[CONNECT_HEAD_MOST];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(requests); i++) {
		const struct connect_request *q = &requests[i].q;
		struct connect_request back;
		size_t n = 0;
		int r = connect_write_request(q, head, sizeof(head), &n);

		if (r || n != strlen(requests[i].head) ||
		    memcmp(head, requests[i].head, n) != 0)
			fail_msg(
			    "%s: %d, %.*s", requests[i].label, r, (int)n, head);
		assert_int_equal(connect_read_request(&back, head, n), 0);
		assert_string_equal(back.host, q->host);
		assert_int_equal(back.port, q->port);
		assert_int_equal(back.login, q->login);
		assert_string_equal(back.user, q->user);
		assert_string_equal(back.password, q->password);
		assert_int_equal(
		    connect_write_request(q, head, n - 1, &n), -ENOBUFS);
	}
}

static void what_would_be_read_otherwise_is_not_written(void **state)
{
	static const struct connect_request rows[] = {
		{ "", 443, false, "", "" },
		{ "a b", 443, false, "", "" },
		{ "a/b", 443, false, "", "" },
		{ "u@a", 443, false, "", "" },
		{ "a\r\nX: y", 443, false, "", "" },
		{ "a", 443, true, "u:v", "p" },
		{ "a", 443, true, "u\r\nX: y", "p" },
		{ "a", 443, true, "u", "p\n" },
	};
	char head[CONNECT_HEAD_MOST];
	size_t n;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		if (connect_write_request(&rows[i], head, sizeof(head), &n) !=
		    -EINVAL)
			fail_msg("row %zu", i);
}

static void the_longest_login_fits(void **state)
{
	struct connect_request q = { .port = 65535, .login = true }, back;
	char head[CONNECT_HEAD_MOST];
	size_t n;

	(void)state;
	memset(q.host, 'h', CONNECT_HOST_MOST);
	memset(q.user, 'u', CONNECT_LOGIN_MOST);
	memset(q.password, 'p', CONNECT_LOGIN_MOST);
	assert_int_equal(connect_write_request(&q, head, sizeof(head), &n), 0);
	assert_int_equal(connect_read_request(&back, head, n), 0);
	assert_string_equal(back.password, q.password);
}

static const struct {
	const char *label, *head;
	int status;
	const char *reason;
} replies[] = {
	{ "usual", "HTTP/1.1 200 Connection established\r\n\r\n", 200,
	    "Connection established" },
	{ "tinyproxy",
	    "HTTP/1.0 200 Connection established\r\n"
	    "Proxy-agent: tinyproxy/1.11.1\r\n\r\n",
	    200, "Connection established" },
	{ "a length that means nothing",
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n",
	    200, "OK" },
	{ "without a reason", "HTTP/1.1 200 \r\n\r\n", 200, "" },
	{ "without even the blank", "HTTP/1.1 204\r\n\r\n", 204, "" },
	{ "login wanted",
	    "HTTP/1.1 407 Proxy Authentication Required\r\n"
	    "Proxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
	    407, "Proxy Authentication Required" },
	{ "what may not be shown", "HTTP/1.1 500 \x1b[2J\xe2\x80\xae\r\n\r\n",
	    0, "" },
};

static void replies_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(replies); i++) {
		struct connect_reply p = { .status = 0 };
		int r = connect_read_reply(
		    &p, replies[i].head, strlen(replies[i].head));

		if (p.status != replies[i].status || !r != !!p.status)
			fail_msg("%s: %d, %d", replies[i].label, r, p.status);
		assert_string_equal(p.reason, replies[i].reason);
	}
}

static void a_long_reason_is_cut(void **state)
{
	struct connect_reply p;
	char head[300];

	(void)state;
	(void)snprintf(head, sizeof(head), "HTTP/1.1 500 %0200d\r\n\r\n", 7);
	assert_int_equal(connect_read_reply(&p, head, strlen(head)), 0);
	assert_int_equal(strlen(p.reason), CONNECT_REASON_MOST);
}

static void a_reply_is_written_as_it_is_read(void **state)
{
	struct connect_reply p = { 407, "Who are you" }, back;
	char head[200];
	size_t n;

	(void)state;
	assert_int_equal(connect_write_reply(&p, head, sizeof(head), &n), 0);
	assert_int_equal(connect_read_reply(&back, head, n), 0);
	assert_int_equal(back.status, 407);
	assert_string_equal(back.reason, p.reason);
	assert_int_equal(connect_write_reply(&p, head, n - 1, &n), -ENOBUFS);
}

static size_t read_as_asked(const char *bytes, size_t n, int *result)
{
	size_t have = 0, need = 0;

	do {
		have += need;
		*result =
		    have > n ? -EAGAIN : connect_need(true, bytes, have, &need);
	} while (!*result && need);
	return have;
}

/* Not even when it looks like a head's end, or comes in the same packet. */
static void nothing_of_the_target_is_read(void **state)
{
	static const char *const rests[] = { "SSH-2.0-x\r\n", "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n", "\r", "" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(replies); i++)
		for (size_t k = 0; k < N_ELEMS(rests); k++) {
			char stream[300];
			int r = 0;
			size_t got;

			(void)snprintf(stream, sizeof(stream), "%s%s",
			    replies[i].head, rests[k]);
			got = read_as_asked(stream, strlen(stream), &r);
			if (r || got != strlen(replies[i].head))
				fail_msg("%s: %d after %zu bytes",
				    replies[i].label, r, got);
		}
}

static const struct {
	const char *label, *head;
} bad[] = {
	{ "TLS", "\x15\x03\x01\x00\x02\x02\x46\r\n\r\n" },
	{ "SOCKS", "\x05\xff\r\n\r\n" },
	{ "SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n" },
	{ "HTTP/2", "HTTP/2 200 OK\r\n\r\n" },
	{ "two digits", "HTTP/1.1 20 OK\r\n\r\n" },
	{ "four digits", "HTTP/1.1 2000 OK\r\n\r\n" },
	{ "no such class", "HTTP/1.1 099 OK\r\n\r\n" },
	{ "nor this one", "HTTP/1.1 600 OK\r\n\r\n" },
	{ "signed", "HTTP/1.1 +20 OK\r\n\r\n" },
	{ "two blanks", "HTTP/1.1  200 OK\r\n\r\n" },
	{ "a line without a colon", "HTTP/1.1 200 OK\r\nyes\r\n\r\n" },
	{ "a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n" },
	{ "a bare LF", "HTTP/1.1 200 OK\nA: b\r\n\r\n" },
	{ "no end", "HTTP/1.1 200 OK\r\n" },
	{ "an end too early", "HTTP/1.1 200 OK\r\n\r\nA: b\r\n\r\n" },
	{ "nothing", "" },
};

static void what_is_no_reply_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct connect_reply p;

		if (connect_read_reply(&p, bad[i].head, strlen(bad[i].head)) !=
		    CONNECT_E_FORM)
			fail_msg("%s", bad[i].label);
	}
}

/* Who speaks something else is known by the first byte, not waited for. */
static void another_protocol_is_known_at_once(void **state)
{
	size_t need;

	(void)state;
	assert_int_equal(connect_need(true, "S", 1, &need), CONNECT_E_FORM);
	assert_int_equal(
	    connect_need(true, "HTTP/2", 6, &need), CONNECT_E_FORM);
	assert_int_equal(connect_need(true, "HTTP/1", 6, &need), 0);
	assert_int_equal(connect_need(false, "GET ", 4, &need), CONNECT_E_FORM);
}

static void a_head_has_an_end(void **state)
{
	static const char words[] = "HTTP/1.1 200 OK\r\nA: ";
	static char head[2 * CONNECT_HEAD_MOST];
	size_t got;
	int r = 0;

	(void)state;
	memset(head, 'a', sizeof(head));
	memcpy(head, words, sizeof(words) - 1);
	got = read_as_asked(head, sizeof(head), &r);
	assert_int_equal(r, CONNECT_E_LENGTH);
	assert_true(got <= CONNECT_HEAD_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_written_and_read),
		cmocka_unit_test(what_would_be_read_otherwise_is_not_written),
		cmocka_unit_test(the_longest_login_fits),
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(a_long_reason_is_cut),
		cmocka_unit_test(a_reply_is_written_as_it_is_read),
		cmocka_unit_test(nothing_of_the_target_is_read),
		cmocka_unit_test(what_is_no_reply_is_refused),
		cmocka_unit_test(another_protocol_is_known_at_once),
		cmocka_unit_test(a_head_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
