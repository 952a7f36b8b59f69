#include "wire/registration.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define F      "m24ppin6vnwzxbzqhw56opxu6ywwmtj355aietun542c76tvsc4q"
#define OTHER  "sfw3k626txnaeqw3ytxa2ol76i2e2szuja6cmtkonfrqyb2clf3q"
#define BROKER "system:serviceaccount:pharos:broker"
#define KEYS   "{\"keys\":[{\"kty\":\"EC\"}]}"

static struct fingerprint print_of(const char *text)
{
	struct fingerprint f;

	assert_int_equal(fingerprint_parse(&f, text, NULL), 0);
	return f;
}

static struct registration made(void)
{
	struct registration_order order = { .fingerprint = print_of(F),
		.space = "cloudtaser/m24ppin6",
		.subject = BROKER,
		.now = 1000,
		.ttl_s = 100 };
	struct registration r = { .n_out = 0 };
	struct fault fault = FAULT_NONE;

	if (registration_open(&r, &order, &fault))
		fail_msg("%s", fault.text);
	return r;
}

static const struct fingerprint_facts facts = { "u-1", "https://i", KEYS,
	sizeof(KEYS) - 1 };

/* A registration that came into @state by the verbs alone. */
static struct registration in(enum registration_state state)
{
	struct registration r = made();

	if (state == REGISTRATION_ACTIVE || state == REGISTRATION_STALE)
		assert_int_equal(registration_activate(&r, &facts), 0);
	if (state == REGISTRATION_STALE)
		assert_int_equal(registration_doubt(&r), 0);
	if (state == REGISTRATION_REVOKED)
		assert_int_equal(registration_revoke(&r), 0);
	assert_int_equal(r.state, state);
	return r;
}

/* ---- verbs ---- */

static int do_reopen(struct registration *r)
{
	struct fingerprint f = print_of(OTHER);

	return registration_reopen(r, &f, 2000, 100);
}

static int do_approve(struct registration *r)
{
	(void)registration_wait(r, "pod-1", 1001);
	return registration_approve(r, NULL, 1002);
}

static int do_activate(struct registration *r)
{
	return registration_activate(
	    r, r->state == REGISTRATION_PENDING ? &facts : NULL);
}

static int do_keys(struct registration *r)
{
	return registration_keys(r, KEYS, sizeof(KEYS) - 1);
}

/* Which verb leads where: P, A, S, R, or - for not from there. */
static const struct {
	const char *label;
	int (*verb)(struct registration *);
	const char *to; /* from pending, active, stale, revoked */
} verbs[] = {
	{ "reopen", do_reopen, "P-P-" },
	{ "approve", do_approve, "P---" },
	{ "activate", do_activate, "A-A-" },
	{ "keys", do_keys, "-AA-" },
	{ "doubt", registration_doubt, "-S--" },
	{ "revoke", registration_revoke, "RRR-" },
};

static void verbs_move_between_the_four_states(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(verbs); i++)
		for (unsigned s = 0; s < REGISTRATION_STATE_COUNT; s++) {
			struct registration r = in((enum registration_state)s);
			char to = verbs[i].to[s];
			int got = verbs[i].verb(&r);
			size_t want =
			    to == '-' ? s
				      : (size_t)(strchr("PASR", to) - "PASR");

			if (got != (to == '-' ? -EPERM : 0) || r.state != want)
				fail_msg("%s from %s: %d, now %s",
				    verbs[i].label,
				    registration_state_text(
					(enum registration_state)s),
				    got, registration_state_text(r.state));
			registration_deinit(&r);
		}
}

static void what_is_opened_again_forgets_the_cluster(void **state)
{
	struct registration r = in(REGISTRATION_STALE);
	struct fingerprint f = print_of(OTHER);

	(void)state;
	assert_int_equal(registration_shut_out(&r, "b-1"), 0);
	assert_int_equal(registration_reopen(&r, &f, 5000, 60), 0);
	assert_null(r.jwks);
	assert_string_equal(r.uid, "");
	assert_string_equal(r.issuer, "");
	assert_true(fingerprint_equal(&r.fingerprint, &f));
	assert_string_equal(r.id, F);
	assert_int_equal(r.closes, 5060);
	assert_true(registration_is_out(&r, "b-1"));
	registration_deinit(&r);
}

static void approval_needs_somebody_who_waits(void **state)
{
	struct registration r = in(REGISTRATION_PENDING);

	(void)state;
	assert_int_equal(registration_approve(&r, NULL, 1000), -ENOENT);
	assert_true(registration_wait(&r, "pod-1", 1001));
	assert_false(registration_wait(&r, "pod-2", 1002));
	assert_string_equal(r.pod, "pod-1");
	assert_int_equal(r.came, 1001);
	assert_int_equal(registration_approve(&r, NULL, 1090), 0);
	assert_true(r.approved);
	assert_true(r.closes >= 1090 + 3600);
	registration_deinit(&r);
}

static void keys_that_are_none_change_nothing(void **state)
{
	static const char *const none[] = { "", "[]", "{}", "{\"keys\":1}" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(none); i++) {
		struct registration r = in(REGISTRATION_STALE);
		struct fingerprint_facts bad = { "u", "i", none[i],
			strlen(none[i]) };
		const json_t *before = r.jwks;

		assert_int_equal(
		    registration_keys(&r, none[i], strlen(none[i])), -EINVAL);
		assert_int_equal(r.state, REGISTRATION_STALE);
		assert_ptr_equal(r.jwks, before);
		registration_deinit(&r);
		r = in(REGISTRATION_PENDING);
		assert_int_equal(registration_activate(&r, &bad), -EINVAL);
		assert_int_equal(r.state, REGISTRATION_PENDING);
		assert_string_equal(r.uid, "");
		registration_deinit(&r);
	}
}

static void at_most_so_many_are_shut_out(void **state)
{
	struct registration r = in(REGISTRATION_ACTIVE);
	char name[16];

	(void)state;
	for (size_t i = 0; i <= REGISTRATION_OUT_MOST; i++) {
		snprintf(name, sizeof(name), "b-%zu", i);
		assert_int_equal(registration_shut_out(&r, name),
		    i < REGISTRATION_OUT_MOST ? 0 : -E2BIG);
	}
	assert_int_equal(registration_shut_out(&r, "b-0"), 0);
	assert_int_equal(r.n_out, REGISTRATION_OUT_MOST);
	assert_true(registration_is_out(&r, "b-63"));
	assert_false(registration_is_out(&r, "b-64"));
	registration_deinit(&r);
}

static const struct {
	const char *label, *space, *subject;
	int64_t now, ttl_s;
} refused[] = {
	{ "no namespace", "", BROKER, 0, 1 },
	{ "a namespace with a blank", "a b", BROKER, 0, 1 },
	{ "no subject", "n", "", 0, 1 },
	{ "a user", "n", "admin", 0, 1 },
	{ "no account", "n", "system:serviceaccount:pharos:", 0, 1 },
	{ "no namespace of the account", "n", "system:serviceaccount::b", 0,
	    1 },
	{ "one part too many", "n", "system:serviceaccount:a:b:c", 0, 1 },
	{ "no window", "n", BROKER, 0, 0 },
	{ "a window of years", "n", BROKER, 0, INT64_C(70000000) },
	{ "a time that is none", "n", BROKER, -1, 1 },
};

static void what_cannot_be_is_not_opened(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(refused); i++) {
		struct registration_order order = { print_of(F),
			refused[i].space, refused[i].subject, refused[i].now,
			refused[i].ttl_s };
		struct registration r;
		struct fault fault = FAULT_NONE;

		if (registration_open(&r, &order, &fault) != -EINVAL)
			fail_msg("opened: %s", refused[i].label);
		assert_true(fault.text[0]);
	}
}

/* ---- who waits with words ---- */

#define WORDS_1 "fago keno dili fomi malo migi"
#define WORDS_2 "nono nono nono nono nono nono"
#define WORDS_3 "bada bada bada bada bada bada"

static const struct {
	const char *label, *typed;
	int64_t now;
	int want;
} compared[] = {
	{ "no words", NULL, 1020, REGISTRATION_E_COMPARE },
	{ "not six words", "fago keno", 1020, REGISTRATION_E_NO_WORDS },
	{ "other words", WORDS_3, 1020, REGISTRATION_E_OTHER },
	{ "those of an earlier session", WORDS_2, 1020, REGISTRATION_E_OTHER },
	{ "too late", WORDS_3, 1020 + 2 * WORDS_LIFE_S, REGISTRATION_E_OTHER },
	{ "the first one's, too late", WORDS_1, 1001 + WORDS_LIFE_S,
	    REGISTRATION_E_LATE },
	{ "the first one's, just in time", WORDS_1, 1000 + WORDS_LIFE_S, 0 },
	{ "the second one's", "NODO-NODO NODO nodo nodonodo", 1020, 0 },
};

static void who_waits_with_words_is_let_in_by_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(compared); i++) {
		struct registration r = in(REGISTRATION_PENDING);
		int is;

		assert_true(registration_wait_words(&r, "b-1", WORDS_1, 1001));
		assert_true(registration_wait_words(&r, "b-2", WORDS_2, 1002));
		assert_true(registration_wait_words(
		    &r, "b-2", "nodo nodo nodo nodo nodo nodo", 1003));
		assert_int_equal(r.n_words, 2);
		assert_string_equal(r.pod, "b-1");
		is = registration_approve(
		    &r, compared[i].typed, compared[i].now);
		if (is != compared[i].want || r.approved != !is)
			fail_msg("%s: %d", compared[i].label, is);
		registration_deinit(&r);
	}
}

static void words_for_nobody_are_refused(void **state)
{
	struct registration r = in(REGISTRATION_PENDING);

	(void)state;
	assert_int_equal(registration_approve(&r, WORDS_1, 1001), -ENOENT);
	assert_true(registration_wait(&r, "b-1", 1001));
	assert_int_equal(
	    registration_approve(&r, WORDS_1, 1001), REGISTRATION_E_NOBODY);
	assert_false(r.approved);
	registration_deinit(&r);
}

static void what_are_no_words_does_not_wait(void **state)
{
	char name[REGISTRATION_NAME_MOST + 2] = "";
	struct registration r = in(REGISTRATION_PENDING);

	(void)state;
	memset(name, 'p', REGISTRATION_NAME_MOST + 1);
	assert_false(registration_wait_words(&r, name, WORDS_1, 1001));
	assert_false(registration_wait_words(&r, "b-1", "fago", 1001));
	assert_int_equal(r.n_words, 0);
	registration_deinit(&r);
	r = in(REGISTRATION_ACTIVE);
	assert_false(registration_wait_words(&r, "b-1", WORDS_1, 1001));
	registration_deinit(&r);
}

static void the_oldest_words_make_room(void **state)
{
	struct registration r = in(REGISTRATION_PENDING);
	char name[16];

	(void)state;
	for (int i = 0; i <= REGISTRATION_WORDS_MOST; i++) {
		snprintf(name, sizeof(name), "b-%d", i);
		assert_true(registration_wait_words(&r, name, WORDS_1, 1 + i));
	}
	assert_int_equal(r.n_words, REGISTRATION_WORDS_MOST);
	assert_string_equal(r.words[0].pod, "b-1");
	assert_string_equal(r.words[REGISTRATION_WORDS_MOST - 1].pod, "b-8");
	registration_deinit(&r);
}

static void words_go_with_time_and_with_the_state(void **state)
{
	struct registration r = in(REGISTRATION_PENDING);

	(void)state;
	assert_true(registration_wait_words(&r, "b-1", WORDS_1, 1001));
	assert_false(registration_wait(&r, "b-2", 1000 + WORDS_LIFE_S));
	assert_int_equal(r.n_words, 1);
	assert_true(registration_wait(&r, "b-2", 1001 + WORDS_LIFE_S));
	assert_int_equal(r.n_words, 0);
	assert_int_equal(registration_approve(&r, NULL, 1002), 0);
	assert_true(registration_wait_words(&r, "b-1", WORDS_2, 2001));
	assert_int_equal(registration_revoke(&r), 0);
	assert_int_equal(r.n_words, 0);
	registration_deinit(&r);
	r = in(REGISTRATION_PENDING);
	assert_true(registration_wait_words(&r, "b-1", WORDS_1, 1001));
	assert_int_equal(
	    registration_reopen(&r, &(struct fingerprint){ { 7 } }, 1002, 60),
	    0);
	assert_int_equal(r.n_words, 0);
	registration_deinit(&r);
}

/* ---- the record ---- */

static void words_are_written_and_read(void **state)
{
	struct registration r = in(REGISTRATION_PENDING), back;
	json_t *one;

	(void)state;
	assert_true(registration_wait_words(&r, "b-1", WORDS_1, 1001));
	assert_true(registration_wait_words(&r, "b-2", WORDS_2, 1002));
	assert_int_equal(registration_write(&one, &r), 0);
	assert_int_equal(registration_read(&back, one, NULL), 0);
	assert_int_equal(back.n_words, 2);
	assert_string_equal(back.words[1].pod, "b-2");
	assert_string_equal(back.words[1].text, WORDS_2);
	assert_int_equal(back.words[1].since, 1002);
	json_decref(one);
	registration_deinit(&r);
	registration_deinit(&back);
}

static void every_state_is_written_and_read(void **state)
{
	(void)state;
	for (unsigned s = 0; s < REGISTRATION_STATE_COUNT; s++) {
		struct registration r = in((enum registration_state)s), back;
		struct fault fault = FAULT_NONE;
		json_t *one, *two;

		(void)registration_wait(&r, "pod-1", 1001);
		assert_int_equal(registration_shut_out(&r, "b-1"), 0);
		assert_int_equal(registration_write(&one, &r), 0);
		if (registration_read(&back, one, &fault))
			fail_msg("%s", fault.text);
		assert_int_equal(back.state, s);
		assert_int_equal(registration_write(&two, &back), 0);
		assert_true(json_equal(one, two));
		json_decref(one);
		json_decref(two);
		registration_deinit(&r);
		registration_deinit(&back);
	}
}

static void a_service_of_another_name_is_kept(void **state)
{
	struct registration_order order = { print_of(F), "n", BROKER, 0, 1,
		.service = "gate-2" };
	struct registration r, back;
	json_t *record;

	(void)state;
	assert_int_equal(registration_open(&r, &order, NULL), 0);
	assert_int_equal(registration_write(&record, &r), 0);
	assert_int_equal(registration_read(&back, record, NULL), 0);
	assert_string_equal(back.service, "gate-2");
	json_decref(record);
	order.service = REGISTRATION_SERVICE;
	assert_int_equal(registration_open(&r, &order, NULL), 0);
	assert_string_equal(r.service, "");
	order.service = "Gate";
	assert_int_equal(registration_open(&r, &order, NULL), -EINVAL);
	registration_deinit(&back);
}

/* A member of an active record put in another's place; NULL: taken out. */
static const struct {
	const char *label, *name, *value, *says;
} wrong[] = {
	{ "a version to come", "version", "2", "version 1" },
	{ "no version", "version", NULL, "version 1" },
	{ "a version as text", "version", "\"1\"", "version 1" },
	{ "a fifth state", "state", "\"open\"", "state" },
	{ "pending, with keys", "state", "\"pending\"", "cluster" },
	{ "active, without", "cluster", NULL, "cluster" },
	{ "another case", "state", "\"ACTIVE\"", "state" },
	{ "a fingerprint for people", "fingerprint",
	    "\"m24ppin-6vnwzxk-bzqhw56-opxu6y2-wwmtj35-5aietuh-n542c76-"
	    "tvsc4qn\"",
	    "fingerprint" },
	{ "no fingerprint", "fingerprint", "\"\"", "fingerprint" },
	{ "an id that is none", "id", "\"cluster\"", "id" },
	{ "a user", "subject", "\"admin\"", "subject" },
	{ "a Service that drives a certificate", "service", "\"b.c,d\"",
	    "service" },
	{ "a Service without a name", "service", "\"\"", "service" },
	{ "closed before it opened", "closes", "999", "closes" },
	{ "a time as text", "opened", "\"1000\"", "opened" },
	{ "a time before time", "opened", "-1", "opened" },
	{ "perhaps", "approved", "1", "approved" },
	{ "approved, but nobody waits", "approved", "true", "approved" },
	{ "who waits without a time", "waiting", "{\"pod\":\"p\"}", "waiting" },
	{ "who waits with more", "waiting",
	    "{\"pod\":\"p\",\"since\":1,\"x\":1}", "waiting" },
	{ "a cluster without keys", "cluster",
	    "{\"uid\":\"u\",\"issuer\":\"i\",\"jwks\":{}}", "cluster" },
	{ "a cluster without a UID", "cluster",
	    "{\"issuer\":\"i\",\"jwks\":" KEYS "}", "cluster" },
	{ "more beside the keys", "cluster",
	    "{\"uid\":\"u\",\"issuer\":\"i\",\"jwks\":{\"keys\":[],\"x\":1}}",
	    "cluster" },
	{ "shut out, no list", "shut_out", "\"b\"", "shut_out" },
	{ "shut out, no name", "shut_out", "[\"\"]", "shut_out" },
	{ "shut out twice", "shut_out", "[\"b\",\"b\"]", "shut_out" },
	{ "a member more", "owner", "\"me\"", "not known" },
	{ "a namespace that drives a terminal", "namespace", "\"\\u001b[2J\"",
	    "namespace" },
};

static void what_was_not_written_is_not_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(wrong); i++) {
		struct registration r = in(REGISTRATION_ACTIVE), back;
		struct fault fault = FAULT_NONE;
		json_t *record;

		assert_int_equal(registration_write(&record, &r), 0);
		if (wrong[i].value)
			json_object_set_new(record, wrong[i].name,
			    json_loads(wrong[i].value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(record, wrong[i].name);
		if (registration_read(&back, record, &fault) != -EINVAL ||
		    !strstr(fault.text, wrong[i].says))
			fail_msg("%s: %s", wrong[i].label, fault.text);
		json_decref(record);
		registration_deinit(&r);
	}
}

#define ONE(pod, since, words)                                                 \
	"{\"pod\":" pod ",\"since\":" since ",\"words\":" words "}"
#define GOOD ONE("\"b\"", "1", "\"" WORDS_1 "\"")

static const struct {
	const char *label, *value;
	bool good;
} words_rows[] = {
	{ "as written", "[" GOOD "]", true },
	{ "eight",
	    "[" GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD
	    "," GOOD "]",
	    true },
	{ "nine", "[" GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD
		  "," GOOD "," GOOD "]" },
	{ "none", "[]" },
	{ "no list", GOOD },
	{ "no object", "[\"" WORDS_1 "\"]" },
	{ "five words", "[" ONE("\"b\"", "1", "\"fago keno\"") "]" },
	{ "not as written",
	    "[" ONE("\"b\"", "1", "\"fagokenodilifomimalomigi\"") "]" },
	{ "words that are none", "[" ONE("\"b\"", "1", "7") "]" },
	{ "nobody's", "[" ONE("\"\"", "1", "\"" WORDS_1 "\"") "]" },
	{ "of no time", "[" ONE("\"b\"", "\"1\"", "\"" WORDS_1 "\"") "]" },
	{ "more beside them",
	    "[{\"pod\":\"b\",\"since\":1,\"words\":\"" WORDS_1 "\",\"x\":1}]" },
};

static void words_that_were_not_written_are_not_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(words_rows); i++) {
		struct registration r = in(REGISTRATION_PENDING), back;
		struct fault fault = FAULT_NONE;
		json_t *record;
		int got;

		assert_true(registration_wait(&r, "b", 1001));
		assert_int_equal(registration_write(&record, &r), 0);
		json_object_set_new(record, "words",
		    json_loads(words_rows[i].value, JSON_DECODE_ANY, NULL));
		got = registration_read(&back, record, &fault);
		if (got != (words_rows[i].good ? 0 : -EINVAL) ||
		    !strstr(fault.text, got ? "words" : ""))
			fail_msg("%s: %s", words_rows[i].label, fault.text);
		json_decref(record);
		registration_deinit(&r);
	}
}

/* Who waits with words waits, and only while it is pending. */
static void words_are_of_who_waits(void **state)
{
	(void)state;
	for (unsigned s = 0; s < REGISTRATION_STATE_COUNT; s++) {
		struct registration r = in((enum registration_state)s), back;
		struct fault fault = FAULT_NONE;
		json_t *record;

		assert_int_equal(registration_write(&record, &r), 0);
		json_object_set_new(
		    record, "words", json_loads("[" GOOD "]", 0, NULL));
		assert_int_equal(
		    registration_read(&back, record, &fault), -EINVAL);
		assert_non_null(strstr(fault.text, "words"));
		json_decref(record);
		registration_deinit(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_move_between_the_four_states),
		cmocka_unit_test(what_is_opened_again_forgets_the_cluster),
		cmocka_unit_test(approval_needs_somebody_who_waits),
		cmocka_unit_test(keys_that_are_none_change_nothing),
		cmocka_unit_test(at_most_so_many_are_shut_out),
		cmocka_unit_test(what_cannot_be_is_not_opened),
		cmocka_unit_test(who_waits_with_words_is_let_in_by_them),
		cmocka_unit_test(words_for_nobody_are_refused),
		cmocka_unit_test(what_are_no_words_does_not_wait),
		cmocka_unit_test(the_oldest_words_make_room),
		cmocka_unit_test(words_go_with_time_and_with_the_state),
		cmocka_unit_test(words_are_written_and_read),
		cmocka_unit_test(every_state_is_written_and_read),
		cmocka_unit_test(a_service_of_another_name_is_kept),
		cmocka_unit_test(what_was_not_written_is_not_read),
		cmocka_unit_test(words_that_were_not_written_are_not_read),
		cmocka_unit_test(words_are_of_who_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
