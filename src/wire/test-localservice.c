#include "wire/localservice.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
	const char *label, *text;
	bool ok;
} rows[] = {
	{ "a port", "tcp/443", true },
	{ "with what is behind it", "tcp/443@oculus", true },
	{ "a run of ports", "udp/5000-5100@echo", true },
	{ "all ports", "tcp/1-65535", true },
	{ "the longest", "udp/65534-65535@abcdefghijklmnopqrstuvwxyzabcde",
	    true },
	{ "a name too long", "udp/1@abcdefghijklmnopqrstuvwxyzabcdef", false },
	{ "nothing", "", false },
	{ "a number", "443", false },
	{ "no port", "tcp/", false },
	{ "port 0", "tcp/0", false },
	{ "a port beyond ports", "tcp/65536", false },
	{ "a zero before", "tcp/0443", false },
	{ "a sign", "tcp/-443", false },
	{ "another protocol", "sctp/1", false },
	{ "capitals", "TCP/443", false },
	{ "a run of one", "tcp/5-5", false },
	{ "a run backwards", "tcp/6-5", false },
	{ "an open run", "tcp/5-", false },
	{ "an empty name", "tcp/443@", false },
	{ "a name that needs quotes", "tcp/443@a b", false },
	{ "a path", "tcp/443/a2a", false },
	{ "a list", "tcp/443,80", false },
	{ "a blank", "tcp/443 ", false },
};

static void one_text_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char text[LOCALSERVICE_TEXT_MOST + 1];
		struct localservice s;
		int r = localservice_read(&s, rows[i].text);

		if (r != (rows[i].ok ? 0 : -EINVAL))
			fail_msg("%s", rows[i].label);
		if (r)
			continue;
		localservice_write(text, &s);
		assert_string_equal(text, rows[i].text);
	}
}

static const struct {
	const char *label, *a, *b;
	bool overlap;
} pairs[] = {
	{ "the same", "tcp/443@a", "tcp/443@b", true },
	{ "the other protocol", "tcp/443", "udp/443", false },
	{ "in a run", "tcp/1-500", "tcp/443", true },
	{ "its end", "tcp/1-443", "tcp/443-500", true },
	{ "beside it", "tcp/1-442", "tcp/443-500", false },
};

static void what_has_a_port_in_common(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(pairs); i++) {
		struct localservice a, b;

		assert_int_equal(localservice_read(&a, pairs[i].a), 0);
		assert_int_equal(localservice_read(&b, pairs[i].b), 0);
		if (localservice_overlaps(&a, &b) != pairs[i].overlap ||
		    localservice_overlaps(&b, &a) != pairs[i].overlap)
			fail_msg("%s", pairs[i].label);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_text_each),
		cmocka_unit_test(what_has_a_port_in_common),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
