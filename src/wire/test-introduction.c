#include "wire/introduction.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define MAPS "/api/v1/namespaces/pharos-system/configmaps"

/* ---- calls --------------------------------------------------------------- */

static void test_calls(void **state)
{
	const struct introduction_change taken_back = { "17", NULL, NULL };
	const struct introduction_change typed = { "17", "a b", NULL };
	const struct introduction_change kept = { "17", NULL, "PEM\n" };
	const struct {
		const char *label, *body;
		const struct introduction_change *change;
	} rows[] = {
		{ "words",
		    "{\"metadata\":{\"resourceVersion\":\"17\"},"
		    "\"data\":{\"words\":\"a b\"}}",
		    &typed },
		{ "no words any more",
		    "{\"metadata\":{\"resourceVersion\":\"17\"},"
		    "\"data\":{\"words\":null}}",
		    &taken_back },
		{ "the CA in their place",
		    "{\"metadata\":{\"resourceVersion\":\"17\"},"
		    "\"data\":{\"words\":null,\"ca.crt\":\"PEM\\n\"}}",
		    &kept },
	};
	struct kube_call c;

	(void)state;
	assert_int_equal(introduction_call_look(&c, "pharos-system"), 0);
	assert_string_equal(c.method, "GET");
	assert_string_equal(c.target, MAPS "/pharos-bridge");
	assert_null(c.body);
	assert_int_equal(introduction_call_make(&c, "pharos-system", "a"), 0);
	assert_string_equal(c.method, "POST");
	assert_string_equal(c.target, MAPS);
	assert_null(c.body_type);
	assert_string_equal(secret_bytes(c.body),
	    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
	    "\"metadata\":{\"name\":\"pharos-bridge\"},"
	    "\"data\":{\"words\":\"a\"}}");
	kube_call_clear(&c);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		assert_int_equal(introduction_call_change(
				     &c, "pharos-system", rows[i].change),
		    0);
		assert_string_equal(c.method, "PATCH");
		assert_string_equal(c.target, MAPS "/pharos-bridge");
		assert_string_equal(
		    c.body_type, "application/merge-patch+json");
		if (strcmp(secret_bytes(c.body), rows[i].body) != 0)
			fail_msg("%s: %s", rows[i].label, secret_bytes(c.body));
		kube_call_clear(&c);
	}
}

static void test_calls_that_cannot_be(void **state)
{
	const struct introduction_change odd = { "1", "\xff", NULL };
	struct kube_call c;

	(void)state;
	assert_int_equal(introduction_call_look(&c, "a/b"), -EINVAL);
	assert_int_equal(introduction_call_look(&c, ""), -EINVAL);
	assert_int_equal(introduction_call_make(&c, "..", "a"), -EINVAL);
	assert_int_equal(introduction_call_make(&c, "a", "\xff"), -EINVAL);
	assert_int_equal(introduction_call_change(&c, "a", &odd), -EINVAL);
}

/* ---- answers ------------------------------------------------------------- */

#define META "\"metadata\":{\"resourceVersion\":\"17\"}"

static const struct {
	const char *label, *body;
	int code;
	const char *words, *ca_pem;
} answers[] = {
	{ "empty", "{" META "}", 0, NULL, NULL },
	{ "no data in it", "{" META ",\"data\":null}", 0, NULL, NULL },
	{ "of somebody else's too", "{" META ",\"data\":{\"x\":\"y\"}}", 0,
	    NULL, NULL },
	{ "words", "{" META ",\"data\":{\"words\":\"a b\"}}", 0, "a b", NULL },
	{ "a CA", "{" META ",\"data\":{\"ca.crt\":\"PEM\"}}", 0, NULL, "PEM" },
	{ "both", "{" META ",\"data\":{\"words\":\"\",\"ca.crt\":\"P\"}}", 0,
	    "", "P" },
	{ "words that are none", "{" META ",\"data\":{\"words\":[]}}", -EBADMSG,
	    NULL, NULL },
	{ "no version", "{\"metadata\":{},\"data\":{}}", -EBADMSG, NULL, NULL },
	{ "an empty version", "{\"metadata\":{\"resourceVersion\":\"\"}}",
	    -EBADMSG, NULL, NULL },
	{ "a member twice",
	    "{" META ",\"data\":{\"words\":\"a\",\"words\":\"b\"}}", -EBADMSG,
	    NULL, NULL },
	{ "a NUL in it", "{" META ",\"data\":{\"words\":\"a\\u0000\"}}",
	    -EBADMSG, NULL, NULL },
	{ "a list", "[]", -EBADMSG, NULL, NULL },
	{ "a page", "<html>", -EBADMSG, NULL, NULL },
	{ "nothing", "", -EBADMSG, NULL, NULL },
};

static void check_text(const char *label, const char *seen, const char *wanted)
{
	if (!seen != !wanted || (seen && strcmp(seen, wanted) != 0))
		fail_msg("%s: %s, not %s", label, seen, wanted);
}

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(answers); i++) {
		struct introduction seen = { .version = NULL };
		int r = introduction_read(
		    &seen, answers[i].body, strlen(answers[i].body));

		if (r != answers[i].code)
			fail_msg("%s: %d", answers[i].label, r);
		check_text(answers[i].label, seen.words, answers[i].words);
		check_text(answers[i].label, seen.ca_pem, answers[i].ca_pem);
		if (!r)
			assert_string_equal(seen.version, "17");
		introduction_deinit(&seen);
		introduction_deinit(&seen);
	}
}

static void test_too_large(void **state)
{
	struct introduction seen = { .version = NULL };
	char *text = malloc(KUBE_ANSWER_MOST + 2);

	(void)state;
	assert_non_null(text);
	(void)snprintf(text, KUBE_ANSWER_MOST + 2, "%-*s", KUBE_ANSWER_MOST + 1,
	    "{" META "}");
	assert_int_equal(introduction_read(&seen, text, KUBE_ANSWER_MOST), 0);
	introduction_deinit(&seen);
	assert_int_equal(
	    introduction_read(&seen, text, KUBE_ANSWER_MOST + 1), -EBADMSG);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_calls_that_cannot_be),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
