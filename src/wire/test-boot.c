#include "wire/boot.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Computed apart from this program, from the description in doc/wire/boot.md.
 */
static void the_audience_is_as_described(void **state)
{
	uint8_t exported[BOOT_EXPORTED];
	char text[BOOT_AUDIENCE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(exported); i++)
		exported[i] = (uint8_t)i;
	boot_audience(text, exported, "spki", 4);
	assert_string_equal(
	    text, "pharos-boot:v1:nXszyQB5Cv6Fra96bE6DyTPmVI9uOFrfCBn7qNOKaxQ");
	assert_int_equal(strlen(text), BOOT_AUDIENCE);
}

static void another_session_or_key_is_another_audience(void **state)
{
	uint8_t exported[BOOT_EXPORTED] = { 0 };
	char one[BOOT_AUDIENCE + 1], two[BOOT_AUDIENCE + 1];

	(void)state;
	boot_audience(one, exported, "spki", 4);
	boot_audience(two, exported, "spkj", 4);
	assert_string_not_equal(one, two);
	boot_audience(two, exported, "spki", 3);
	assert_string_not_equal(one, two);
	exported[31] = 1;
	boot_audience(two, exported, "spki", 4);
	assert_string_not_equal(one, two);
}

/* ---- the request ---- */

static void a_request_survives_the_way(void **state)
{
	struct boot_request q = { .token = (char[]){ "a.b.c" },
		.csr = (char[]){ "-----BEGIN" },
		.uid = "u-1",
		.jwks = json_pack("{s[]}", "keys"),
		.discovery = json_pack("{ss}", "issuer", "i") };
	struct boot_request back;
	struct fault fault = FAULT_NONE;
	char *text;

	(void)state;
	for (size_t with = 0; with < 2; with++) {
		assert_int_equal(boot_request_write(&text, &q), 0);
		if (boot_request_read(&back, text, strlen(text), &fault))
			fail_msg("%s", fault.text);
		assert_string_equal(back.token, "a.b.c");
		assert_string_equal(back.csr, "-----BEGIN");
		assert_string_equal(back.uid, "u-1");
		assert_int_equal(json_equal(back.jwks, q.jwks), !with);
		assert_int_equal(
		    json_equal(back.discovery, q.discovery), !with);
		boot_request_deinit(&back);
		boot_request_deinit(&back);
		free(text);
		json_decref(q.jwks);
		json_decref(q.discovery);
		q.jwks = q.discovery = NULL;
	}
}

#define LEAST "\"token\":\"t\",\"csr\":\"c\",\"uid\":\"u\""

static const struct {
	const char *label, *text, *says; /* NULL: read */
} request_rows[] = {
	{ "the least", "{" LEAST "}", NULL },
	{ "with the cluster's", "{" LEAST ",\"jwks\":{},\"discovery\":{}}",
	    NULL },
	{ "nothing", "", "not one JSON object" },
	{ "a list", "[]", "not one JSON object" },
	{ "two", "{" LEAST "}{}", "not one JSON object" },
	{ "no token", "{\"csr\":\"c\",\"uid\":\"u\"}", "'token'" },
	{ "an empty token", "{\"token\":\"\",\"csr\":\"c\",\"uid\":\"u\"}",
	    "'token'" },
	{ "a token with a NUL",
	    "{\"token\":\"a\\u0000b\",\"csr\":\"c\",\"uid\":\"u\"}",
	    "not one JSON object" },
	{ "no request", "{\"token\":\"t\",\"uid\":\"u\"}", "'csr'" },
	{ "a request that is no text",
	    "{\"token\":\"t\",\"csr\":1,\"uid\":\"u\"}", "'csr'" },
	{ "no UID", "{\"token\":\"t\",\"csr\":\"c\"}", "'uid'" },
	{ "a UID too long",
	    "{\"token\":\"t\",\"csr\":\"c\",\"uid\":\"0123456789012345678901234"
	    "5678901234567890123456789012345678901234\"}",
	    "'uid'" },
	{ "keys alone", "{" LEAST ",\"jwks\":{}}", "'discovery'" },
	{ "discovery alone", "{" LEAST ",\"discovery\":{}}", "'jwks'" },
	{ "keys as text", "{" LEAST ",\"jwks\":\"{}\",\"discovery\":{}}",
	    "'jwks'" },
	{ "a member more", "{" LEAST ",\"realm\":\"x\"}", "'realm'" },
	{ "a member twice", "{" LEAST ",\"token\":\"t\"}",
	    "not one JSON object" },
};

static void what_is_no_request_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(request_rows); i++) {
		const char *text = request_rows[i].text;
		const char *says = request_rows[i].says;
		struct boot_request q = { .token = NULL };
		struct fault fault = FAULT_NONE;
		int r = boot_request_read(&q, text, strlen(text), &fault);

		if (r != (says ? -EINVAL : 0) ||
		    (says && !strstr(fault.text, says)))
			fail_msg("%s: %s", request_rows[i].label, fault.text);
		boot_request_deinit(&q);
	}
}

static void limits_of_a_request_are_reached(void **state)
{
	char token[BOOT_TOKEN_MOST + 2] = "", *text;
	struct boot_request q = {
		.token = token, .csr = (char[]){ "c" }, .uid = "u"
	};
	struct boot_request back;

	(void)state;
	memset(token, 't', BOOT_TOKEN_MOST);
	assert_int_equal(boot_request_write(&text, &q), 0);
	assert_int_equal(boot_request_read(&back, text, strlen(text), NULL), 0);
	boot_request_deinit(&back);
	free(text);
	token[BOOT_TOKEN_MOST] = 't';
	assert_int_equal(boot_request_write(&text, &q), -EMSGSIZE);
	text = calloc(1, BOOT_REQUEST_MOST + 2);
	memset(text, ' ', BOOT_REQUEST_MOST + 1);
	memcpy(text, "{" LEAST "}", sizeof("{" LEAST "}") - 1);
	assert_int_equal(
	    boot_request_read(&back, text, BOOT_REQUEST_MOST, NULL), 0);
	boot_request_deinit(&back);
	assert_int_equal(
	    boot_request_read(&back, text, BOOT_REQUEST_MOST + 1, NULL),
	    -EINVAL);
	free(text);
}

/* ---- the answer ---- */

static void certificates_survive_the_way(void **state)
{
	struct boot_answer a = { .code = BOOT_SIGNED,
		.cert = { (char[]){ "leaf" }, (char[]){ "ca" } },
		.n_certs = 2 };
	struct boot_answer back;
	char *text;

	(void)state;
	assert_int_equal(boot_answer_write(&text, &a), 0);
	assert_int_equal(boot_answer_read(&back, text, strlen(text), NULL), 0);
	assert_int_equal(back.code, BOOT_SIGNED);
	assert_int_equal(back.n_certs, 2);
	assert_string_equal(back.cert[0], "leaf");
	assert_string_equal(back.cert[1], "ca");
	boot_answer_deinit(&back);
	boot_answer_deinit(&back);
	free(text);
}

static void every_refusal_has_words_and_survives(void **state)
{
	(void)state;
	for (unsigned c = BOOT_SIGNED + 1; c < BOOT_CODE_COUNT; c++) {
		struct boot_answer a = { .code = (enum boot_code)c }, back;
		char *text;

		assert_true(boot_code_problem(a.code)[0]);
		assert_true(boot_code_remedy(a.code)[0]);
		assert_true(boot_code_status(a.code) >= 400);
		assert_int_equal(boot_answer_write(&text, &a), 0);
		assert_int_equal(
		    boot_answer_read(&back, text, strlen(text), NULL), 0);
		assert_int_equal(back.code, c);
		assert_string_equal(back.fault.text, boot_code_problem(a.code));
		assert_string_equal(back.fault.hint, boot_code_remedy(a.code));
		assert_int_equal(back.retry_s, boot_code_retry_s(a.code));
		free(text);
	}
}

static void own_words_go_before_the_codes(void **state)
{
	struct boot_answer a = { .code = BOOT_TOKEN, .retry_s = 7 }, back;
	char *text;

	(void)state;
	fault_set(&a.fault, 1, "hint", "why");
	assert_int_equal(boot_answer_write(&text, &a), 0);
	assert_int_equal(boot_answer_read(&back, text, strlen(text), NULL), 0);
	assert_string_equal(back.fault.text, "why");
	assert_string_equal(back.fault.hint, "hint");
	assert_int_equal(back.retry_s, 7);
	free(text);
}

#define REFUSED "\"text\":\"t\",\"remedy\":\"r\",\"retry\":1"

static const struct {
	const char *label, *text;
	bool good;
} answer_rows[] = {
	{ "a refusal", "{\"code\":\"token\"," REFUSED "}", true },
	{ "a certificate", "{\"code\":\"signed\",\"certificates\":[\"c\"]}",
	    true },
	{ "no code", "{" REFUSED "}" },
	{ "a code that is none", "{\"code\":\"perhaps\"," REFUSED "}" },
	{ "no certificate", "{\"code\":\"signed\",\"certificates\":[]}" },
	{ "five",
	    "{\"code\":\"signed\",\"certificates\":[\"1\",\"2\",\"3\",\"4\","
	    "\"5\"]}" },
	{ "an empty one",
	    "{\"code\":\"signed\",\"certificates\":[\"c\",\"\"]}" },
	{ "one that is no text", "{\"code\":\"signed\",\"certificates\":[1]}" },
	{ "no reason", "{\"code\":\"token\",\"remedy\":\"r\",\"retry\":1}" },
	{ "no remedy", "{\"code\":\"token\",\"text\":\"t\",\"retry\":1}" },
	{ "no time", "{\"code\":\"token\",\"text\":\"t\",\"remedy\":\"r\"}" },
	{ "a time that is too long",
	    "{\"code\":\"token\",\"text\":\"t\",\"remedy\":\"r\",\"retry\":"
	    "3601}" },
	{ "a time gone by",
	    "{\"code\":\"token\",\"text\":\"t\",\"remedy\":\"r\",\"retry\":"
	    "-1}" },
	{ "not JSON", "502 Bad Gateway" },
};

static void what_is_no_answer_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(answer_rows); i++) {
		const char *text = answer_rows[i].text;
		struct boot_answer a = { .n_certs = 0 };
		struct fault fault = FAULT_NONE;
		int r = boot_answer_read(&a, text, strlen(text), &fault);

		if (r != (answer_rows[i].good ? 0 : -EINVAL) || r != fault.code)
			fail_msg("%s: %s", answer_rows[i].label, fault.text);
		boot_answer_deinit(&a);
	}
}

static void an_answer_cannot_drive_a_terminal(void **state)
{
	static const char text[] =
	    "{\"code\":\"token\",\"text\":\"\\u001b[2J\",\"remedy\":"
	    "\"\\u202e\",\"retry\":0}";
	struct boot_answer a;

	(void)state;
	assert_int_equal(boot_answer_read(&a, text, strlen(text), NULL), 0);
	assert_string_equal(a.fault.text, "?[2J");
	assert_null(strchr(a.fault.hint, '\xe2'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_audience_is_as_described),
		cmocka_unit_test(another_session_or_key_is_another_audience),
		cmocka_unit_test(a_request_survives_the_way),
		cmocka_unit_test(what_is_no_request_is_told),
		cmocka_unit_test(limits_of_a_request_are_reached),
		cmocka_unit_test(certificates_survive_the_way),
		cmocka_unit_test(every_refusal_has_words_and_survives),
		cmocka_unit_test(own_words_go_before_the_codes),
		cmocka_unit_test(what_is_no_answer_is_told),
		cmocka_unit_test(an_answer_cannot_drive_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
