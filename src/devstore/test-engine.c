#include "devstore/test-stage.h"
#include "devstore/mounts.h"

static const struct step open_paths_steps[] = {
	{ NULL, "GET", "/v1/sys/health", NULL, 200,
	    "{\"initialized\":true,\"sealed\":false,\"standby\":false," },
	{ NULL, "HEAD", "/v1/sys/health", NULL, 200, "" },
	{ NULL, "GET", "/v1/sys/health?activecode=299&standbyok=true", NULL,
	    299, "\"server_time_utc\":1795247475" },
	{ NULL, "GET", "/v1/sys/health?activecode=zzz", NULL, 200, "" },
	{ NULL, "POST", "/v1/sys/health", NULL, 405, "unsupported operation" },
	{ NULL, "GET", "/v1/sys/seal-status", NULL, 200, "\"sealed\":false" },
	{ NULL, "GET", "/v1/sys/init", NULL, 200, "{\"initialized\":true}" },
	{ NULL, "GET", "/v1/sys/internal/ui/mounts", NULL, 200,
	    "\"data\":{\"auth\":{},\"secret\":{}}" },
	{ NULL, "GET", "/v1/sys/internal/ui/mounts/secret", NULL, 403,
	    NO_TOKEN },
};

static void test_open_paths(void **state)
{
	PLAY(open_paths_steps);
}

static const struct step gates_steps[] = {
	{ NULL, "GET", "/v1/secret/data/a", NULL, 403, NO_TOKEN },
	{ "wrong", "GET", "/v1/secret/data/a", NULL, 403, NO_TOKEN },
	{ "", "GET", "/v1/secret/data/a", NULL, 403, NO_TOKEN },
	{ "roo", "GET", "/v1/secret/data/a", NULL, 403, NO_TOKEN },
	{ NULL, "GET", "/v1/sys/mounts", NULL, 403, NO_TOKEN },
	{ NULL, "GET", "/v1/none/x", NULL, 403, NO_TOKEN },
	{ NULL, "POST", "/v1/auth/none/login", "{}", 403, NO_TOKEN },
	{ "root", "GET", "/v1/none/x", NULL, 404,
	    "{\"errors\":[\"no handler for route \\\"none/x\\\". route "
	    "entry not found.\"]}" },
	{ "root", "GET", "/v1/sys/raw", NULL, 404, "no handler" },
	{ "root", "BREW", "/v1/secret/data/a", NULL, 405, NOTHING },
	{ "root", "GET", "/v1/secret/../sys/mounts", NULL, 400, "segment" },
	{ "root", "GET", "/v1/secret//data/a", NULL, 400, "segment" },
	{ "root", "GET", "/v1/secret/data/%00", NULL, 400, "character" },
	{ "root", "GET", "/", NULL, 404, "/v1/" },
	{ "root", "POST", "/v1/secret/data/a", "junk", 400,
	    "{\"errors\":[\"error parsing JSON\"]}" },
	{ "root", "POST", "/v1/secret/data/a", "[1]", 400,
	    "error parsing JSON" },
	{ "root", "POST", "/v1/secret/data/a", "{\"a\":1,\"a\":2}", 400,
	    "error parsing JSON" },
	{ NULL, "POST", "/v1/secret/data/a", "junk", 403, NO_TOKEN },
};

static void test_gates(void **state)
{
	PLAY(gates_steps);
}

static const struct step policies_steps[] = {
	{ "root", "LIST", "/v1/sys/policies/acl", NULL, 200,
	    "\"data\":{\"keys\":[\"default\",\"root\"]}" },
	{ "root", "GET", "/v1/sys/policies/acl", NULL, 405,
	    "unsupported operation" },
	{ "root", "GET", "/v1/sys/policy", NULL, 200,
	    "\"keys\":[\"default\",\"root\"]" },
	{ "root", "GET", "/v1/sys/policies/acl/root", NULL, 200,
	    "\"data\":{\"cas_required\":false,\"name\":\"root\","
	    "\"policy\":\"\",\"version\":0}" },
	{ "root", "GET", "/v1/sys/policies/acl/p", NULL, 404, NOTHING },
	{ "root", "POST", "/v1/sys/policies/acl/p",
	    "{\"policy\":\"path \\\"a\\\" { capabilities = "
	    "[\\\"read\\\"] }\"}",
	    204, NULL },
	{ "root", "GET", "/v1/sys/policies/acl/p", NULL, 200,
	    "\"name\":\"p\",\"policy\":\"path \\\"a\\\" { capabilities "
	    "= [\\\"read\\\"] }\",\"version\":1" },
	{ "root", "GET", "/v1/sys/policy/p", NULL, 200, "\"rules\":\"path" },
	{ "root", "PUT", "/v1/sys/policies/acl/p",
	    "{\"policy\":\"path \\\"a\\\" { capabilities = "
	    "[\\\"fly\\\"] }\"}",
	    400,
	    "{\"errors\":[\"failed to parse policy: path \\\"a\\\": "
	    "invalid capability \\\"fly\\\"\"]}" },
	{ "root", "PUT", "/v1/sys/policies/acl/p", "{}", 400,
	    "'policy' parameter not supplied or empty" },
	{ "root", "PUT", "/v1/sys/policies/acl/root", "{\"policy\":\"#\"}", 400,
	    "cannot update" },
	{ "root", "DELETE", "/v1/sys/policies/acl/root", NULL, 400,
	    "{\"errors\":[\"cannot delete \\\"root\\\" policy\"]}" },
	{ "root", "DELETE", "/v1/sys/policies/acl/default", NULL, 400,
	    "{\"errors\":[\"cannot delete default policy\"]}" },
	{ "root", "PUT", "/v1/sys/policies/acl/Mixed", "{\"policy\":\"#\"}",
	    200, "\"warnings\":[\"policy name was converted to mixed\"]" },
	{ "root", "LIST", "/v1/sys/policies/acl", NULL, 200,
	    "[\"default\",\"mixed\",\"p\",\"root\"]" },
	{ "root", "DELETE", "/v1/sys/policies/acl/mixed", NULL, 204, NULL },
	{ "root", "DELETE", "/v1/sys/policies/acl/none", NULL, 204, NULL },
};

static void test_policies(void **state)
{
	PLAY(policies_steps);
}

static const struct step authorization_steps[] = {
	POLICY("r", "secret/data/t/*", "\\\"read\\\""),
	POLICY("c", "secret/data/t/*", "\\\"create\\\""),
	POLICY("u", "secret/data/t/*", "\\\"update\\\""),
	POLICY("l", "secret/metadata/t", "\\\"list\\\""),
	POLICY("a", "sys/auth/*", "\\\"update\\\""),
	POLICY("s", "sys/auth/*", "\\\"update\\\",\\\"sudo\\\""),
	{ "root", "POST", "/v1/auth/token/create", "{\"policies\":[\"r\"]}",
	    200, "", 1 },
	{ "root", "POST", "/v1/auth/token/create", "{\"policies\":[\"c\"]}",
	    200, "", 2 },
	{ "root", "POST", "/v1/auth/token/create", "{\"policies\":[\"u\"]}",
	    200, "", 3 },
	{ "root", "POST", "/v1/auth/token/create", "{\"policies\":[\"l\"]}",
	    200, "", 4 },
	{ "root", "POST", "/v1/auth/token/create", "{\"policies\":[\"a\"]}",
	    200, "", 5 },
	{ "root", "POST", "/v1/auth/token/create", "{\"policies\":[\"s\"]}",
	    200, "", 6 },
	{ "$3", "POST", "/v1/secret/data/t/a", "{\"data\":{}}", 403, DENIED },
	{ "$2", "POST", "/v1/secret/data/t/a", "{\"data\":{}}", 200, "" },
	{ "$2", "POST", "/v1/secret/data/t/a", "{\"data\":{}}", 403, DENIED },
	{ "$3", "POST", "/v1/secret/data/t/a", "{\"data\":{}}", 200,
	    "\"version\":2" },
	{ "$1", "GET", "/v1/secret/data/t/a", NULL, 200, "" },
	{ "$1", "GET", "/v1/secret/data/u", NULL, 403, DENIED },
	{ "$1", "GET", "/v1/secret/metadata/t/a", NULL, 403, DENIED },
	{ "$1", "DELETE", "/v1/secret/data/t/a", NULL, 403, DENIED },
	{ "$1", "LIST", "/v1/secret/metadata/t", NULL, 403, DENIED },
	{ "$4", "LIST", "/v1/secret/metadata/t", NULL, 200, "" },
	{ "$4", "GET", "/v1/secret/metadata/t?list=true", NULL, 200, "" },
	{ "$1", "GET", "/v1/sys/mounts", NULL, 403, DENIED },
	{ "$1", "GET", "/v1/none/x", NULL, 403, DENIED },
	{ "$1", "POST", "/v1/sys/policies/acl/r", "{}", 403, DENIED },
	{ "$5", "POST", "/v1/sys/auth/x", "{\"type\":\"jwt\"}", 403, DENIED },
	{ "$6", "POST", "/v1/sys/auth/x", "{\"type\":\"jwt\"}", 204, NULL },
	{ "root", "DELETE", "/v1/sys/policies/acl/r", NULL, 204, NULL },
	{ "$1", "GET", "/v1/secret/data/t/a", NULL, 403, DENIED },
};

static void test_authorization(void **state)
{
	PLAY(authorization_steps);
}

/* ---- limits ------------------------------------------------------------- */

static void test_limit_tokens(void **state)
{
	static const struct step full = { "root", "POST",
		"/v1/auth/token/create", "{\"policies\":[\"default\"]}", 500,
		"this development store is full: it holds no more tokens" };
	static const struct step make = { "root", "POST",
		"/v1/auth/token/create",
		"{\"policies\":[\"default\"],\"ttl\":60}", 200, "" };
	struct step again = make;
	struct stage s;

	(void)state;
	stage_open(&s, false);
	for (size_t i = 1; i < TOKEN_MOST; i++)
		step_run(&s, &make);
	step_run(&s, &full);
	again.later_s = 60;
	step_run(&s, &again);
	stage_close(&s);
}

static void test_limit_secrets(void **state)
{
	struct step make = { "root", "POST", NULL, "{\"data\":{}}", 200, "" };
	struct stage s;
	char target[64];

	(void)state;
	stage_open(&s, false);
	make.target = target;
	for (size_t i = 0; i <= KV_SECRETS_MOST; i++) {
		snprintf(target, sizeof(target), "/v1/secret/data/%zu", i);
		if (i == KV_SECRETS_MOST) {
			make.status = 500;
			make.want = "it holds no more secrets";
		}
		step_run(&s, &make);
	}
	stage_close(&s);
}

static void test_limit_versions(void **state)
{
	static const struct step make = { "root", "POST", "/v1/secret/data/a",
		"{\"data\":{}}", 200, "" };
	static const struct step after[] = {
		{ "root", "GET", "/v1/secret/data/a?version=2", NULL, 404,
		    NOTHING },
		{ "root", "GET", "/v1/secret/data/a?version=3", NULL, 200, "" },
		{ "root", "GET", "/v1/secret/data/a", NULL, 200,
		    "\"version\":12" },
	};
	struct stage s;

	(void)state;
	stage_open(&s, false);
	for (size_t i = 0; i < KV_VERSIONS_USUAL + 2; i++)
		step_run(&s, &make);
	play(&s, after, N_ELEMS(after));
	stage_close(&s);
}

static void test_limit_sizes(void **state)
{
	char *body = malloc(ENGINE_BODY_MOST + 2);
	struct step put = { "root", "POST", "/v1/secret/data/a", body, 413,
		"error parsing JSON" };
	struct stage s;

	(void)state;
	stage_open(&s, false);
	memset(body, ' ', ENGINE_BODY_MOST + 1);
	body[ENGINE_BODY_MOST + 1] = '\0';
	step_run(&s, &put);
	snprintf(body, ENGINE_BODY_MOST, "{\"data\":{\"a\":\"%0*d\"}}",
	    KV_VALUE_MOST, 0);
	put.want = "larger than the 262144 bytes";
	step_run(&s, &put);
	free(body);
	stage_close(&s);
}

static void test_limit_mounts(void **state)
{
	struct step make = { "root", "POST", NULL, "{\"type\":\"kv-v2\"}", 204,
		NULL };
	struct stage s;
	char target[64];

	(void)state;
	stage_open(&s, false);
	make.target = target;
	for (size_t i = 3; i <= MOUNTS_MOST; i++) {
		snprintf(target, sizeof(target), "/v1/sys/mounts/m%zu", i);
		if (i == MOUNTS_MOST) {
			make.status = 500;
			make.want = "it holds no more mounts";
		}
		step_run(&s, &make);
	}
	stage_close(&s);
}

static void test_limit_policies(void **state)
{
	struct step make = { "root", "PUT", NULL, "{\"policy\":\"#\"}", 204,
		NULL };
	struct stage s;
	char target[64];

	(void)state;
	stage_open(&s, false);
	make.target = target;
	for (size_t i = 1; i <= POLICIES_MOST; i++) {
		snprintf(
		    target, sizeof(target), "/v1/sys/policies/acl/p%zu", i);
		if (i == POLICIES_MOST) {
			make.status = 500;
			make.want = "it holds no more policies";
		}
		step_run(&s, &make);
	}
	stage_close(&s);
}

static void test_metrics(void **state)
{
	struct metric_registry registry = { .first = NULL };
	static const struct step steps[] = {
		{ NULL, "GET", "/v1/sys/health", NULL, 200, "" },
		{ NULL, "GET", "/v1/sys/mounts", NULL, 403, "" },
	};
	struct stage s;
	char *text;
	size_t n;

	(void)state;
	stage_open(&s, false);
	play(&s, steps, N_ELEMS(steps));
	metric_add(&registry, engine_metrics(s.engine));
	assert_int_equal(metric_print(&registry, &text, &n), 0);
	assert_non_null(
	    strstr(text, "pharos_devstore_requests_total{class=\"4xx\"} 1\n"));
	assert_non_null(strstr(text, "pharos_devstore_tokens 1\n"));
	free(text);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_paths),
		cmocka_unit_test(test_gates),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_authorization),
		cmocka_unit_test(test_limit_tokens),
		cmocka_unit_test(test_limit_secrets),
		cmocka_unit_test(test_limit_versions),
		cmocka_unit_test(test_limit_sizes),
		cmocka_unit_test(test_limit_mounts),
		cmocka_unit_test(test_limit_policies),
		cmocka_unit_test(test_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
