/* Which proxy is meant, and what goes out without it. */
#include "net/egress.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static int open_one(struct egress **out, const char *url, const char *except,
    struct fault *fault)
{
	const struct egress_words words = { url, "HTTPS_PROXY", except };

	return egress_new(out, &words, fault);
}

static const char *text_of(const struct secret *s)
{
	return s ? secret_bytes(s) : "-";
}

static void a_url_names_a_proxy(void **state)
{
	static const struct {
		const char *url, *target;
		enum egress_kind kind;
		const char *user, *password;
	} rows[] = {
		{ "http://proxy.example:3128", "proxy.example:3128",
		    EGRESS_HTTP, "-", "-" },
		{ "proxy.example:3128", "proxy.example:3128", EGRESS_HTTP, "-",
		    "-" },
		{ "HTTP://192.0.2.7:3128/", "192.0.2.7:3128", EGRESS_HTTP, "-",
		    "-" },
		{ "https://proxy.example:443", "proxy.example:443",
		    EGRESS_HTTPS, "-", "-" },
		{ "socks5://[2001:db8::1]:1080", "[2001:db8::1]:1080",
		    EGRESS_SOCKS5, "-", "-" },
		{ "socks5h://u:p@x:1080", "x:1080", EGRESS_SOCKS5, "u", "p" },
		{ "http://u@x:1", "x:1", EGRESS_HTTP, "u", "" },
		{ "http://u:@x:1", "x:1", EGRESS_HTTP, "u", "" },
		{ "http://DOM%5Cu:p%40%3A%2f%25%C3%A4:q@x:1", "x:1",
		    EGRESS_HTTP, "DOM\\u", "p@:/%\xc3\xa4:q" },
		{ "u:p@x:1", "x:1", EGRESS_HTTP, "u", "p" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		CLEANUP(egress_freep) struct egress *e = NULL;
		struct fault fault = FAULT_NONE;
		const struct egress_proxy *p;

		if (open_one(&e, rows[i].url, NULL, &fault))
			fail_msg("%s: %s", rows[i].url, fault.text);
		p = egress_proxy(e);
		assert_int_equal(p->kind, rows[i].kind);
		assert_string_equal(p->target, rows[i].target);
		assert_string_equal(text_of(p->user), rows[i].user);
		assert_string_equal(text_of(p->password), rows[i].password);
	}
}

/* And what is said of it shows nothing that could be a password. */
static void what_is_no_proxy_is_refused(void **state)
{
	static const struct {
		const char *url, *text;
	} rows[] = {
		{ "ftp://s3cret@x:1", "scheme" },
		{ "socks4://u:s3cret@x:1", "scheme" },
		{ "http://", "HOST:PORT" },
		{ "http://x", "HOST:PORT" },
		{ "http://:3128", "HOST:PORT" },
		{ "http://x:0", "HOST:PORT" },
		{ "http://x:s3cret", "HOST:PORT" },
		{ "http://x:1/s3cret", "follows the port" },
		{ "http://u:s3@cret@x:1", "more than one @" },
		{ "http://u:s3cret%@x:1", "percent" },
		{ "http://u:s3cret%4@x:1", "percent" },
		{ "http://u:s3cret%zz@x:1", "percent" },
		{ "http://u:s3cret%0a@x:1", "percent" },
		{ "http://:s3cret@x:1", "user is empty" },
		{ "http://u%3Av:s3cret@x:1", "colon" },
		{ "socks5://s3cret@x:1", "password is missing" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct egress *e = NULL;
		struct fault fault = FAULT_NONE;

		if (open_one(&e, rows[i].url, NULL, &fault) != -EINVAL)
			fail_msg("%s", rows[i].url);
		if (!strstr(fault.text, rows[i].text) ||
		    !strstr(fault.text, "HTTPS_PROXY"))
			fail_msg("%s: %s", rows[i].url, fault.text);
		assert_null(strstr(fault.text, "s3"));
		assert_null(strstr(fault.hint, "s3"));
	}
}

static void a_login_has_a_length(void **state)
{
	char url[4096];

	(void)state;
	for (int socks = 0; socks < 2; socks++) {
		int most = socks ? 255 : 1024;

		for (int n = most; n <= most + 1; n++) {
			CLEANUP(egress_freep) struct egress *e = NULL;
			struct fault fault = FAULT_NONE;

			(void)snprintf(url, sizeof(url), "%s://%0*d:p@x:1",
			    socks ? "socks5" : "http", n, 1);
			assert_int_equal(open_one(&e, url, NULL, &fault),
			    n == most ? 0 : -EINVAL);
		}
	}
}

static void exceptions_are_reached_directly(void **state)
{
	static const struct {
		const char *except, *host;
		uint16_t port;
		bool direct;
	} rows[] = {
		{ NULL, "a.example", 443, false },
		{ "", "a.example", 443, false },
		{ "*", "a.example", 443, true },
		{ "b.example,*", "a.example", 443, true },
		{ "a.example", "a.example", 443, true },
		{ "a.example", "A.Example", 443, true },
		{ "A.EXAMPLE", "a.example.", 443, true },
		{ "a.example", "x.a.example", 443, true },
		{ "a.example", "xa.example", 443, false },
		{ "a.example", "example", 443, false },
		{ ".a.example", "x.a.example", 443, true },
		{ ".a.example", "a.example", 443, false },
		{ "*.a.example", "x.y.a.example", 443, true },
		{ "*.a.example", "a.example", 443, false },
		{ "a.example:8443", "a.example", 8443, true },
		{ "a.example:8443", "a.example", 443, false },
		{ "x, a.example\ty", "a.example", 443, true },
		{ ",,a.example,", "a.example", 443, true },
		{ "192.0.2.0/24", "192.0.2.7", 443, true },
		{ "192.0.2.7/24", "192.0.2.9", 443, true },
		{ "192.0.2.0/24", "192.0.3.7", 443, false },
		{ "192.0.2.7", "192.0.2.7", 443, true },
		{ "192.0.2.7:443", "192.0.2.7", 443, true },
		{ "192.0.2.7:443", "192.0.2.7", 444, false },
		{ "2001:db8::1", "2001:db8:0::1", 443, true },
		{ "[2001:db8::1]", "2001:db8::1", 443, true },
		{ "[2001:db8::1]:443", "2001:db8::1", 443, true },
		{ "[2001:db8::1]:443", "2001:db8::1", 444, false },
		{ "2001:db8::/32", "2001:db8::1", 443, true },
		{ NULL, "127.0.0.1", 443, true },
		{ NULL, "127.9.9.9", 443, true },
		{ NULL, "localhost", 443, true },
		{ NULL, "::1", 443, true },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		CLEANUP(egress_freep) struct egress *e = NULL;
		struct address where = { .port = rows[i].port };
		struct fault fault = FAULT_NONE;

		(void)snprintf(
		    where.host, sizeof(where.host), "%s", rows[i].host);
		if (open_one(&e, "x:1", rows[i].except, &fault))
			fail_msg("%s: %s", rows[i].except, fault.text);
		if (!egress_for(e, &where) != rows[i].direct)
			fail_msg("%s for %s:%u", rows[i].except, rows[i].host,
			    rows[i].port);
	}
}

static void exceptions_that_mean_nothing_are_refused(void **state)
{
	static const char *const rows[] = { "a.*", "192.168.*", "a:b",
		"a.example:0", "[::1", "[::1]x", "10.0.0.0/33", ".", "u@a" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct egress *e = NULL;
		struct fault fault = FAULT_NONE;

		if (open_one(&e, "x:1", rows[i], &fault) != -EINVAL)
			fail_msg("%s", rows[i]);
		assert_non_null(strstr(fault.text, "NO_PROXY"));
	}
}

static void exceptions_have_a_number(void **state)
{
	char list[3 * EGRESS_EXCEPT_MOST + 4] = "";

	(void)state;
	for (int n = EGRESS_EXCEPT_MOST; n <= EGRESS_EXCEPT_MOST + 1; n++) {
		CLEANUP(egress_freep) struct egress *e = NULL;
		struct fault fault = FAULT_NONE;

		list[0] = '\0';
		for (int i = 0; i < n; i++)
			memcpy(list + 2 * (size_t)i, "a,", 3);
		assert_int_equal(open_one(&e, "x:1", list, &fault),
		    n == EGRESS_EXCEPT_MOST ? 0 : -EINVAL);
	}
}

static void without_a_proxy_all_is_direct(void **state)
{
	CLEANUP(egress_freep) struct egress *e = NULL;
	const struct address where = { "a.example", 443 };
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(open_one(&e, NULL, "a.*", &fault), 0);
	assert_null(egress_for(e, &where));
	assert_null(egress_proxy(e));
	assert_null(egress_for(NULL, &where));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_names_a_proxy),
		cmocka_unit_test(what_is_no_proxy_is_refused),
		cmocka_unit_test(a_login_has_a_length),
		cmocka_unit_test(exceptions_are_reached_directly),
		cmocka_unit_test(exceptions_that_mean_nothing_are_refused),
		cmocka_unit_test(exceptions_have_a_number),
		cmocka_unit_test(without_a_proxy_all_is_direct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
