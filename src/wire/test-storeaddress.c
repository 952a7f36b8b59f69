#include "wire/storeaddress.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define OPTION "--secretstore-address"
#define FORM   "expected is https://HOST[:PORT][/PATH]"

/* As a bridge is given them. */
static const struct {
	const char *label, *text;
	const char *hint; /* NULL: it is good */
} rows[] = {
	{ "a name", "https://store", NULL },
	{ "a port", "https://store.example:8200", NULL },
	{ "a slash at its end", "https://store:8200/", NULL },
	{ "an address", "https://192.0.2.1:8200", NULL },
	{ "an address of version 6", "https://[2001:db8::1]:8200", NULL },
	{ "a zone", "https://[fe80::1%25eth0]:8200", NULL },
	{ "a zone, and a path", "https://[fe80::1%25br-lan.7]/bao", NULL },
	{ "a scheme in capitals", "HTTPS://store", NULL },
	{ "a scheme in both", "Http://127.0.0.1:8200", NULL },
	{ "plain, which who connects judges", "http://store", NULL },
	{ "a path", "https://store/bao", NULL },
	{ "a longer path", "https://store/a-b/c_d.~/e/", NULL },
	{ "a path that is called alike", "https://store/v1/bao", NULL },
	{ "a host that is called alike", "https://v1", NULL },
	{ "nothing", "", FORM },
	{ "no scheme", "store:8200", FORM },
	{ "another scheme", "ftp://store", FORM },
	{ "a scheme alone", "https://", FORM },
	{ "no host", "https:///bao", FORM },
	{ "a user", "https://user:secret@store", FORM },
	{ "a zone without a name", "https://[fe80::1%25]:8200", FORM },
	{ "a zone that does not end", "https://[fe80::1%25eth0", FORM },
	{ "a zone that is not escaped", "https://[fe80::1%eth0]", FORM },
	{ "two zones", "https://[fe80::1%25a%25b]", FORM },
	{ "a zone behind the address", "https://[fe80::1]%25eth0]", FORM },
	{ "a zone of a name", "https://store%25eth0]", FORM },
	{ "a user behind a zone", "https://[fe80::1%25a]:secret@store", FORM },
	{ "a query", "https://store/?a", FORM },
	{ "a fragment", "https://store#a", FORM },
	{ "a blank", "https://store /bao", FORM },
	{ "a line break", "https://store\n", FORM },
	{ "a blank in the path", "https://store/a b", FORM },
	{ "not ASCII", "https://st\xc3\xb6re", FORM },
	{ "a path that has to be decoded", "https://store/%2e%2e", FORM },
	{ "a way up", "https://store/a/../b", FORM },
	{ "a way nowhere", "https://store/./b", FORM },
	{ "an empty segment", "https://store/a//b", FORM },
	{ "slashes at its end", "https://store//", FORM },
	{ "the API itself", "https://store/v1", "Leave out /v1." },
	{ "the API itself, and a slash", "https://store/v1/",
	    "Leave out /v1." },
	{ "the API below a path", "https://store/bao/v1", "Leave out /v1." },
};

static void each_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		int r = storeaddress_check(rows[i].text, OPTION, &fault);

		if (!r != !rows[i].hint)
			fail_msg("%s: %d", rows[i].label, r);
		if (!rows[i].hint)
			continue;
		if (r != -EINVAL || strcmp(fault.hint, rows[i].hint) != 0 ||
		    strncmp(fault.text, OPTION " ", strlen(OPTION) + 1) != 0)
			fail_msg("%s: %s: %s", rows[i].label, fault.text,
			    fault.hint);
		/* a password in the address stays out of the message */
		assert_null(strstr(fault.text, "secret@"));
	}
}

/* As people write them. */
static const struct {
	const char *text, *is; /* NULL: refused */
} written[] = {
	{ "https://store:8200", "https://store:8200" },
	{ "store:8200", "https://store:8200" },
	{ "store/", "https://store" },
	{ "store/v1", "https://store" },
	{ "https://store:8200/v1/", "https://store:8200" },
	{ "store/bao/v1//", "https://store/bao" },
	{ "http://127.0.0.1:8200/", "http://127.0.0.1:8200" },
	{ "v1", "https://v1" },
	{ "HTTPS://store/v1/", "HTTPS://store" },
	{ "[fe80::1%25eth0]:8200", "https://[fe80::1%25eth0]:8200" },
	{ "store/v1/v1", NULL },
	{ "", NULL },
	{ "/", NULL },
	{ "/v1", NULL },
	{ "ftp://store", NULL },
	{ "store/a b", NULL },
};

static void each_is_completed(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(written); i++) {
		char out[STOREADDRESS_MOST + 1] = "as it was";
		const char *want = written[i].is ? written[i].is : "as it was";
		int r =
		    storeaddress_complete(out, written[i].text, OPTION, NULL);

		if (r != (written[i].is ? 0 : -EINVAL) ||
		    strcmp(out, want) != 0)
			fail_msg("'%s': '%s'", written[i].text, out);
	}
}

/* What is completed a bridge takes. */
static void its_length_is_limited(void **state)
{
	char text[4 * STOREADDRESS_MOST], out[STOREADDRESS_MOST + 1];
	struct fault fault = FAULT_NONE;

	(void)state;
	for (size_t n = 1; n < sizeof(text); n++) {
		bool fits = n + strlen("https://") <= STOREADDRESS_MOST;

		memset(text, 'a', n);
		text[n] = '\0';
		assert_int_equal(
		    storeaddress_complete(out, text, OPTION, &fault),
		    fits ? 0 : -EINVAL);
		if (fits)
			assert_int_equal(
			    storeaddress_check(out, OPTION, NULL), 0);
	}
	assert_string_equal(fault.hint, "It has at most 512 characters.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address),
		cmocka_unit_test(each_is_completed),
		cmocka_unit_test(its_length_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
