/* broker/test-boot.c: the broker's half of boot sessions, against a cluster's
 * API and a bridge that do what a row says. */
#include "broker/test-bootstage.h"

/* ---- what is good */

static void it_gets_a_certificate(void **state)
{
	static const struct script good = { .role = ROLE_BROKER };

	(void)state;
	start(&good);
	try_once();
	assert_int_equal(boot_counts(boot)->granted, 1);
	assert_int_equal(taken.calls, 1);
	assert_string_equal(taken.name, "pod-1");
	assert_string_equal(bridge.method, "POST");
	assert_string_equal(bridge.target, BOOT_PATH);
	assert_true(bridge.had_keys);
	assert_true(bridge.good_audience);
	assert_true(state_now().ends > loop_wall(loop) + LIFE_S - 60);
	assert_string_equal(state_now().last_error, "");
	UNTIL(!bridge.conn); /* the session has ended in order */
	stop();
}

static void the_next_one_has_another_key_and_comes_without_keys(void **state)
{
	static const struct script short_ = { .role = ROLE_BROKER,
		.life_s = 2 };
	CLEANUP(key_p) EVP_PKEY *first = NULL;

	(void)state;
	start(&short_);
	try_once();
	first = STEAL(taken.key);
	pass(BOOTPLAN_REST_LEAST_MS);
	try_once();
	assert_int_equal(taken.calls, 2);
	assert_true(bridge.good_audience);
	assert_false(bridge.had_keys);
	assert_int_equal(cluster.asked, 3 + 2);
	assert_int_equal(EVP_PKEY_eq(first, taken.key), 0);
	stop();
}

static void after_a_failure_it_tries_again(void **state)
{
	static const struct script bad = { .role = ROLE_BROKER,
		.token = REFUSES };

	(void)state;
	start(&bad);
	try_once();
	assert_int_equal(boot_counts(boot)->failed, 1);
	assert_true(state_now().retry_ms > 0);
	script.token = AS_IT_SHOULD;
	pass(BOOTPLAN_REST_LEAST_MS);
	try_once();
	assert_int_equal(boot_counts(boot)->granted, 1);
	assert_string_equal(state_now().last_error, "");
	stop();
}

/* ---- what is not */

static const struct {
	const char *label;
	struct script script;
	const char *text, *hint; /* what a person reads; NULL: anything */
} failures[] = {
	{ "the namespace is not for us", { .namespace = REFUSES }, "403",
	    "verb get on resource namespaces" },
	{ "a login page before the API", { .namespace = SAYS_NONSENSE },
	    "not what a cluster says", "API server" },
	{ "the API cuts us", { .namespace = CUTS }, "cluster http://", NULL },
	{ "the API is silent", { .namespace = IS_SILENT },
	    "the cluster's answers did not come within 20 s", NULL },
	{ "keys are not for us", { .keys = REFUSES }, "403",
	    "service-account-issuer-discovery" },
	{ "keys that are none", { .keys = SAYS_NONSENSE },
	    "not what a cluster says", NULL },
	{ "no bridge comes", { .no_bridge = true },
	    "a connection to the bridge did not come", NULL },
	{ "a bridge that says nothing", { .mute_tls = true },
	    "TLS with the bridge did not come within 10 s", NULL },
	{ "a bridge without boot sessions", { .old = true }, "boot session",
	    "pharos source register" },
	{ "a broker in its place", { .shows = &broker_id }, "wrong role",
	    NULL },
	{ "a bridge of another CA", { .shows = &other_id }, "boot session",
	    NULL },
	{ "tokens are not for us", { .token = REFUSES }, "403",
	    "serviceaccounts/token" },
	{ "no token in the answer", { .token = SAYS_NONSENSE },
	    "not what a cluster says", NULL },
	{ "no token in time", { .token = IS_SILENT },
	    "a token from the cluster did not come within 9 s", NULL },
	{ "the bridge goes away", { .bridge = CUTS }, "boot session", NULL },
	{ "the bridge does not answer", { .bridge = IS_SILENT },
	    "the bridge's answer did not come within 45 s", NULL },
	{ "an answer that is none", { .bridge = SAYS_NONSENSE },
	    "the bridge answered 403", NULL },
	{ "a bridge's certificate", { .role = ROLE_BRIDGE },
	    "the certificate that the bridge sent", NULL },
	{ "of another CA", { .role = ROLE_BROKER, .foreign_ca = true },
	    "the certificate that the bridge sent", NULL },
	{ "for another key", { .role = ROLE_BROKER, .foreign_key = true },
	    "the certificate that the bridge sent", NULL },
	{ "one that cannot be used",
	    { .role = ROLE_BROKER, .refused_by_us = true }, "not wanted",
	    NULL },
};

static void each_stage_can_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(failures); i++) {
		struct boot_state s;

		start(&failures[i].script);
		try_once();
		s = state_now();
		if (boot_counts(boot)->failed != 1 || taken.calls || s.ends)
			fail_msg("%s", failures[i].label);
		if (!strstr(s.last_error, failures[i].text) ||
		    (failures[i].hint && !strstr(s.remedy, failures[i].hint)))
			fail_msg("%s: %s; %s", failures[i].label, s.last_error,
			    s.remedy);
		assert_true(s.retry_ms <= BOOTPLAN_REST_LEAST_MS);
		stop();
	}
}

static const struct {
	const char *label;
	struct boot_answer refusal;
	const char *text, *hint;
	uint64_t least_ms, most_ms;
} refusals[] = {
	{ "approval, later", { .code = BOOT_APPROVAL },
	    "the bridge refused (approval): a person has to approve",
	    "pharos source approve", 5000, 6250 },
	{ "its own words and time",
	    { .code = BOOT_STORE,
		.fault = { .text = "the store is sealed", .hint = "unseal it" },
		.retry_s = 7 },
	    "the bridge refused (store): the store is sealed", "unseal it",
	    7000, 8750 },
	{ "a person first", { .code = BOOT_REVOKED },
	    "the bridge refused (revoked)", "register it anew",
	    BOOTPLAN_PERSON_MS, BOOTPLAN_PERSON_MS * 5 / 4 },
};

static void a_refusal_is_shown_and_heeded(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(refusals); i++) {
		struct script refusing = { .bridge = REFUSES,
			.refusal = refusals[i].refusal };
		struct boot_state s;

		start(&refusing);
		try_once();
		s = state_now();
		if (boot_counts(boot)->refused != 1 || taken.calls ||
		    !strstr(s.last_error, refusals[i].text) ||
		    !strstr(s.remedy, refusals[i].hint) ||
		    s.retry_ms < refusals[i].least_ms ||
		    s.retry_ms > refusals[i].most_ms)
			fail_msg("%s: %s; %s; %llu", refusals[i].label,
			    s.last_error, s.remedy,
			    (unsigned long long)s.retry_ms);
		stop();
	}
}

/* Wherever it is, it can be stopped, and nothing of it is left. */
static void it_may_be_stopped_at_every_stage(void **state)
{
	static const struct script scripts[] = {
		{ .namespace = IS_SILENT },
		{ .no_bridge = true },
		{ .mute_tls = true },
		{ .token = IS_SILENT },
		{ .bridge = IS_SILENT },
	};

	(void)state;
	for (unsigned i = 0; i < N_ELEMS(scripts); i++) {
		static const enum bootplan_stage stages[] = { BOOTPLAN_ASKING,
			BOOTPLAN_MEETING, BOOTPLAN_SHAKING, BOOTPLAN_VOUCHING,
			BOOTPLAN_AWAITING };

		start(&scripts[i]);
		for (unsigned s = 0; s <= i; s++) {
			UNTIL(in(stages[s]));
			if (stages[s] == BOOTPLAN_MEETING && s != i)
				bridge_dial();
		}
		boot_stop(boot);
		pass(600000);
		assert_int_equal(tries(), 0);
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_gets_a_certificate),
		cmocka_unit_test(
		    the_next_one_has_another_key_and_comes_without_keys),
		cmocka_unit_test(after_a_failure_it_tries_again),
		cmocka_unit_test(each_stage_can_fail),
		cmocka_unit_test(a_refusal_is_shown_and_heeded),
		cmocka_unit_test(it_may_be_stopped_at_every_stage),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
