/* What is said to a proxy, over a pair in memory; the test is the proxy. */
#include "net/detour.h"
#include "net/memleg.h"
#include "net/test-support.h"
#include "wire/connect.h"
#include "wire/socks.h"

#include <stdio.h>

enum { CAPACITY = 65536 };

#define OPEN	 "\5\0"
#define WELCOME	 "\1\0"
#define LOGIN	 "\5\2"
#define THROUGH	 "\5\0\0\1\0\0\0\0\0\0"
#define HTTP_200 "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n"

static struct loop *loop;
static struct leg *far; /* the proxy's end */
static struct egress *egress;
static struct detour *detour;

static struct {
	int calls;
	struct leg *leg;
	struct fault fault;
} got;

static void on_detour(void *ctx, struct leg *leg, const struct fault *fault)
{
	(void)ctx;
	detour = NULL;
	got.calls++;
	got.leg = leg;
	if (fault)
		got.fault = *fault;
}

static void turns(void)
{
	for (int i = 0; i < 300; i++)
		loop_turn(loop);
}

static void begin(const char *url, const char *host, size_t chop)
{
	const struct egress_words words = { url, "a test", NULL };
	struct address to = { .port = 443 };
	struct fault fault = FAULT_NONE;
	struct leg *near;

	memset(&got, 0, sizeof(got));
	(void)snprintf(to.host, sizeof(to.host), "%s", host);
	if (egress_new(&egress, &words, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(memleg_pair(&near, &far, loop, CAPACITY), 0);
	memleg_chop(near, chop, (uint32_t)chop);
	assert_int_equal(detour_open(&detour, near, egress_proxy(egress), &to,
			     on_detour, NULL, &fault),
	    0);
	turns();
}

static void end(void)
{
	detour_cancel(STEAL(detour));
	leg_reset(STEAL(got.leg));
	leg_reset(STEAL(far));
	turns();
	egress_free(STEAL(egress));
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end();
	loop_free(loop);
	return 0;
}

static void say(const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n) {
		ssize_t put = leg_write(far, at, n);

		assert_true(put > 0);
		at += put;
		n -= (size_t)put;
	}
	turns();
}

#define SAY(text) say(text, sizeof(text) - 1)

static size_t hear(char *to, size_t room)
{
	size_t n = 0;
	ssize_t got_now;

	turns();
	while ((got_now = leg_read(far, to + n, room - n)) > 0)
		n += (size_t)got_now;
	return n;
}

static void expect_request(const char *host, const char *user)
{
	char head[CONNECT_HEAD_MOST];
	struct connect_request q;

	assert_int_equal(
	    connect_read_request(&q, head, hear(head, sizeof(head))), 0);
	assert_string_equal(q.host, host);
	assert_int_equal(q.port, 443);
	assert_int_equal(q.login, !!user);
	if (user)
		assert_string_equal(q.user, user);
}

static struct socks expect(enum socks_message kind)
{
	char bytes[SOCKS_MOST];
	struct socks m;

	assert_int_equal(
	    socks_read(&m, kind, bytes, hear(bytes, sizeof(bytes))), 0);
	return m;
}

/* Through: and what the target says at once is still there. */
static void expect_through(const char *early)
{
	char bytes[64];

	assert_int_equal(got.calls, 1);
	if (!got.leg)
		fail_msg("%s", got.fault.text);
	memleg_chop(got.leg, 0, 0);
	assert_int_equal(
	    leg_read(got.leg, bytes, sizeof(bytes)), (ssize_t)strlen(early));
	assert_memory_equal(bytes, early, strlen(early));
	assert_int_equal(leg_write(got.leg, "hello", 5), 5);
	assert_int_equal(hear(bytes, sizeof(bytes)), 5);
}

static void connect_gets_through(void **state)
{
	(void)state;
	for (size_t chop = 0; chop < 12; chop++) {
		begin("http://proxy:3128", "a.example", chop);
		expect_request("a.example", NULL);
		SAY(HTTP_200 "\r\n\r\nearly");
		expect_through("\r\n\r\nearly");
		end();
	}
}

static void connect_shows_a_login(void **state)
{
	(void)state;
	begin("http://us%40er:p%3Aw@proxy:3128", "2001:db8::1", 0);
	expect_request("2001:db8::1", "us@er");
	SAY(HTTP_200 "x");
	expect_through("x");
}

static void socks_gets_through(void **state)
{
	(void)state;
	for (size_t chop = 0; chop < 12; chop++) {
		begin("socks5://proxy:1080", "a.example", chop);
		assert_false(expect(SOCKS_GREETING).u.password);
		SAY(OPEN);
		assert_string_equal(
		    expect(SOCKS_REQUEST).u.request.host, "a.example");
		SAY(THROUGH "early");
		expect_through("early");
		end();
	}
}

static void socks_logs_in_if_asked(void **state)
{
	struct socks m;

	(void)state;
	for (int asked = 0; asked < 2; asked++) {
		begin("socks5://user:pass@proxy:1080", "192.0.2.7", 3);
		assert_true(expect(SOCKS_GREETING).u.password);
		if (asked) {
			SAY(LOGIN);
			m = expect(SOCKS_LOGIN);
			assert_string_equal(m.u.login.user, "user");
			assert_string_equal(m.u.login.password, "pass");
			SAY(WELCOME);
		} else {
			SAY(OPEN);
		}
		m = expect(SOCKS_REQUEST);
		assert_string_equal(m.u.request.host, "192.0.2.7");
		assert_int_equal(m.u.request.port, 443);
		SAY(THROUGH "x");
		expect_through("x");
		end();
	}
}

/* Whatever it says, the fault names it, what was seen, and what to do. */
static const struct {
	const char *label, *url, *says[3];
	size_t n[3];
	const char *text, *hint;
} refusals[] = {
#define SAYS(text)                                                             \
	{ text },                                                              \
	{                                                                      \
		sizeof(text) - 1                                               \
	}
	{ "login wanted", "http://proxy:3128",
	    SAYS("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
	    "CONNECT a.example:443 with 407 Proxy Authentication Required",
	    "give a login" },
	{ "wrong login", "http://u:p@proxy:3128",
	    SAYS("HTTP/1.1 407 No\r\n\r\n"), "407 No", "does not take" },
	{ "forbidden", "http://proxy:3128",
	    SAYS("HTTP/1.1 403 Filtered\r\nA: b\r\n\r\n<html>"), "403 Filtered",
	    "allowed there" },
	{ "cannot reach it", "http://proxy:3128",
	    SAYS("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "502 Bad Gateway",
	    "cannot reach" },
	{ "moved", "http://proxy:3128", SAYS("HTTP/1.1 302\r\n\r\n"),
	    "with 302", "log of the proxy" },
	{ "not HTTP", "http://proxy:3128", SAYS("SSH-2.0-x\r\n"),
	    "answers CONNECT with something else", "right port" },
	{ "no end to its head", "http://proxy:3128", { NULL }, { 0 },
	    "answers CONNECT with something else", "right port" },
	{ "SOCKS in place of HTTP", "http://proxy:3128", SAYS("\5\377"),
	    "something else", "right port" },
	{ "HTTP in place of SOCKS", "socks5://proxy:1080",
	    SAYS("HTTP/1.1 400 Bad Request\r\n\r\n"),
	    "answers a SOCKS greeting with something else", "right port" },
	{ "no login, and one wanted", "socks5://proxy:1080", SAYS("\5\377"),
	    "asks for a login", "USER:PASSWORD" },
	{ "a login not asked for", "socks5://proxy:1080", SAYS("\5\2"),
	    "asks for a login", "USER:PASSWORD" },
	{ "none of our logins", "socks5://u:p@proxy:1080", SAYS("\5\377"),
	    "takes no user and password", "only that is spoken" },
	{ "wrong login", "socks5://u:p@proxy:1080", { LOGIN, "\1\1" }, { 2, 2 },
	    "does not take this user and password", "percent" },
	{ "verdict of no sense", "socks5://u:p@proxy:1080", { LOGIN, "\5\0" },
	    { 2, 2 }, "answers a SOCKS login with something else",
	    "right port" },
	{ "refused by the target", "socks5://proxy:1080",
	    { OPEN, "\5\5\0\1\0\0\0\0\0\0" }, { 2, 10 },
	    "cannot connect to a.example:443: connection refused", "check it" },
	{ "forbidden", "socks5://proxy:1080", { OPEN, "\5\2\0\1\0\0\0\0\0\0" },
	    { 2, 10 }, "not allowed by its rules", "allowed there" },
	{ "reply of no sense", "socks5://proxy:1080",
	    { OPEN, "\5\0\0\7\0\0\0\0\0\0" }, { 2, 7 },
	    "answers a SOCKS request with something else", "right port" },
};

static void say_no_end(void)
{
	SAY("HTTP/1.1 200 OK\r\nA: ");
	for (int i = 0; i < 300 && !got.calls; i++)
		SAY("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

static void refusals_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(refusals); i++) {
		begin(refusals[i].url, "a.example", 0);
		if (!refusals[i].says[0])
			say_no_end();
		for (size_t k = 0; k < 3 && refusals[i].says[k]; k++)
			say(refusals[i].says[k], refusals[i].n[k]);
		if (got.calls != 1 || got.leg)
			fail_msg("%s: %d calls", refusals[i].label, got.calls);
		if (!strstr(got.fault.text, refusals[i].text) ||
		    !strstr(got.fault.text, "proxy:") ||
		    !strstr(got.fault.hint, refusals[i].hint))
			fail_msg("%s: %s (%s)", refusals[i].label,
			    got.fault.text, got.fault.hint);
		end();
	}
}

/* It goes away in the middle, in order or not. */
static void an_end_is_told(void **state)
{
	static const struct {
		const char *url, *says;
		size_t n;
	} rows[] = {
		{ "http://proxy:3128", "", 0 },
		{ "http://proxy:3128", "HTTP/1.1 200 OK\r\n", 17 },
		{ "socks5://proxy:1080", "", 0 },
		{ "socks5://proxy:1080", OPEN, 2 },
		{ "socks5://proxy:1080", OPEN "\5\0\0", 5 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		for (int reset = 0; reset < 2; reset++) {
			begin(rows[i].url, "a.example", 0);
			say(rows[i].says, rows[i].n);
			if (reset)
				leg_reset(STEAL(far));
			else
				leg_close(STEAL(far));
			turns();
			assert_int_equal(got.calls, 1);
			assert_null(got.leg);
			assert_non_null(
			    strstr(got.fault.text, "asked for a.example:443"));
			assert_true(got.fault.hint[0]);
			end();
		}
}

/* What it says last counts, even when it has gone by then. */
static void a_refusal_before_the_end_is_told(void **state)
{
	(void)state;
	begin("http://proxy:3128", "a.example", 0);
	assert_int_equal(leg_write(far, "HTTP/1.1 407 No\r\n\r\n", 19), 19);
	leg_close(STEAL(far));
	turns();
	assert_non_null(strstr(got.fault.text, "407 No"));
}

static void byte_by_byte_is_as_good(void **state)
{
	static const char reply[] = HTTP_200 "early";

	(void)state;
	begin("http://proxy:3128", "a.example", 0);
	expect_request("a.example", NULL);
	for (size_t i = 0; i < sizeof(reply) - 1; i++)
		say(reply + i, 1);
	expect_through("early");
}

static void silence_has_a_name(void **state)
{
	(void)state;
	begin("http://proxy:3128", "a.example", 0);
	assert_string_equal(detour_silence(detour), "CONNECT");
	end();
	begin("socks5://u:p@proxy:1080", "a.example", 0);
	assert_string_equal(detour_silence(detour), "a SOCKS greeting");
	SAY(LOGIN);
	assert_string_equal(detour_silence(detour), "a SOCKS login");
	detour_cancel(STEAL(detour));
	turns();
	assert_int_equal(got.calls, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connect_gets_through),
		TEST(connect_shows_a_login),
		TEST(socks_gets_through),
		TEST(socks_logs_in_if_asked),
		TEST(refusals_are_told),
		TEST(an_end_is_told),
		TEST(a_refusal_before_the_end_is_told),
		TEST(byte_by_byte_is_as_good),
		TEST(silence_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
