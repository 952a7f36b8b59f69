#include "devstore/test-stage.h"
#include <signal.h>
#include <sys/resource.h>

static void let_files_grow(bool grow)
{
	static struct rlimit was;
	struct rlimit none;

	if (!was.rlim_max)
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){ .rlim_cur = 1, .rlim_max = was.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, grow ? &was : &none), 0);
}

static const struct step before_steps[] = {
	POLICY("p", "secret/*", "\\\"read\\\""),
	{ "root", "POST", "/v1/secret/data/a", "{\"data\":{\"k\":1}}", 200,
	    "" },
	{ "root", "POST", "/v1/auth/token/create",
	    "{\"policies\":[\"p\"],\"num_uses\":3}", 200, "", 1 },
	{ "root", "POST", "/v1/sys/auth/approle", "{\"type\":\"approle\"}", 204,
	    NULL },
};

#define NOT_KEPT 500, "nothing was done: "

/* Each changes something; the last by being asked. */
static const struct step refused_steps[] = {
	{ "root", "POST", "/v1/secret/data/a", "{\"data\":{\"k\":2}}",
	    NOT_KEPT },
	{ "root", "DELETE", "/v1/secret/metadata/a", NULL, NOT_KEPT },
	{ "root", "POST", "/v1/sys/namespaces/n", "{}", NOT_KEPT },
	{ "root", "POST", "/v1/sys/mounts/p", "{\"type\":\"pki\"}", NOT_KEPT },
	{ "root", "DELETE", "/v1/sys/mounts/secret", NULL, NOT_KEPT },
	{ "root", "POST", "/v1/auth/approle/role/r", "{}", NOT_KEPT },
	{ "root", "POST", "/v1/auth/token/create", "{}", NOT_KEPT },
	{ "root", "DELETE", "/v1/sys/policies/acl/p", NULL, NOT_KEPT },
	{ "root", "GET", "/v1/secret/data/a", NULL, NOT_KEPT, .wrap = "60" },
	{ "$1", "GET", "/v1/secret/data/a", NULL, NOT_KEPT },
};

/* All is as before, and what only looks is answered. */
static const struct step as_before_steps[] = {
	{ "root", "GET", "/v1/secret/data/a", NULL, 200, "\"k\":1" },
	{ "root", "GET", "/v1/sys/namespaces/n", NULL, 404, NOTHING },
	{ "root", "GET", "/v1/sys/mounts/p", NULL, 400, "No secret engine" },
	{ "root", "LIST", "/v1/auth/approle/role", NULL, 404, NOTHING },
	{ "root", "GET", "/v1/sys/policies/acl/p", NULL, 200, "read" },
	{ "root", "POST", "/v1/auth/token/lookup", "{\"token\":\"$1\"}", 200,
	    "\"num_uses\":3" },
};

static void test_what_cannot_be_kept_is_not_done(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, true);
	play(&s, before_steps, N_ELEMS(before_steps));
	let_files_grow(false);
	for (size_t i = 0; i < N_ELEMS(refused_steps); i++) {
		step_run(&s, &refused_steps[i]);
		for (size_t j = 0; j < N_ELEMS(as_before_steps); j++)
			step_run(&s, &as_before_steps[j]);
	}
	let_files_grow(true);
	for (size_t j = 0; j < N_ELEMS(as_before_steps); j++)
		step_run(&s, &as_before_steps[j]);
	play(&s, as_before_steps, N_ELEMS(as_before_steps));
	stage_close(&s);
}

/* Rows that no store has written. */
static const struct row {
	const char *label;
	enum keep_kind kind;
	const char *owner, *name, *value;
} bad_rows[] = {
	{ "a second root", KEEP_SPACE, "", "", "{}" },
	{ "a namespace without its parent", KEEP_SPACE, "", "a/b/",
	    "{\"id\":\"abcdef\",\"uuid\":\"u\",\"custom\":{}}" },
	{ "a namespace too deep", KEEP_SPACE, "", "a/",
	    "{\"id\":\"abcdefg\",\"uuid\":\"u\",\"custom\":{}}" },
	{ "a mount of no namespace", KEEP_MOUNT, "nobody", "m", "{}" },
	{ "a policy of no namespace", KEEP_POLICY, "nobody", "p", "{}" },
	{ "a secret of no mount", KEEP_KV_SECRET, "nobody", "s", "{}" },
	{ "a token of no namespace", KEEP_TOKEN, "", "t", "{}" },
	{ "a wrapped answer without one", KEEP_WRAP, "", "w", "{}" },
	{ "a CA of no mount", KEEP_PKI_CA, "nobody", "", "{}" },
};

static void test_rows_that_cannot_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad_rows); i++) {
		const struct row *row = &bad_rows[i];
		struct keep_at at = { .owner = "" };
		struct fault fault = FAULT_NONE;
		struct engine *engine;
		struct secret *root;
		struct stage s;

		stage_open(&s, true);
		at.keep = s.keep;
		strcpy(at.owner, row->owner);
		keep_put(
		    &at, row->kind, row->name, json_loads(row->value, 0, NULL));
		assert_int_equal(keep_commit(s.keep, NULL), 0);
		assert_int_equal(secret_from(&root, "root", 4), 0);
		if (engine_new(&engine,
			&(struct engine_options){ .root_token = root,
			    .random = random_bytes,
			    .now_ms = START_MS,
			    .keep = s.keep },
			&fault) != -EINVAL ||
		    !strstr(fault.text, "damaged"))
			fail_msg("%s: %s", row->label, fault.text);
		secret_free(root);
		stage_close(&s);
	}
}

/* Nor is it read: then nothing is answered until it is. */
static void test_a_file_that_cannot_be_read_again(void **state)
{
	static const struct step refused = { "root", "POST",
		"/v1/secret/data/a", "{\"data\":{}}", NOT_KEPT };
	static const struct step lost = { "root", "GET", "/v1/sys/mounts", NULL,
		503, "cannot be read again" };
	static const struct step found = { "root", "GET", "/v1/sys/mounts",
		NULL, 200, "secret/" };
	struct keep_at at = { .owner = "" };
	struct stage s;

	(void)state;
	stage_open(&s, true);
	at.keep = s.keep;
	keep_put(&at, KEEP_WRAP, "w", json_object());
	assert_int_equal(keep_commit(s.keep, NULL), 0);
	let_files_grow(false);
	step_run(&s, &refused);
	step_run(&s, &lost);
	let_files_grow(true);
	step_run(&s, &lost);
	keep_remove(&at, KEEP_WRAP, "w");
	assert_int_equal(keep_commit(s.keep, NULL), 0);
	step_run(&s, &found);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_be_kept_is_not_done),
		cmocka_unit_test(test_rows_that_cannot_be),
		cmocka_unit_test(test_a_file_that_cannot_be_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
