/* broker/test-bootfault.c: what a person reads, and whose words those are. */
#include "broker/bootfault.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void a_late_stage_is_named(void **state)
{
	struct fault fault;

	(void)state;
	bootfault_late(&fault, BOOTPLAN_SHAKING);
	assert_int_equal(fault.code, -ETIMEDOUT);
	assert_string_equal(
	    fault.text, "TLS with the bridge did not come within 10 s");
}

static void what_a_stranger_says_is_not_repeated(void **state)
{
	struct boot_answer answer = { .code = BOOT_WINDOW, .retry_s = 3600 };
	static const enum bootfault_ca known[] = { BOOTFAULT_CA_GIVEN,
		BOOTFAULT_CA_FOUND };
	struct fault fault;

	(void)state;
	fault_set(&answer.fault, BOOT_WINDOW, "type this", "it is over");
	for (size_t i = 0; i < N_ELEMS(known); i++) {
		assert_int_equal(
		    bootfault_refused(&fault, &answer, known[i], "there"),
		    3600);
		assert_string_equal(
		    fault.text, "the bridge refused (window): it is over");
		assert_string_equal(fault.hint, "type this");
	}
	assert_int_equal(
	    bootfault_refused(&fault, &answer, BOOTFAULT_CA_NONE, "there"),
	    boot_code_retry_s(BOOT_WINDOW));
	assert_null(strstr(fault.text, "it is over"));
	assert_non_null(strstr(fault.text, boot_code_problem(BOOT_WINDOW)));
	assert_string_equal(fault.hint, boot_code_remedy(BOOT_WINDOW));
}

static void who_was_revoked_hears_which_ca_is_followed(void **state)
{
	struct boot_answer answer = { .code = BOOT_REVOKED };
	struct fault fault;

	(void)state;
	fault_set(&answer.fault, BOOT_REVOKED, "register it anew", "revoked");
	(void)bootfault_refused(&fault, &answer, BOOTFAULT_CA_FOUND, "there");
	assert_string_equal(fault.hint,
	    "register it anew. If it was registered anew: remove ca.crt from "
	    "the ConfigMap there/pharos-bridge, and start the broker again.");
	(void)bootfault_refused(&fault, &answer, BOOTFAULT_CA_GIVEN, "there");
	assert_string_equal(fault.hint, "register it anew");
}

static const struct {
	const char *label;
	int code;
	enum bootfault_ca ca;
	const char *hint;
} ways[] = {
	{ "by a join string", -ENXIO, BOOTFAULT_CA_GIVEN, "of old" },
	{ "by the ConfigMap", -ENXIO, BOOTFAULT_CA_FOUND,
	    "ConfigMap there/pharos-bridge: if the cluster was registered "
	    "anew, remove ca.crt" },
	{ "by words", -ENXIO, BOOTFAULT_CA_NONE, "registered and pending" },
	{ "no beacon, by the ConfigMap", -ETIMEDOUT, BOOTFAULT_CA_FOUND,
	    "of old" },
	{ "no beacon, by words", -ETIMEDOUT, BOOTFAULT_CA_NONE, "of old" },
};

static void where_nobody_waits_the_source_of_the_ca_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(ways); i++) {
		struct fault fault;

		fault_set(&fault, ways[i].code, "of old", "over b:1: nobody");
		bootfault_way(&fault, ways[i].ca, "there");
		if (!strstr(fault.hint, ways[i].hint) ||
		    strcmp(fault.text, "over b:1: nobody") != 0)
			fail_msg("%s: %s", ways[i].label, fault.hint);
	}
}

/* The longest name of a namespace leaves room for the whole remedy. */
static void a_remedy_is_never_cut(void **state)
{
	char name_space[64];

	(void)state;
	memset(name_space, 'n', sizeof(name_space) - 1);
	name_space[sizeof(name_space) - 1] = '\0';
	for (int ca = BOOTFAULT_CA_FOUND; ca <= BOOTFAULT_CA_NONE; ca++) {
		struct fault fault;

		fault_set(&fault, -ENXIO, NULL, "nobody");
		bootfault_way(&fault, (enum bootfault_ca)ca, name_space);
		assert_int_equal(fault.hint[strlen(fault.hint) - 1], '.');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_stage_is_named),
		cmocka_unit_test(what_a_stranger_says_is_not_repeated),
		cmocka_unit_test(who_was_revoked_hears_which_ca_is_followed),
		cmocka_unit_test(
		    where_nobody_waits_the_source_of_the_ca_is_named),
		cmocka_unit_test(a_remedy_is_never_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
