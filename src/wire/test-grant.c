#include "wire/grant.h"
#include "wire/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define NOTHING "{\"errors\":[]}"

static const struct {
	const char *label, *name_space, *account, *name; /* NULL: refused */
} names[] = {
	{ "plain", "team-a", "web", "team-a.web" },
	{ "an account with dots", "team-a", "web.v2", "team-a.web.v2" },
	{ "a namespace with a dot: whose would team.a.web be?", "team.a", "web",
	    NULL },
	{ "nothing", "", "web", NULL },
	{ "no account", "team-a", "", NULL },
	{ "a slash", "team-a", "a/b", NULL },
	{ "a wildcard", "team-a", "*", NULL },
	{ "upper case", "Team", "web", NULL },
	{ "a hyphen at the end", "team-", "web", NULL },
	{ "a dot at the end", "team", "web.", NULL },
	{ "two dots", "team", "a..b", NULL },
	{ "64 characters",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "web", NULL },
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		char name[GRANT_NAME_MOST + 1];
		struct fault fault = FAULT_NONE;
		int r = grant_name(
		    name, names[i].name_space, names[i].account, &fault);

		print_message("%s\n", names[i].label);
		assert_int_equal(r, names[i].name ? 0 : -EINVAL);
		if (names[i].name)
			assert_string_equal(name, names[i].name);
		else
			assert_non_null(strstr(fault.text, "--"));
	}
}

#define KV2                                                                    \
	{                                                                      \
		.path = "secret/", .type = "kv", .version = 2                  \
	}
#define KV1                                                                    \
	{                                                                      \
		.path = "old/", .type = "kv", .version = 1                     \
	}
#define DB                                                                     \
	{                                                                      \
		.path = "database/", .type = "database"                        \
	}
#define DEEP                                                                   \
	{                                                                      \
		.path = "team/a/kv/", .type = "kv", .version = 2               \
	}

static const struct {
	const char *label, *path;
	struct vault_mount mount;
	const char *read, *metadata; /* NULL: refused */
} paths[] = {
	{ "KV 2 without data/", "secret/t/db", KV2, "secret/data/t/db",
	    "secret/metadata/t/db" },
	{ "KV 2 with data/", "secret/data/t/db", KV2, "secret/data/t/db",
	    "secret/metadata/t/db" },
	{ "KV 2 with metadata/", "secret/metadata/t/db", KV2,
	    "secret/data/t/db", "secret/metadata/t/db" },
	{ "all below", "secret/t/*", KV2, "secret/data/t/*",
	    "secret/metadata/t/*" },
	{ "all of a mount", "secret/*", KV2, "secret/data/*",
	    "secret/metadata/*" },
	{ "all of a mount, with data/", "secret/data/*", KV2, "secret/data/*",
	    "secret/metadata/*" },
	{ "a mount of several segments", "team/a/kv/x", DEEP,
	    "team/a/kv/data/x", "team/a/kv/metadata/x" },
	{ "KV 1", "old/data/x", KV1, "old/data/x", "" },
	{ "a dynamic secret", "database/creds/ro", DB, "database/creds/ro",
	    "" },
	{ "of another mount", "other/x", KV2, NULL, NULL },
	{ "the mount itself", "secret/", KV2, NULL, NULL },
};

static void test_a_path_is_found_however_it_is_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(paths); i++) {
		struct grant_path out;
		int r =
		    grant_resolve(&out, paths[i].path, &paths[i].mount, NULL);

		print_message("%s\n", paths[i].label);
		assert_int_equal(r, paths[i].read ? 0 : -EINVAL);
		if (r)
			continue;
		assert_string_equal(out.read, paths[i].read);
		assert_string_equal(out.metadata, paths[i].metadata);
	}
}

static const struct {
	const char *label, *path;
	bool good;
} checks[] = {
	{ "a secret", "secret/team-a/db", true },
	{ "all below", "secret/team-a/*", true },
	{ "spaces", "secret/team a/db", true },
	{ "the beginning of a name", "secret/team*", false },
	{ "a wildcard within", "secret/*/db", false },
	{ "two", "secret/*/*", false },
	{ "everything", "*", false },
	{ "everything, rooted", "/*", false },
	{ "any segment", "secret/+/db", false },
	{ "a template", "secret/{{identity.entity.id}}", false },
	{ "a folder", "secret/team-a/", false },
	{ "a way up", "secret/../sys", false },
	{ "a slash at the beginning", "/secret/a", false },
	{ "nothing", "", false },
	{ "a control character", "secret/a\nb", false },
	{ "the store itself", "sys/policies/acl/x", false },
	{ "logins", "auth/jwt/role/*", false },
	{ "identities", "identity/entity", false },
	{ "a cubbyhole", "cubbyhole/x", false },
};

static void test_what_cannot_be_granted(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(checks); i++) {
		struct fault fault = FAULT_NONE;

		print_message("%s\n", checks[i].label);
		assert_int_equal(grant_check(checks[i].path, &fault),
		    checks[i].good ? 0 : -EINVAL);
		assert_true(checks[i].good || strstr(fault.text, "--path"));
	}
}

/* The body of the call that is next. */
static json_t *body_of(const struct changes *p)
{
	const struct vault_call *c = changes_call(p);

	return json_read_object(secret_bytes(c->body), secret_size(c->body), 0);
}

static const char expected_policy[] =
    "{\"path\":{\"secret/data/a\\\"b\":{\"capabilities\":[\"read\"]},"
    "\"secret/metadata/a\\\"b\":{\"capabilities\":[\"read\"]},"
    "\"database/creds/ro\":{\"capabilities\":[\"read\"]},"
    "\"auth/token/renew-self\":{\"capabilities\":[\"update\"]},"
    "\"auth/token/revoke-self\":{\"capabilities\":[\"update\"]},"
    "\"sys/leases/renew\":{\"capabilities\":[\"update\"]}}}";
static const char expected_role[] =
    "{\"role_type\":\"jwt\",\"bound_audiences\":[\"pharos:00\"],"
    "\"user_claim\":\"sub\",\"bound_subject\":"
    "\"system:serviceaccount:team-a:web\",\"token_policies\":"
    "[\"team-a.web\"],\"token_no_default_policy\":true,"
    "\"token_ttl\":60}";

static const struct grant_path two_paths[] = {
	{ "secret/data/a\"b", "secret/metadata/a\"b" },
	{ "database/creds/ro", "" },
};

/* What a grant of @granted writes. */
static void write_grant(
    json_t **policy, json_t **role, const struct grant_path *granted, size_t n)
{
	const struct grant_order order = { .name_space = "team-a",
		.account = "web",
		.mount = "jwt",
		.audience = "pharos:00",
		.paths = granted,
		.n_paths = n };
	struct changes *p;

	assert_int_equal(changes_new(&p), 0);
	assert_int_equal(grant_plan(p, &order), 0);
	assert_string_equal(
	    changes_call(p)->target, "/v1/sys/policies/acl/team-a.web");
	assert_int_equal(changes_answer(p, 404, NOTHING, strlen(NOTHING)), 0);
	*policy = body_of(p);
	assert_int_equal(changes_answer(p, 204, "", 0), 0);
	assert_int_equal(changes_answer(p, 404, NOTHING, strlen(NOTHING)), 0);
	assert_string_equal(
	    changes_call(p)->target, "/v1/auth/jwt/role/team-a.web");
	*role = body_of(p);
	changes_free(p);
}

static void test_role_and_policy(void **state)
{
	JSON *policy = NULL, *role = NULL;
	JSON *wanted = json_loads(expected_policy, 0, NULL);
	JSON *wanted_role = json_loads(expected_role, 0, NULL);

	(void)state;
	write_grant(&policy, &role, two_paths, N_ELEMS(two_paths));

	JSON *text = json_loads(
	    json_string_value(json_object_get(policy, "policy")), 0, NULL);

	assert_true(json_equal(text, wanted));
	assert_true(json_equal(role, wanted_role));
}

static void test_what_was_written_is_read_back(void **state)
{
	JSON *policy = NULL, *role = NULL;
	struct grant g;

	(void)state;
	write_grant(&policy, &role, two_paths, N_ELEMS(two_paths));

	JSON *role_read = json_pack("{sO}", "data", role);
	JSON *policy_read = json_pack("{sO}", "data", policy);

	assert_int_equal(
	    grant_read(&g, "team-a.web", role_read, policy_read), 0);
	assert_string_equal(g.name_space, "team-a");
	assert_string_equal(g.account, "web");
	assert_int_equal(json_array_size(g.paths), 2);
	grant_deinit(&g);
	grant_deinit(&g);
	assert_int_equal(grant_read(&g, "team-a.web", role_read, NULL), 0);
	assert_null(g.paths);
	assert_int_equal(
	    grant_read(&g, "team-a.other", role_read, NULL), -ENOENT);
	assert_int_equal(grant_read(&g, "team-a.web", NULL, NULL), -ENOENT);
}

/* A grant's second path is told by its place, not by how it is written: folders
 * may have any name. */
static void test_no_grant_hides_another(void **state)
{
	static const struct grant_path granted[] = {
		{ "m/data/a/data/b", "m/metadata/a/data/b" },
		{ "m/data/a/metadata/b", "m/metadata/a/metadata/b" },
		{ "x/metadata/data/c", "x/metadata/metadata/c" },
	};
	JSON *policy = NULL, *role = NULL;
	struct grant g;

	(void)state;
	write_grant(&policy, &role, granted, N_ELEMS(granted));

	JSON *role_read = json_pack("{sO}", "data", role);
	JSON *policy_read = json_pack("{sO}", "data", policy);

	assert_int_equal(
	    grant_read(&g, "team-a.web", role_read, policy_read), 0);
	assert_int_equal(json_array_size(g.paths), N_ELEMS(granted));
	for (size_t i = 0; i < N_ELEMS(granted); i++)
		assert_string_equal(
		    json_string_value(json_array_get(g.paths, i)),
		    granted[i].read);
	grant_deinit(&g);
}

static void test_a_policy_of_another_hand(void **state)
{
	JSON *role = json_pack("{s{ss}}", "data", "bound_subject",
	    "system:serviceaccount:team-a:web");
	JSON *policy = json_pack("{s{ss}}", "data", "policy",
	    "path \"secret/*\" { capabilities = [\"read\"] }");
	struct grant g;

	(void)state;
	assert_int_equal(grant_read(&g, "team-a.web", role, policy), 0);
	assert_null(g.paths);
}

static void test_removal(void **state)
{
	struct changes *p;

	(void)state;
	assert_int_equal(changes_new(&p), 0);
	assert_int_equal(grant_plan_removal(p, "jwt", "team-a.web", NULL), 0);
	assert_string_equal(changes_call(p)->method, "DELETE");
	assert_string_equal(
	    changes_call(p)->target, "/v1/auth/jwt/role/team-a.web");
	assert_int_equal(changes_answer(p, 204, "", 0), 0);
	assert_string_equal(
	    changes_call(p)->target, "/v1/sys/policies/acl/team-a.web");
	changes_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_a_path_is_found_however_it_is_written),
		cmocka_unit_test(test_what_cannot_be_granted),
		cmocka_unit_test(test_role_and_policy),
		cmocka_unit_test(test_what_was_written_is_read_back),
		cmocka_unit_test(test_no_grant_hides_another),
		cmocka_unit_test(test_a_policy_of_another_hand),
		cmocka_unit_test(test_removal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
