/* broker/test-bootwords.c: boot sessions of a broker that is told no CA: by six
 * words, against a bridge, a cluster and a person that do what a test says. */
#include "broker/introducer.h"
#include "broker/test-bootstage.h"

/* There is no memory for another way to the bridge (meson.build). */
static bool no_way;
int __real_bootway_new(struct bootway **out, const struct bootway_order *order,
    const struct bootway_events *events, void *ctx);
int __wrap_bootway_new(struct bootway **out, const struct bootway_order *order,
    const struct bootway_events *events, void *ctx);

int __wrap_bootway_new(struct bootway **out, const struct bootway_order *order,
    const struct bootway_events *events, void *ctx)
{
	return no_way ? -ENOMEM : __real_bootway_new(out, order, events, ctx);
}

static const struct script waits = { .by_words = true,
	.bridge = REFUSES,
	.refusal = { .code = BOOT_APPROVAL } };

/* One session, until a person is waited for. */
static void make_words(void)
{
	char words[WORDS_TEXT + 1];
	uint64_t before = boot_counts(boot)->shown;

	UNTIL(in(BOOTPLAN_MEETING));
	bridge_dial();
	UNTIL(boot_counts(boot)->shown > before);
	assert_true(in(BOOTPLAN_CONFIRMING));
	words_text(words, &bridge.words);
	assert_string_equal(state_now().words, words);
	assert_int_equal(taken.calls + taken.introduced, 0);
}

/* What a person does, and what the map is once the broker has answered. */
static void type_words(const char *words)
{
	CLEANUP(free_p) char *pem = NULL;
	json_t *j;
	char *text;

	(void)snprintf(cluster.map, sizeof(cluster.map),
	    MAP_OF("2", "\"words\":\"%s\""), words);
	assert_int_equal(pki_cert_pem(&pem, ca.cert), 0);
	j = json_pack("{s:{s:s}, s:{s:s}}", "metadata", "resourceVersion", "3",
	    "data", "ca.crt", pem);
	text = json_dumps(j, 0);
	assert_non_null(text);
	(void)snprintf(cluster.patched, sizeof(cluster.patched), "%s", text);
	free(text);
	json_decref(j);
}

/* The broker looks, and what it saw has been heard. */
static void look_once(void)
{
	int before = cluster.looks;

	pass(INTRODUCER_LOOK_MS);
	UNTIL(cluster.looks > before);
	for (int i = 0; i < 20; i++)
		turn();
}

/* From here on all is as with a join string. */
static void join(void)
{
	UNTIL(taken.introduced == 1);
	assert_string_equal(state_now().words, "");
	script.bridge = AS_IT_SHOULD;
	try_once();
	assert_int_equal(boot_counts(boot)->granted, 1);
	assert_string_equal(taken.name, "pod-1");
	assert_int_equal(bridge.said % 2, 0);
}

static void a_person_confirms_and_it_joins(void **state)
{
	char words[WORDS_TEXT + 1];
	int said;

	(void)state;
	start(&waits);
	make_words();
	words_text(words, &bridge.words);
	look_once();
	assert_int_equal(taken.introduced, 0);
	type_words(words);
	pass(INTRODUCER_LOOK_MS);
	said = bridge.said;
	join();
	assert_int_equal(bridge.said, said); /* no words any more */
	assert_int_equal(cluster.patches, 1);
	assert_true(bridge.had_keys && bridge.good_audience);
	stop();
}

static void who_was_told_before_makes_no_words(void **state)
{
	(void)state;
	start(&waits);
	type_words("");
	memcpy(cluster.map, cluster.patched, sizeof(cluster.map));
	join();
	assert_int_equal(bridge.said, 0);
	assert_int_equal(boot_counts(boot)->shown, 0);
	stop();
}

static void other_words_are_told_of_and_it_goes_on(void **state)
{
	char words[WORDS_TEXT + 1];

	(void)state;
	start(&waits);
	make_words();
	words_text(words, &bridge.words);
	type_words("nono nono nono nono nono nono");
	look_once();
	look_once();
	assert_int_equal(boot_counts(boot)->wrong, 1);
	assert_int_equal(taken.introduced + cluster.patches, 0);
	assert_non_null(
	    strstr(state_now().last_error, "not those of this broker"));
	assert_string_equal(state_now().words, words);
	type_words(words);
	pass(INTRODUCER_LOOK_MS);
	join();
	stop();
}

static void old_words_are_replaced_and_worth_nothing(void **state)
{
	char old[WORDS_TEXT + 1], words[WORDS_TEXT + 1];

	(void)state;
	start(&waits);
	make_words();
	words_text(old, &bridge.words);
	pass(WORDS_LIFE_S * 1000ull);
	assert_string_equal(state_now().words, "");
	make_words();
	words_text(words, &bridge.words);
	assert_string_not_equal(old, words);
	assert_int_equal(tries(), 0); /* nothing has failed */
	type_words(old);
	look_once();
	assert_int_equal(boot_counts(boot)->wrong, 1);
	type_words(words);
	pass(INTRODUCER_LOOK_MS);
	join();
	stop();
}

static const struct {
	const char *label;
	struct script script;
	const char *text;
	bool refused;
} bad[] = {
	{ "a nonce that was not promised", { .by_words = true, .cheats = true },
	    "six words", false },
	{ "a bridge of another CA", { .by_words = true, .shows = &other_id },
	    "not that of this session's bridge", false },
	{ "signed before a person", { .by_words = true, .role = ROLE_BROKER },
	    "signed before a person has compared", false },
	{ "refused for another reason",
	    { .by_words = true,
		.bridge = REFUSES,
		.refusal = { .code = BOOT_WINDOW } },
	    "the bridge refused (window)", true },
	{ "it goes away", { .by_words = true, .bridge = CUTS }, "boot session",
	    false },
	{ "no token", { .by_words = true, .token = REFUSES }, "403", false },
};

static void without_approval_no_words_are_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		start(&bad[i].script);
		try_once();
		if (boot_counts(boot)->shown || *state_now().words ||
		    taken.calls || boot_counts(boot)->refused != bad[i].refused)
			fail_msg("%s", bad[i].label);
		if (!strstr(state_now().last_error, bad[i].text))
			fail_msg(
			    "%s: %s", bad[i].label, state_now().last_error);
		stop();
	}
}

/* Anybody can wait in the bridge's place, and refuse. */
static void a_stranger_says_neither_what_to_type_nor_when(void **state)
{
	struct script stranger = { .by_words = true,
		.bridge = REFUSES,
		.refusal = { .code = BOOT_WINDOW, .retry_s = 3600 } };
	uint64_t most = BOOTPLAN_PERSON_MS * UINT64_C(5) / 4;

	(void)state;
	fault_set(&stranger.refusal.fault, BOOT_WINDOW, "type these words",
	    "they were compared");
	start(&stranger);
	try_once();
	assert_int_equal(boot_counts(boot)->refused, 1);
	assert_string_equal(state_now().remedy, boot_code_remedy(BOOT_WINDOW));
	assert_null(strstr(state_now().last_error, "compared"));
	assert_in_range(state_now().retry_ms, 1, most);
	stop();
}

static void a_ca_that_cannot_be_used_is_told_of(void **state)
{
	struct script refusing = waits;

	(void)state;
	refusing.refused_by_us = true;
	start(&refusing);
	type_words("");
	memcpy(cluster.map, cluster.patched, sizeof(cluster.map));
	UNTIL(boot_counts(boot)->failed == 1);
	assert_string_equal(state_now().last_error, "not wanted");
	script.refused_by_us = false;
	pass(BOOTPLAN_REST_LEAST_MS);
	join();
	stop();
}

/* Whom to follow is said once: it cannot fail for memory after that. */
static void who_is_introduced_needs_no_more_memory(void **state)
{
	(void)state;
	start(&waits);
	type_words("");
	memcpy(cluster.map, cluster.patched, sizeof(cluster.map));
	no_way = true;
	UNTIL(taken.introduced);
	no_way = false;
	assert_int_equal(tries(), 0);
	join();
	stop();
}

static void it_may_be_stopped_while_a_person_is_waited_for(void **state)
{
	(void)state;
	start(&waits);
	make_words();
	boot_stop(boot);
	pass(600000);
	assert_string_equal(state_now().words, "");
	assert_int_equal(tries(), 0);
	stop();
	start(&waits);
	make_words();
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_confirms_and_it_joins),
		cmocka_unit_test(who_was_told_before_makes_no_words),
		cmocka_unit_test(other_words_are_told_of_and_it_goes_on),
		cmocka_unit_test(old_words_are_replaced_and_worth_nothing),
		cmocka_unit_test(without_approval_no_words_are_shown),
		cmocka_unit_test(a_stranger_says_neither_what_to_type_nor_when),
		cmocka_unit_test(a_ca_that_cannot_be_used_is_told_of),
		cmocka_unit_test(who_is_introduced_needs_no_more_memory),
		cmocka_unit_test(
		    it_may_be_stopped_while_a_person_is_waited_for),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
