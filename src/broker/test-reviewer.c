/* broker/test-reviewer.c: what the cluster is asked about tokens, how often,
 * and what comes of it. */
#include "broker/reviewer.h"
#include "broker/limits.h"
#include "link/test-fakeserver.h"
#include <signal.h>

/* {"exp":4102444800}, {"exp":1}, {} */
#define LASTS	"e30.eyJleHAiOjQxMDI0NDQ4MDB9."
#define IS_OVER "e30.eyJleHAiOjF9."
#define NO_END	"e30.e30."

#define STATUS(text) "{\"status\":{" text "}}"
#define FOR_US	     "\"authenticated\":true,\"audiences\":[\"pharos-broker\"],"
#define USER(name, extra)                                                      \
	"\"user\":{\"username\":\"" name "\",\"extra\":{" extra "}}"
#define ACCOUNT "system:serviceaccount:shop:web"
#define POD                                                                    \
	"\"authentication.kubernetes.io/pod-name\":[\"web-1\"],"               \
	"\"authentication.kubernetes.io/pod-uid\":[\"u-1\"]"
#define GOOD STATUS(FOR_US USER(ACCOUNT, POD))

static const struct reviewer_rules rules = {
	.remember = { .most = 4,
	    .good_ms = 60000,
	    .refused_ms = 10000,
	    .grace_ms = 300000 },
	.most = 3,
	.at_once = 2,
	.ms = 5000,
	.probe_ms = 4000,
};

static struct loop *loop;
static struct fake fake;
static struct kube *kube;
static struct kube_access access_;
static struct reviewer *reviewer;

/* What came of one question. */
struct told {
	struct reviewer_question *question;
	int times;
	bool given;
	struct verdict verdict;
	struct fault fault;
};

static void on_told(
    void *ctx, const struct verdict *verdict, const struct fault *fault)
{
	struct told *t = ctx;

	t->question = NULL;
	t->times++;
	t->given = verdict != NULL;
	if (verdict)
		t->verdict = *verdict;
	t->fault = fault ? *fault : (struct fault)FAULT_NONE;
}

static int setup(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	fake_open(&fake, loop);
	fake_say(&fake, 201, "application/json", GOOD);
	access_ = (struct kube_access){ .server = fake.address };
	if (kube_open(&kube, loop, &access_, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(reviewer_new(&reviewer, loop, kube, &rules), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	reviewer_free(reviewer);
	kube_close(kube);
	fake_close(&fake);
	loop_free(loop);
	return 0;
}

enum { TURNS_MOST = 1000000, TURNS_A_MS = 64 };

/* libcurl waits for some ms at times, so the clock goes on, if slowly. */
#define UNTIL(condition)                                                       \
	do {                                                                   \
		for (int n_ = 1; n_ < TURNS_MOST && !(condition); n_++) {      \
			loop_set_now(                                          \
			    loop, loop_now(loop) + !(n_ % TURNS_A_MS));        \
			loop_turn(loop);                                       \
		}                                                              \
		if (!(condition))                                              \
			fail_msg("never came: %s", #condition);                \
	} while (0)

static int try_ask(struct told *t, const char *token)
{
	struct verdicts_key key;

	*t = (struct told){ .times = 0 };
	verdicts_key(&key, token);
	return reviewer_ask(&t->question, reviewer,
	    &(struct reviewer_order){ &key, token, on_told, t });
}

static void ask(struct told *t, const char *token)
{
	assert_int_equal(try_ask(t, token), 0);
}

static void ask_and_wait(struct told *t, const char *token)
{
	ask(t, token);
	UNTIL(t->times);
	assert_int_equal(t->times, 1);
}

static const struct verdict *known(const char *token)
{
	struct verdicts_key key;

	verdicts_key(&key, token);
	return reviewer_known(reviewer, &key);
}

static void pass_to(uint64_t then)
{
	loop_set_now(loop, then);
	loop_turn(loop);
}

static void pass(uint64_t ms)
{
	pass_to(loop_now(loop) + ms);
}

/* ---- what the cluster says */

static const struct {
	const char *label;
	int status;
	const char *body;
	enum verdict_kind kind;
	const char *words; /* of a refusal; or a part of the fault */
	bool none;	   /* no verdict */
} rows[] = {
	{ "a pod's", 201, GOOD, VERDICT_GOOD, "", false },
	{ "answered with 200", 200, GOOD, VERDICT_GOOD, "", false },
	{ "the pod is gone", 201,
	    STATUS("\"error\":\"[invalid bearer token, pod is gone]\""),
	    VERDICT_REFUSED, "[invalid bearer token, pod is gone]", false },
	{ "no reason given", 201, STATUS(""), VERDICT_REFUSED, "", false },
	{ "for another audience", 201,
	    STATUS("\"authenticated\":true,\"audiences\":[\"pharos:f\"]," USER(
		ACCOUNT, POD)),
	    VERDICT_REFUSED, "", false },
	{ "an API server that knows no audiences", 201,
	    STATUS("\"authenticated\":true," USER(ACCOUNT, POD)),
	    VERDICT_REFUSED, "", false },
	{ "a person's", 201, STATUS(FOR_US USER("amy", "")), VERDICT_NO_POD, "",
	    false },
	{ "a person with a pod", 201, STATUS(FOR_US USER("amy", POD)),
	    VERDICT_NO_POD, "", false },
	{ "bound to no pod", 201, STATUS(FOR_US USER(ACCOUNT, "")),
	    VERDICT_NO_POD, "", false },
	{ "we may not ask", 403,
	    "{\"kind\":\"Status\",\"message\":\"tokenreviews is forbidden\"}",
	    0, "tokenreviews is forbidden", true },
	{ "we are not known", 401, "{}", 0, "401 Unauthorized", true },
	{ "overloaded", 429, "{}", 0, "429 Too Many Requests", true },
	{ "it has failed", 500, "{}", 0, "500", true },
	{ "not a review", 201, "{}", 0, "not what a cluster says", true },
	{ "not JSON", 201, "<html>", 0, "not what a cluster says", true },
};

static void what_the_cluster_says(void **state)
{
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct told t;

		setup(state);
		fake_say(
		    &fake, rows[i].status, "application/json", rows[i].body);
		ask_and_wait(&t, LASTS);
		if (t.given == rows[i].none)
			fail_msg("%s: given %d", rows[i].label, t.given);
		if (t.given && (t.verdict.kind != rows[i].kind ||
				   strcmp(t.verdict.words, rows[i].words) != 0))
			fail_msg("%s: %d '%s'", rows[i].label, t.verdict.kind,
			    t.verdict.words);
		if (rows[i].none && !strstr(t.fault.text, rows[i].words))
			fail_msg("%s: '%s'", rows[i].label, t.fault.text);
		assert_string_equal(
		    reviewer_last_fault(reviewer), t.fault.text);
		assert_string_equal(t.verdict.pod_uid,
		    t.given && rows[i].kind == VERDICT_GOOD ? "u-1" : "");
		/* an answer that decides nothing is not remembered */
		assert_true(!known(LASTS) == rows[i].none);
		teardown(state);
	}
}

static void what_the_cluster_is_asked(void **state)
{
	struct told t;

	(void)state;
	ask_and_wait(&t, LASTS);
	assert_non_null(strstr(
	    fake.asked, "POST /apis/authentication.k8s.io/v1/tokenreviews"));
	assert_non_null(strstr(fake.asked, "\"token\":\"" LASTS "\""));
	assert_non_null(
	    strstr(fake.asked, "\"audiences\":[\"pharos-broker\"]"));
}

static void an_unreachable_cluster(void **state)
{
	struct told t;

	(void)state;
	fake.manner = FAKE_CUT;
	ask_and_wait(&t, LASTS);
	assert_false(t.given);
	assert_non_null(strstr(t.fault.text, "cluster http://"));
	assert_int_equal(reviewer_counts(reviewer)->failed, 1);
}

static void an_api_that_hangs(void **state)
{
	uint64_t late = loop_now(loop) + rules.ms;
	struct told t;

	(void)state;
	fake.manner = FAKE_HANG;
	ask(&t, LASTS);
	UNTIL(fake.requests);
	pass_to(late - 1);
	assert_int_equal(t.times, 0);
	pass_to(late);
	assert_int_equal(t.times, 1);
	assert_false(t.given);
	assert_non_null(strstr(t.fault.text, "no answer to a TokenReview"));
	assert_int_equal(reviewer_counts(reviewer)->waiting, 0);
}

/* ---- how often */

static void two_at_once_are_one_review(void **state)
{
	struct told a, b, c;

	(void)state;
	ask(&a, LASTS);
	ask(&b, LASTS);
	ask(&c, LASTS);
	reviewer_cancel(c.question);
	assert_int_equal(reviewer_counts(reviewer)->waiting, 1);
	UNTIL(a.times && b.times);
	assert_int_equal(fake.requests, 1);
	assert_true(a.given && b.given);
	assert_int_equal(c.times, 0);
	assert_int_equal(reviewer_counts(reviewer)->good, 1);
}

static void a_pod_that_leaves_does_not_end_it(void **state)
{
	struct told t;

	(void)state;
	ask(&t, LASTS);
	reviewer_cancel(t.question);
	UNTIL(known(LASTS));
	assert_int_equal(t.times, 0);
}

static void only_so_many_calls_at_once(void **state)
{
	struct told t[3];

	(void)state;
	fake.manner = FAKE_HANG;
	ask(&t[0], LASTS "1");
	ask(&t[1], LASTS "2");
	ask(&t[2], LASTS "3");
	UNTIL(fake.requests == 2);
	for (int i = 0; i < 100; i++)
		loop_turn(loop);
	assert_int_equal(fake.requests, 2);
	fake_say(&fake, 201, "application/json", GOOD);
	http_stream_answer(STEAL(fake.calls->stream), &fake.answer);
	fake_call_free(fake.calls);
	UNTIL(t[2].times);
	assert_true(t[2].given);
	assert_int_equal(fake.requests, 3);
}

static void as_many_tokens_wait_as_may(void **state)
{
	static const char *const tokens[] = { LASTS "1", LASTS "2", LASTS "3" };
	struct told t[3], more, same;

	(void)state;
	fake.manner = FAKE_HANG;
	for (size_t i = 0; i < rules.most; i++)
		ask(&t[i], tokens[i]);
	assert_int_equal(try_ask(&more, LASTS "4"), REVIEWER_E_FULL);
	ask(&same, LASTS "3");
	assert_int_equal(reviewer_counts(reviewer)->waiting, rules.most);
	UNTIL(fake.requests == 2);
	pass(rules.ms);
	UNTIL(t[0].times && t[1].times && t[2].times && same.times);
	ask(&more, LASTS "4");
}

static void what_cannot_be_a_token_is_not_sent(void **state)
{
	struct told t;

	(void)state;
	assert_int_equal(try_ask(&t, "two words"), REVIEWER_E_SHAPE);
	assert_int_equal(try_ask(&t, ""), REVIEWER_E_SHAPE);
	assert_int_equal(reviewer_counts(reviewer)->waiting, 0);
}

/* ---- what is remembered */

static void a_good_answer_is_believed_for_a_while(void **state)
{
	struct told t;

	(void)state;
	assert_null(known(LASTS));
	ask_and_wait(&t, LASTS);
	pass(rules.remember.good_ms - 1);
	assert_string_equal(known(LASTS)->pod_uid, "u-1");
	pass(1);
	assert_null(known(LASTS));
	/* meanwhile the pod was deleted */
	fake_say(&fake, 201, "application/json", STATUS("\"error\":\"gone\""));
	ask_and_wait(&t, LASTS);
	assert_int_equal(t.verdict.kind, VERDICT_REFUSED);
	assert_int_equal(known(LASTS)->kind, VERDICT_REFUSED);
	pass(rules.remember.refused_ms);
	assert_null(known(LASTS));
	assert_int_equal(fake.requests, 2);
}

static void not_past_the_tokens_own_end(void **state)
{
	static const char *const tokens[] = { IS_OVER, NO_END, "opaque" };
	struct told t;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(tokens); i++) {
		ask_and_wait(&t, tokens[i]);
		assert_true(t.given);
		if (known(tokens[i]))
			fail_msg("%s", tokens[i]);
	}
}

static void a_full_memory_asks_again(void **state)
{
	static const char *const tokens[] = { LASTS "1", LASTS "2", LASTS "3",
		LASTS "4", LASTS "5" };
	struct told t;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(tokens); i++)
		ask_and_wait(&t, tokens[i]);
	assert_int_equal(
	    reviewer_counts(reviewer)->remembered, rules.remember.most);
	assert_null(known(tokens[0]));
	assert_non_null(known(tokens[4]));
}

/* ---- while the API is away */

static void who_was_good_goes_on_while_nobody_can_be_asked(void **state)
{
	struct told t, stranger;

	(void)state;
	ask_and_wait(&t, LASTS);
	pass(rules.remember.good_ms);
	fake_say(&fake, 503, "application/json", "{}");
	assert_null(known(LASTS));
	ask_and_wait(&t, LASTS); /* the first one finds out */
	assert_true(t.given);
	assert_int_equal(t.verdict.kind, VERDICT_GOOD);
	assert_int_equal(reviewer_counts(reviewer)->leant, 1);
	assert_non_null(known(LASTS)); /* the next ones do not wait */
	assert_int_equal(reviewer_counts(reviewer)->leant, 2);
	assert_int_equal(fake.requests, 2);
	/* a stranger is asked about, in vain */
	ask_and_wait(&stranger, LASTS "x");
	assert_false(stranger.given);
	/* and once in a while one of them asks again */
	pass(rules.probe_ms);
	assert_null(known(LASTS));
	assert_non_null(known(LASTS));
	/* until the grace is over */
	pass(rules.remember.grace_ms);
	assert_null(known(LASTS));
	ask_and_wait(&t, LASTS);
	assert_false(t.given);
}

static void an_api_that_is_back_is_asked(void **state)
{
	struct told t;

	(void)state;
	ask_and_wait(&t, LASTS);
	pass(rules.remember.good_ms);
	fake.manner = FAKE_CUT;
	ask_and_wait(&t, LASTS);
	assert_true(*reviewer_last_fault(reviewer));
	fake_say(&fake, 201, "application/json", STATUS("\"error\":\"gone\""));
	pass(rules.probe_ms);
	assert_null(known(LASTS));
	ask_and_wait(&t, LASTS);
	assert_int_equal(t.verdict.kind, VERDICT_REFUSED);
	assert_string_equal(reviewer_last_fault(reviewer), "");
	assert_int_equal(reviewer_counts(reviewer)->failed, 1);
}

static void whoever_waits_is_given_up_at_the_end(void **state)
{
	static struct told t[2]; /* teardown ends them */

	(void)state;
	fake.manner = FAKE_HANG;
	ask(&t[0], LASTS "1");
	ask(&t[1], LASTS "1");
	UNTIL(fake.requests);
	reviewer_free(STEAL(reviewer));
	assert_int_equal(t[0].times + t[1].times, 0);
}

static void the_rules_in_use_are_the_named_limits(void **state)
{
	const struct reviewer_rules *r = &reviewer_rules;

	(void)state;
	assert_int_equal(r->most, LIMIT_REVIEWS);
	assert_int_equal(r->at_once, LIMIT_REVIEWS_AT_ONCE);
	assert_true(r->at_once < KUBE_CALLS_MOST);
	assert_true(r->ms < KUBE_CALL_MS);
	assert_int_equal(r->remember.good_ms, 30000);
	assert_int_equal(r->remember.refused_ms, 10000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_cluster_says),
		TEST(what_the_cluster_is_asked),
		TEST(an_unreachable_cluster),
		TEST(an_api_that_hangs),
		TEST(two_at_once_are_one_review),
		TEST(a_pod_that_leaves_does_not_end_it),
		TEST(only_so_many_calls_at_once),
		TEST(as_many_tokens_wait_as_may),
		TEST(what_cannot_be_a_token_is_not_sent),
		TEST(a_good_answer_is_believed_for_a_while),
		TEST(not_past_the_tokens_own_end),
		TEST(a_full_memory_asks_again),
		TEST(who_was_good_goes_on_while_nobody_can_be_asked),
		TEST(an_api_that_is_back_is_asked),
		TEST(whoever_waits_is_given_up_at_the_end),
		cmocka_unit_test(the_rules_in_use_are_the_named_limits),
	};

	(void)signal(SIGPIPE, SIG_IGN);

	return cmocka_run_group_tests(tests, NULL, NULL);
}
