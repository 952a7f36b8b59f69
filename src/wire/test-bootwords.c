#include "wire/bootwords.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define DIGITS "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"

static const struct {
	const char *label;
	enum bootwords_kind kind;
	const char *ca, *text;
} ways[] = {
	{ "commitment", BOOTWORDS_COMMITMENT, NULL,
	    "{\"commitment\":\"" DIGITS "\"}" },
	{ "nonce", BOOTWORDS_NONCE, NULL, "{\"nonce\":\"" DIGITS "\"}" },
	{ "answer", BOOTWORDS_ANSWER, "-----BEGIN",
	    "{\"nonce\":\"" DIGITS "\",\"ca\":\"-----BEGIN\"}" },
};

static void each_message_survives_the_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(ways); i++) {
		struct bootwords w = { .kind = ways[i].kind }, back;
		char *text;

		memset(w.bytes, 1, sizeof(w.bytes));
		w.ca = ways[i].ca ? strdup(ways[i].ca) : NULL;
		assert_int_equal(bootwords_write(&text, &w), 0);
		assert_string_equal(text, ways[i].text);
		assert_int_equal(bootwords_read(&back, ways[i].kind, text,
				     strlen(text), NULL),
		    0);
		assert_int_equal(back.kind, ways[i].kind);
		assert_memory_equal(back.bytes, w.bytes, sizeof(w.bytes));
		assert_int_equal(!back.ca, !w.ca);
		if (w.ca)
			assert_string_equal(back.ca, w.ca);
		free(text);
		bootwords_deinit(&w);
		bootwords_deinit(&back);
		bootwords_deinit(&back);
	}
}

static const struct {
	const char *label;
	enum bootwords_kind kind;
	const char *text, *says;
} none[] = {
	{ "nothing", BOOTWORDS_NONCE, "", "not one JSON object" },
	{ "a list", BOOTWORDS_NONCE, "[]", "not one JSON object" },
	{ "a member twice", BOOTWORDS_NONCE,
	    "{\"nonce\":\"" DIGITS "\",\"nonce\":\"" DIGITS "\"}",
	    "not one JSON object" },
	{ "empty", BOOTWORDS_NONCE, "{}", "nonce was expected" },
	{ "the other", BOOTWORDS_NONCE, "{\"commitment\":\"" DIGITS "\"}",
	    "'nonce'" },
	{ "both", BOOTWORDS_COMMITMENT,
	    "{\"commitment\":\"" DIGITS "\",\"nonce\":\"" DIGITS "\"}",
	    "nothing else" },
	{ "a CA of a broker", BOOTWORDS_NONCE,
	    "{\"nonce\":\"" DIGITS "\",\"ca\":\"c\"}", "nothing else" },
	{ "31 bytes", BOOTWORDS_NONCE,
	    "{\"nonce\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ\"}",
	    "not 32 bytes" },
	{ "33 bytes", BOOTWORDS_NONCE, "{\"nonce\":\"" DIGITS "B\"}",
	    "not 32 bytes" },
	{ "not base64url", BOOTWORDS_NONCE,
	    "{\"nonce\":\"AQEBAQEBAQEBAQEBAQEBAQEB+QEBAQEBAQEBAQEBAQE\"}",
	    "not 32 bytes" },
	{ "a number", BOOTWORDS_NONCE, "{\"nonce\":1}", "not 32 bytes" },
	{ "an answer without CA", BOOTWORDS_ANSWER,
	    "{\"nonce\":\"" DIGITS "\"}", "'nonce' and 'ca'" },
	{ "an empty CA", BOOTWORDS_ANSWER,
	    "{\"nonce\":\"" DIGITS "\",\"ca\":\"\"}", "'ca'" },
	{ "a CA that is no text", BOOTWORDS_ANSWER,
	    "{\"nonce\":\"" DIGITS "\",\"ca\":{}}", "'ca'" },
};

static void what_is_no_message_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(none); i++) {
		struct fault fault = FAULT_NONE;
		struct bootwords w;

		if (bootwords_read(&w, none[i].kind, none[i].text,
			strlen(none[i].text), &fault) != -EINVAL ||
		    !strstr(fault.text, none[i].says))
			fail_msg("%s: %s", none[i].label, fault.text);
	}
}

static void limits_are_reached(void **state)
{
	struct bootwords w = { .kind = BOOTWORDS_ANSWER }, back;
	char *text, *padded;

	(void)state;
	w.ca = calloc(1, BOOT_CERT_MOST + 2);
	assert_non_null(w.ca);
	memset(w.ca, 'c', BOOT_CERT_MOST);
	assert_int_equal(bootwords_write(&text, &w), 0);
	padded = calloc(1, BOOTWORDS_MOST + 1);
	assert_non_null(padded);
	memset(padded, ' ', BOOTWORDS_MOST + 1);
	memcpy(padded, text, strlen(text));
	assert_int_equal(
	    bootwords_read(&back, w.kind, padded, BOOTWORDS_MOST, NULL), 0);
	bootwords_deinit(&back);
	assert_int_equal(
	    bootwords_read(&back, w.kind, padded, BOOTWORDS_MOST + 1, NULL),
	    -EINVAL);
	w.ca[BOOT_CERT_MOST] = 'c';
	free(text);
	assert_int_equal(bootwords_write(&text, &w), -EMSGSIZE);
	free(padded);
	bootwords_deinit(&w);
}

static void a_ca_too_large_is_told(void **state)
{
	char text[BOOT_CERT_MOST + 100];
	struct fault fault = FAULT_NONE;
	struct bootwords w;
	int n;

	(void)state;
	n = snprintf(text, sizeof(text),
	    "{\"nonce\":\"" DIGITS "\",\"ca\":\"%0*d\"}", BOOT_CERT_MOST + 1,
	    1);
	assert_int_equal(
	    bootwords_read(&w, BOOTWORDS_ANSWER, text, (size_t)n, &fault),
	    -EINVAL);
	assert_non_null(strstr(fault.text, "'ca'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_survives_the_way),
		cmocka_unit_test(what_is_no_message_is_told),
		cmocka_unit_test(limits_are_reached),
		cmocka_unit_test(a_ca_too_large_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
