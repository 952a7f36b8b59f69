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

static const struct {
	const char *label;
	struct changes *(*made)(void);
	struct exchange exchange[9];
	const char *outcomes; /* a letter a step */
} rows[] = {
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
};

/* "POST /v1/a policy new" */
static void write_call(char *to, size_t room, const struct vault_call *c)
{
	JSON *body = c->body ? json_read_object(secret_bytes(c->body),
				   secret_size(c->body), 0)
			     : NULL;
	const char *text = json_string_value(json_object_get(body, "policy"));

	(void)snprintf(to, room, "%s %.100s%s%s", c->method, c->target,
	    text ? " policy " : "", text ? text : "");
}

static void test_each_failure_leaves_what_is_said(void **state)
{
	static const char letters[CHANGES_OUTCOME_COUNT] = { 'W', 'D', 'U', 'L',
		'R' };

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
			write_call(call, sizeof(call), changes_call(p));
			assert_string_equal(call, x->call);
			refused +=
			    changes_answer(p, (int)strtol(x->answer, NULL, 10),
				body, strlen(body)) == CHANGES_E_REFUSED;
		}
		assert_null(changes_call(p));
		assert_int_equal(
		    refused, strcmp(rows[i].outcomes, "DD") ? 1 : 0);
		for (size_t k = 0; k < changes_size(p); k++) {
			struct changes_step step;

			changes_step(&step, p, k);
			assert_int_equal(
			    letters[step.outcome], rows[i].outcomes[k]);
		}
		changes_free(p);
	}
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
		cmocka_unit_test(test_a_plan_has_an_end),
		cmocka_unit_test(test_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
