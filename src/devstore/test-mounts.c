#include "devstore/test-stage.h"

static const struct step mounts_steps[] = {
	{ "root", "GET", "/v1/sys/mounts", NULL, 200, "\"secret/\":{" },
	{ "root", "POST", "/v1/sys/mounts/kv/team",
	    "{\"type\":\"kv\",\"options\":{\"version\":\"2\"},"
	    "\"config\":{},\"local\":false}",
	    204, NULL },
	{ "root", "POST", "/v1/sys/mounts/kv/team", "{\"type\":\"kv-v2\"}", 400,
	    "{\"errors\":[\"path is already in use at kv/team/\"]}" },
	{ "root", "POST", "/v1/sys/mounts/kv", "{\"type\":\"kv-v2\"}", 400,
	    "already in use" },
	{ "root", "POST", "/v1/sys/mounts/kv/team/x", "{\"type\":\"kv-v2\"}",
	    400, "already in use" },
	{ "root", "POST", "/v1/sys/mounts/kv/other", "{\"type\":\"kv-v2\"}",
	    204, NULL },
	{ "root", "POST", "/v1/sys/mounts/x", "{\"type\":\"transit\"}", 400,
	    "{\"errors\":[\"plugin not found in the catalog: transit\"]}" },
	{ "root", "POST", "/v1/sys/mounts/x", "{}", 400,
	    "backend type must be specified as a string" },
	{ "root", "POST", "/v1/sys/mounts/x", "{\"type\":\"kv\"}", 400,
	    "version 2" },
	{ "root", "POST", "/v1/sys/mounts/x",
	    "{\"type\":\"kv-v2\",\"config\":{\"max_lease_ttl\":\"1h\"}}", 400,
	    "\\\"config\\\"" },
	{ "root", "POST", "/v1/sys/mounts/sys", "{\"type\":\"kv-v2\"}", 400,
	    "{\"errors\":[\"cannot mount \\\"sys/\\\"\"]}" },
	{ "root", "POST", "/v1/kv/team/data/a", "{\"data\":{\"k\":1}}", 200,
	    "\"version\":1" },
	{ "root", "GET", "/v1/kv/team/data/a", NULL, 200, "\"k\":1" },
	{ "root", "GET", "/v1/kv/other/data/a", NULL, 404, NOTHING },
	{ "root", "GET", "/v1/kv/data/a", NULL, 404, "no handler" },
	{ "root", "GET", "/v1/sys/mounts/kv/team", NULL, 200,
	    "\"options\":{\"version\":\"2\"}" },
	{ "root", "GET", "/v1/sys/mounts/none", NULL, 400,
	    "{\"errors\":[\"No secret engine mount at none/\"]}" },
	{ "root", "GET", "/v1/sys/internal/ui/mounts/kv/team/a", NULL, 200,
	    "\"path\":\"kv/team/\"" },
	{ "root", "GET", "/v1/sys/internal/ui/mounts/none", NULL, 403,
	    "{\"errors\":[\"preflight capability check returned 403, "
	    "please ensure client's policies grant access to path "
	    "\\\"none/\\\"\"]}" },
	POLICY("p", "kv/team/data/*", "\\\"read\\\""),
	{ "root", "POST", "/v1/auth/token/create", "{\"policies\":[\"p\"]}",
	    200, "", 1 },
	{ "$1", "GET", "/v1/sys/internal/ui/mounts/kv/team/a", NULL, 200,
	    "\"type\":\"kv\"" },
	{ "$1", "GET", "/v1/sys/internal/ui/mounts/kv/other/a", NULL, 403,
	    "preflight" },
	{ "$1", "GET", "/v1/sys/internal/ui/mounts", NULL, 200,
	    "\"secret\":{\"kv/team/\":{" },
	{ "root", "DELETE", "/v1/sys/mounts/kv/team", NULL, 204, NULL },
	{ "root", "DELETE", "/v1/sys/mounts/kv/team", NULL, 204, NULL },
	{ "root", "GET", "/v1/kv/team/data/a", NULL, 404, "no handler" },
	{ "root", "DELETE", "/v1/sys/mounts/sys", NULL, 400, "cannot" },
	{ "root", "PUT", "/v1/sys/leases/renew", "{\"lease_id\":\"x\"}", 400,
	    "{\"errors\":[\"lease not found\"]}" },
};

static void test_mounts(void **state)
{
	PLAY(mounts_steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
