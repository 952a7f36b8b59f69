#include "wire/changes.h"
#include "wire/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define NOTHING "404 {\"errors\":[]}"
#define OLD	"200 {\"data\":{\"policy\":\"old\"}}"
#define DONE	"204 "
#define NO	"403 {\"errors\":[\"permission denied\"]}"
#define SILENCE "0 "

/* Calls as they are made, with what each is answered. */
struct exchange {
	const char *call, *answer;
};

static struct changes *two_writes(void)
{
	struct changes *p;

	assert_int_equal(changes_new(&p), 0);
	assert_null(changes_call(p));
	assert_int_equal(
	    changes_add(p, &(struct changes_order){ .what = "first",
			       .path = "a",
			       .body = json_pack("{ss}", "policy", "new"),
			       .member = "policy" }),
	    0);
	assert_int_equal(
	    changes_add(p, &(struct changes_order){ .what = "second",
			       .path = "b",
			       .body = json_pack("{ss}", "policy", "newer") }),
	    0);
	return p;
}

static struct changes *two_removals(void)
{
	struct changes *p;

	assert_int_equal(changes_new(&p), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    changes_add(
			p, &(struct changes_order){ .kind = CHANGES_REMOVE,
			       .what = "it",
			       .path = i ? "b" : "a" }),
		    0);
	return p;
}

static bool same_policy(const json_t *data, json_t *body)
{
	return json_equal(
	    json_object_get(data, "policy"), json_object_get(body, "policy"));
}

/* A namespace, a mount in it, one thing more in that, by its handle, and what
 * is read of it. */
static struct changes *a_place(void)
{
	const struct changes_order orders[] = {
		{ .kind = CHANGES_MAKE, .name_space = "", .path = "n" },
		{ .kind = CHANGES_MAKE,
		    .name_space = "ns",
		    .path = "m",
		    .body = json_pack("{ss}", "policy", "old"),
		    .fits = same_policy,
		    .within = 1 },
		{ .kind = CHANGES_MAKE,
		    .path = "m/make",
		    .look = "m/it",
		    .undo = "m/all",
		    .within = 2 },
		{ .kind = CHANGES_ADD,
		    .path = "h",
		    .undo = "h/no",
		    .handle = "policy" },
		{ .kind = CHANGES_READ, .path = "r" },
	};
	struct changes *p;

	assert_int_equal(changes_new(&p), 0);
	for (size_t i = 0; i < N_ELEMS(orders); i++) {
		struct changes_order order = orders[i];

		order.what = "it";
		if (!order.body && order.kind != CHANGES_READ)
			order.body = json_object();
		assert_int_equal(changes_add(p, &order), 0);
	}
	return p;
}

static struct changes *an_asking(void)
{
	struct changes *p;

	assert_int_equal(changes_new(&p), 0);
	assert_int_equal(
	    changes_add(p, &(struct changes_order){ .what = "first",
			       .path = "a",
			       .body = json_pack("{ss}", "policy", "new") }),
	    0);
	assert_int_equal(
	    changes_add(p, &(struct changes_order){ .kind = CHANGES_ASK,
			       .what = "answer",
			       .path = "s",
			       .body = json_pack("{ss}", "policy", "asked") }),
	    0);
	return p;
}

#define NO_MOUNT "400 {\"errors\":[\"No secret engine mount at m/\"]}"
#define NO_CA	 "400 {\"errors\":[\"no default issuer currently configured\"]}"
#define UPGRADING                                                              \
	"400 {\"errors\":[\"Upgrading from non-versioned to versioned data\"]}"
#define CHILDREN                                                               \
	"400 {\"errors\":[\"cannot delete namespace (\\\"n\\\") containing "   \
	"child namespaces\"]}"
#define HANDLE "200 {\"data\":{\"policy\":\"handle\"}}"

static const struct {
	const char *label;
	struct changes *(*made)(void);
	struct exchange exchange[14];
	const char *outcomes; /* a letter a step */
} rows[] = {
	{ "what is asked leaves nothing, answered or not", an_asking,
	    { { "GET /v1/a", NOTHING }, { "POST /v1/a policy new", DONE },
		{ "POST /v1/s policy asked", SILENCE },
		{ "DELETE /v1/a", DONE } },
	    "UR" },
	{ "and is there once it was answered", an_asking,
	    { { "GET /v1/a", NOTHING }, { "POST /v1/a policy new", DONE },
		{ "POST /v1/s policy asked", HANDLE } },
	    "DT" },
	{ "all is done", two_writes,
	    { { "GET /v1/a", NOTHING }, { "POST /v1/a policy new", DONE },
		{ "GET /v1/b", NOTHING }, { "POST /v1/b policy newer", DONE } },
	    "DD" },
	{ "what is there is replaced", two_writes,
	    { { "GET /v1/a", OLD }, { "POST /v1/a policy new", DONE },
		{ "GET /v1/b", OLD }, { "POST /v1/b policy newer", DONE } },
	    "DD" },
	{ "the first cannot be looked at", two_writes, { { "GET /v1/a", NO } },
	    "RW" },
	{ "what is not there has words: something else is missing", two_writes,
	    { { "GET /v1/a", "404 {\"errors\":[\"namespace not found\"]}" } },
	    "RW" },
	{ "the first is refused", two_writes,
	    { { "GET /v1/a", NOTHING }, { "POST /v1/a policy new", NO } },
	    "RW" },
	{ "the first is not answered: perhaps it was done", two_writes,
	    { { "GET /v1/a", NOTHING }, { "POST /v1/a policy new", SILENCE },
		{ "DELETE /v1/a", DONE } },
	    "UW" },
	{ "the store broke over the first", two_writes,
	    { { "GET /v1/a", NOTHING }, { "POST /v1/a policy new", "500 " },
		{ "DELETE /v1/a", SILENCE } },
	    "LW" },
	{ "the second is refused: the first was not there", two_writes,
	    { { "GET /v1/a", NOTHING }, { "POST /v1/a policy new", DONE },
		{ "GET /v1/b", NOTHING }, { "POST /v1/b policy newer", NO },
		{ "DELETE /v1/a", DONE } },
	    "UR" },
	{ "the second is refused: the first is as it was", two_writes,
	    { { "GET /v1/a", OLD }, { "POST /v1/a policy new", DONE },
		{ "GET /v1/b", NO }, { "POST /v1/a policy old", DONE } },
	    "UR" },
	{ "what it was cannot be told", two_writes,
	    { { "GET /v1/a", "200 {\"data\":{}}" },
		{ "POST /v1/a policy new", DONE }, { "GET /v1/b", NO } },
	    "LR" },
	{ "the second is not answered, and was there", two_writes,
	    { { "GET /v1/a", NOTHING }, { "POST /v1/a policy new", DONE },
		{ "GET /v1/b", OLD }, { "POST /v1/b policy newer", SILENCE },
		{ "DELETE /v1/a", DONE } },
	    "UL" },
	{ "undoing is refused", two_writes,
	    { { "GET /v1/a", NOTHING }, { "POST /v1/a policy new", DONE },
		{ "GET /v1/b", NOTHING },
		{ "POST /v1/b policy newer", SILENCE }, { "DELETE /v1/b", NO },
		{ "DELETE /v1/a", NO } },
	    "LL" },
	{ "removing", two_removals,
	    { { "DELETE /v1/a", DONE }, { "DELETE /v1/b", DONE } }, "DD" },
	{ "the first removal is refused", two_removals,
	    { { "DELETE /v1/a", NO } }, "RW" },
	{ "a removal is not undone", two_removals,
	    { { "DELETE /v1/a", DONE }, { "DELETE /v1/b", SILENCE } }, "DL" },
	{ "what is missing is made, whatever the words for that", a_place,
	    { { "GET @/v1/n", NOTHING }, { "POST @/v1/n", DONE },
		{ "GET @ns/v1/m", NO_MOUNT },
		{ "POST @ns/v1/m policy old", DONE }, { "GET /v1/m/it", NO_CA },
		{ "POST /v1/m/make", OLD }, { "POST /v1/h", HANDLE },
		{ "GET /v1/r", OLD } },
	    "DDDDT" },
	{ "what is there is not made again", a_place,
	    { { "GET @/v1/n", OLD }, { "GET @ns/v1/m", OLD },
		{ "GET /v1/m/it", OLD }, { "POST /v1/h", HANDLE },
		{ "GET /v1/r", OLD } },
	    "TTTDT" },
	{ "what is there is of another kind", a_place,
	    { { "GET @/v1/n", OLD }, { "GET @ns/v1/m", "200 {\"data\":{}}" } },
	    "TXWWW" },
	{ "with the place goes what is in it", a_place,
	    { { "GET @/v1/n", NOTHING }, { "POST @/v1/n", DONE },
		{ "GET @ns/v1/m", NO_MOUNT },
		{ "POST @ns/v1/m policy old", DONE }, { "GET /v1/m/it", NO_CA },
		{ "POST /v1/m/make", OLD }, { "POST /v1/h", HANDLE },
		{ "GET /v1/r", NOTHING },
		{ "POST /v1/h/no policy handle", DONE },
		{ "DELETE @/v1/n", DONE } },
	    "UUUUR" },
	{ "the place cannot be removed, so all in it is left", a_place,
	    { { "GET @/v1/n", NOTHING }, { "POST @/v1/n", DONE },
		{ "GET @ns/v1/m", NO_MOUNT },
		{ "POST @ns/v1/m policy old", SILENCE },
		{ "DELETE @/v1/n", NO } },
	    "LLWWW" },
	{ "the place was there: what is in it goes alone", a_place,
	    { { "GET @/v1/n", OLD }, { "GET @ns/v1/m", OLD },
		{ "GET /v1/m/it", NO_CA }, { "POST /v1/m/make", OLD },
		{ "POST /v1/h", NO }, { "DELETE /v1/m/all", DONE } },
	    "TTURW" },
	{ "what was added is not undone without its handle", a_place,
	    { { "GET @/v1/n", OLD }, { "GET @ns/v1/m", OLD },
		{ "GET /v1/m/it", OLD }, { "POST /v1/h", SILENCE } },
	    "TTTLW" },
	{ "a read without an answer has changed nothing", a_place,
	    { { "GET @/v1/n", OLD }, { "GET @ns/v1/m", OLD },
		{ "GET /v1/m/it", OLD }, { "POST /v1/h", HANDLE },
		{ "GET /v1/r", SILENCE },
		{ "POST /v1/h/no policy handle", DONE } },
	    "TTTUR" },
	{ "a namespace that is going is waited for", a_place,
	    { { "GET @/v1/n", "200 {\"data\":{\"tainted\":true}}" },
		{ "GET @/v1/n", NOTHING }, { "POST @/v1/n", DONE },
		{ "GET @ns/v1/m", NO }, { "DELETE @/v1/n", DONE } },
	    "URWWW" },
	{ "a store that is not ready is asked again", two_writes,
	    { { "GET /v1/a", UPGRADING }, { "GET /v1/a", NOTHING },
		{ "POST /v1/a policy new", UPGRADING },
		{ "POST /v1/a policy new", DONE }, { "GET /v1/b", NO },
		{ "DELETE /v1/a", CHILDREN }, { "DELETE /v1/a", DONE } },
	    "UR" },
};

/* "POST @namespace/v1/a policy new" */
static void write_call(char *to, size_t room, const struct changes *p)
{
	const struct vault_call *c = changes_call(p);
	const char *where = changes_where(p);
	JSON *body = c->body ? json_read_object(secret_bytes(c->body),
				   secret_size(c->body), 0)
			     : NULL;
	const char *text = json_string_value(json_object_get(body, "policy"));

	(void)snprintf(to, room, "%s %s%s%.100s%s%s", c->method,
	    where ? "@" : "", where ? where : "", c->target,
	    text ? " policy " : "", text ? text : "");
}

static void test_each_failure_leaves_what_is_said(void **state)
{
	static const char letters[CHANGES_OUTCOME_COUNT] = {
		[CHANGES_WAITS] = 'W',
		[CHANGES_DONE] = 'D',
		[CHANGES_THERE] = 'T',
		[CHANGES_UNDONE] = 'U',
		[CHANGES_LEFT] = 'L',
		[CHANGES_REFUSED] = 'R',
		[CHANGES_UNFIT] = 'X',
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const struct exchange *x = rows[i].exchange;
		struct changes *p = rows[i].made();
		size_t refused = 0;

		print_message("%s\n", rows[i].label);
		for (; x->call; x++) {
			const char *body = strchr(x->answer, ' ') + 1;
			char call[200];

			assert_non_null(changes_call(p));
			write_call(call, sizeof(call), p);
			assert_string_equal(call, x->call);
			int r =
			    changes_answer(p, (int)strtol(x->answer, NULL, 10),
				body, strlen(body));

			refused +=
			    r == CHANGES_E_REFUSED || r == CHANGES_E_UNFIT;
			assert_true((r == CHANGES_E_UNFIT) <=
				    !!strchr(rows[i].outcomes, 'X'));
		}
		assert_null(changes_call(p));
		assert_int_equal(
		    refused, strpbrk(rows[i].outcomes, "URLX") ? 1 : 0);
		for (size_t k = 0; k < changes_size(p); k++) {
			struct changes_step step;

			changes_step(&step, p, k);
			assert_int_equal(
			    letters[step.outcome], rows[i].outcomes[k]);
		}
		changes_free(p);
	}
}

static void test_a_store_that_is_never_ready_has_refused(void **state)
{
	const char *const body = strchr(UPGRADING, ' ') + 1;
	struct changes *p = two_writes();

	(void)state;
	for (int i = 0; i < CHANGES_WAITS_MOST; i++)
		assert_int_equal(changes_answer(p, 400, body, strlen(body)),
		    CHANGES_E_AGAIN);
	assert_int_equal(
	    changes_answer(p, 400, body, strlen(body)), CHANGES_E_REFUSED);
	assert_null(changes_call(p));
	changes_free(p);
}

/* To its end, each call answered with @answer. */
static void all_good(struct changes *p, const char *answer)
{
	while (changes_call(p))
		assert_int_equal(
		    changes_answer(p, 200, answer, strlen(answer)), 0);
}

static void test_what_was_answered_may_be_in_a_later_step(void **state)
{
	static const char answer[] = "{\"data\":{\"policy\":\"old\"}}";
	struct changes *p = a_place();
	struct changes_step step;

	(void)state;
	all_good(p, answer);
	assert_string_equal(
	    json_string_value(json_object_get(changes_data(p, 3), "policy")),
	    "old");
	assert_int_equal(
	    changes_add(p, &(struct changes_order){ .kind = CHANGES_ADD,
			       .what = "later",
			       .path = "l",
			       .body = json_object() }),
	    0);
	assert_string_equal(changes_call(p)->target, "/v1/l");
	all_good(p, answer);
	changes_fail(p);
	assert_string_equal(changes_call(p)->target, "/v1/h/no");
	assert_int_equal(changes_answer(p, 204, "", 0), 0);
	assert_null(changes_call(p));
	changes_step(&step, p, 5);
	assert_int_equal(step.outcome, CHANGES_LEFT);
	changes_step(&step, p, 3);
	assert_int_equal(step.outcome, CHANGES_UNDONE);
	changes_free(p);
}

static const struct {
	const char *label, *answer;
	int found; /* of the mount of a_place() */
} compared[] = {
	{ "as it should be", OLD, 0 },
	{ "not there", NO_MOUNT, CHANGES_E_MISSING },
	{ "not there, without words", NOTHING, CHANGES_E_MISSING },
	{ "otherwise", "200 {\"data\":{\"policy\":\"new\"}}", CHANGES_E_UNFIT },
	{ "not to be seen", NO, CHANGES_E_REFUSED },
	{ "no answer", SILENCE, CHANGES_E_REFUSED },
};

static void test_what_is_there_is_compared(void **state)
{
	struct changes *p = a_place();

	(void)state;
	for (size_t i = 0; i < N_ELEMS(compared); i++) {
		const char *body = strchr(compared[i].answer, ' ') + 1;

		print_message("%s\n", compared[i].label);
		assert_int_equal(changes_compare(p, 1,
				     (int)strtol(compared[i].answer, NULL, 10),
				     body, strlen(body)),
		    compared[i].found);
	}
	changes_free(p);
}

/* A write that knows what is good writes nothing where it finds that. */
static void test_what_is_good_already_is_not_written(void **state)
{
	static const char good[] = "{\"data\":{\"policy\":\"new\"}}";
	struct changes *p;
	struct changes_step step;

	(void)state;
	assert_int_equal(changes_new(&p), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    changes_add(p, &(struct changes_order){ .what = "it",
				       .path = "a",
				       .body = json_pack(
					   "{ss}", "policy", i ? "b" : "new"),
				       .fits = same_policy }),
		    0);
	assert_int_equal(changes_answer(p, 200, good, strlen(good)), 0);
	assert_string_equal(changes_call(p)->method, "GET");
	assert_int_equal(changes_answer(p, 200, good, strlen(good)), 0);
	assert_string_equal(changes_call(p)->method, "POST");
	changes_step(&step, p, 0);
	assert_int_equal(step.outcome, CHANGES_THERE);
	changes_free(p);
}

static void test_a_plan_has_an_end(void **state)
{
	struct changes_order order = { .kind = CHANGES_REMOVE, .what = "it" };
	struct changes *p;

	(void)state;
	assert_int_equal(changes_new(&p), 0);
	order.path = "a/../b";
	assert_int_equal(changes_add(p, &order), -EINVAL);
	order.path = "a";
	for (int i = 0; i < CHANGES_STEPS_MOST; i++)
		assert_int_equal(changes_add(p, &order), 0);
	assert_int_equal(changes_add(p, &order), -E2BIG);
	assert_int_equal(changes_size(p), CHANGES_STEPS_MOST);
	changes_free(p);
	changes_free(NULL);
}

static void test_rights(void **state)
{
	(void)state;
	assert_string_equal(changes_right("GET"), "read");
	assert_string_equal(changes_right("LIST"), "list");
	assert_string_equal(changes_right("DELETE"), "delete");
	assert_string_equal(changes_right("POST"), "create, update");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_failure_leaves_what_is_said),
		cmocka_unit_test(test_a_store_that_is_never_ready_has_refused),
		cmocka_unit_test(test_what_was_answered_may_be_in_a_later_step),
		cmocka_unit_test(test_what_is_there_is_compared),
		cmocka_unit_test(test_what_is_good_already_is_not_written),
		cmocka_unit_test(test_a_plan_has_an_end),
		cmocka_unit_test(test_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
