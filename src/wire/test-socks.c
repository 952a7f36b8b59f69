#include "wire/socks.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define BYTES(text) (text), sizeof(text) - 1
#define REQUEST(h, p)                                                          \
	{                                                                      \
		.kind = SOCKS_REQUEST, .u.request = { h, p }                   \
	}

/* These bytes are the RFCs', in both directions. */
static const struct {
	const char *label;
	struct socks m;
	const char *bytes;
	size_t n;
} good[] = {
	{ "without a login", { SOCKS_GREETING, .u.password = false },
	    BYTES("\5\1\0") },
	{ "with one", { SOCKS_GREETING, .u.password = true },
	    BYTES("\5\2\0\2") },
	{ "no login needed", { SOCKS_CHOICE, .u.choice = SOCKS_OPEN },
	    BYTES("\5\0") },
	{ "login, please", { SOCKS_CHOICE, .u.choice = SOCKS_PASSWORD },
	    BYTES("\5\2") },
	{ "none of them", { SOCKS_CHOICE, .u.choice = SOCKS_NONE },
	    BYTES("\5\377") },
	{ "user and password", { SOCKS_LOGIN, .u.login = { "user", "secret" } },
	    BYTES("\1\4user\6secret") },
	{ "welcome", { SOCKS_VERDICT, .u.verdict = 0 }, BYTES("\1\0") },
	{ "not welcome", { SOCKS_VERDICT, .u.verdict = 1 }, BYTES("\1\1") },
	{ "to IPv4", REQUEST("192.0.2.7", 443),
	    BYTES("\5\1\0\1\300\0\2\7\1\273") },
	{ "to IPv6", REQUEST("2001:db8::7", 443),
	    BYTES("\5\1\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\7\1\273") },
	{ "to a name, as it is", REQUEST("a.example", 8443),
	    BYTES("\5\1\0\3\11a.example\40\373") },
	{ "connected", { SOCKS_REPLY, .u.reply = 0 },
	    BYTES("\5\0\0\1\0\0\0\0\0\0") },
	{ "refused", { SOCKS_REPLY, .u.reply = 5 },
	    BYTES("\5\5\0\1\0\0\0\0\0\0") },
};

static void messages_are_written_and_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(good); i++) {
		uint8_t bytes[SOCKS_MOST];
		size_t n = 0, again = 0;
		struct socks back;
		int r = socks_write(&good[i].m, bytes, sizeof(bytes), &n);

		if (r || n != good[i].n || memcmp(bytes, good[i].bytes, n) != 0)
			fail_msg("%s: %d, %zu bytes", good[i].label, r, n);
		r = socks_read(&back, good[i].m.kind, bytes, n);
		if (r || socks_write(&back, bytes, sizeof(bytes), &again) ||
		    again != n || memcmp(bytes, good[i].bytes, n) != 0)
			fail_msg("%s: read gave %d", good[i].label, r);
		assert_int_equal(
		    socks_write(&good[i].m, bytes, n - 1, &n), -ENOBUFS);
	}
}

static void fields_are_where_they_belong(void **state)
{
	struct socks m;

	(void)state;
	assert_int_equal(socks_read(&m, SOCKS_LOGIN, BYTES("\1\1u\2pw")), 0);
	assert_string_equal(m.u.login.user, "u");
	assert_string_equal(m.u.login.password, "pw");
	assert_int_equal(
	    socks_read(&m, SOCKS_REQUEST, BYTES("\5\1\0\3\1x\0\120")), 0);
	assert_string_equal(m.u.request.host, "x");
	assert_int_equal(m.u.request.port, 80);
	assert_int_equal(
	    socks_read(&m, SOCKS_GREETING, BYTES("\5\3\1\2\200")), 0);
	assert_true(m.u.password);
}

/* Whatever address a reply has, it ends where the target begins. */
static void nothing_of_the_target_is_read(void **state)
{
	static const struct {
		enum socks_message kind;
		const char *bytes;
		size_t n;
	} rows[] = {
		{ SOCKS_CHOICE, BYTES("\5\0") },
		{ SOCKS_VERDICT, BYTES("\1\0") },
		{ SOCKS_REPLY, BYTES("\5\0\0\1\300\0\2\7\1\273") },
		{ SOCKS_REPLY,
		    BYTES("\5\0\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\7"
			  "\1\273") },
		{ SOCKS_REPLY, BYTES("\5\0\0\3\5proxy\1\273") },
		{ SOCKS_REPLY, BYTES("\5\0\0\3\0\1\273") },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint8_t stream[64];
		size_t have = 0, need = 0;
		struct socks m;

		memset(stream, 5, sizeof(stream));
		memcpy(stream, rows[i].bytes, rows[i].n);
		do {
			have += need;
			assert_int_equal(
			    socks_need(rows[i].kind, stream, have, &need), 0);
		} while (need);
		assert_int_equal(have, rows[i].n);
		assert_int_equal(socks_read(&m, rows[i].kind, stream, have), 0);
	}
}

static const struct {
	const char *label;
	enum socks_message kind;
	const char *bytes;
	size_t n;
	int code;
} bad[] = {
	{ "nothing", SOCKS_CHOICE, "", 0, SOCKS_E_FORM },
	{ "SOCKS 4", SOCKS_CHOICE, BYTES("\0\132"), SOCKS_E_VERSION },
	{ "HTTP", SOCKS_CHOICE, BYTES("HT"), SOCKS_E_VERSION },
	{ "half a choice", SOCKS_CHOICE, BYTES("\5"), SOCKS_E_FORM },
	{ "verdict of SOCKS's version", SOCKS_VERDICT, BYTES("\5\0"),
	    SOCKS_E_VERSION },
	{ "no methods", SOCKS_GREETING, BYTES("\5\0"), SOCKS_E_FORM },
	{ "methods of others only", SOCKS_GREETING, BYTES("\5\1\1"),
	    SOCKS_E_FORM },
	{ "no user", SOCKS_LOGIN, BYTES("\1\0\2pw"), SOCKS_E_FORM },
	{ "no password", SOCKS_LOGIN, BYTES("\1\1u\0"), SOCKS_E_FORM },
	{ "a NUL in the user", SOCKS_LOGIN, BYTES("\1\2u\0\2pw"),
	    SOCKS_E_FORM },
	{ "BIND", SOCKS_REQUEST, BYTES("\5\2\0\1\300\0\2\7\1\273"),
	    SOCKS_E_FORM },
	{ "an empty name", SOCKS_REQUEST, BYTES("\5\1\0\3\0\1\273"),
	    SOCKS_E_FORM },
	{ "another kind of address", SOCKS_REPLY, BYTES("\5\0\0\2\0\0\0"),
	    SOCKS_E_FORM },
	{ "a byte too many", SOCKS_REPLY, BYTES("\5\0\0\1\0\0\0\0\0\0\0"),
	    SOCKS_E_FORM },
	{ "a byte too few", SOCKS_REPLY, BYTES("\5\0\0\1\0\0\0\0\0"),
	    SOCKS_E_FORM },
};

static void what_is_wrong_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct socks m;
		int r = socks_read(&m, bad[i].kind, bad[i].bytes, bad[i].n);

		if (r != bad[i].code)
			fail_msg("%s: %d", bad[i].label, r);
	}
}

static void what_cannot_be_said_is_not_written(void **state)
{
	struct socks m = { .kind = SOCKS_LOGIN, .u.login = { "", "p" } };
	uint8_t bytes[SOCKS_MOST];
	size_t n;

	(void)state;
	assert_int_equal(socks_write(&m, bytes, sizeof(bytes), &n), -EINVAL);
	m.u.login = (struct socks_login){ "u", "" };
	assert_int_equal(socks_write(&m, bytes, sizeof(bytes), &n), -EINVAL);
	m = (struct socks)REQUEST("", 443);
	assert_int_equal(socks_write(&m, bytes, sizeof(bytes), &n), -EINVAL);
}

static void the_longest_of_each_fits(void **state)
{
	struct socks m = { .kind = SOCKS_LOGIN };
	uint8_t bytes[SOCKS_MOST];
	size_t n;

	(void)state;
	memset(m.u.login.user, 'u', SOCKS_LOGIN_MOST);
	memset(m.u.login.password, 'p', SOCKS_LOGIN_MOST);
	assert_int_equal(socks_write(&m, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(socks_read(&m, SOCKS_LOGIN, bytes, n), 0);
	m = (struct socks){ .kind = SOCKS_REQUEST };
	memset(m.u.request.host, 'h', SOCKS_HOST_MOST);
	assert_int_equal(socks_write(&m, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(socks_read(&m, SOCKS_REQUEST, bytes, n), 0);
}

static void replies_have_words(void **state)
{
	(void)state;
	assert_string_equal(socks_reply_text(5), "connection refused");
	assert_string_equal(socks_reply_text(200), "an unknown reply");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_written_and_read),
		cmocka_unit_test(fields_are_where_they_belong),
		cmocka_unit_test(nothing_of_the_target_is_read),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(what_cannot_be_said_is_not_written),
		cmocka_unit_test(the_longest_of_each_fits),
		cmocka_unit_test(replies_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
