#include "devstore/test-stage.h"

static const struct step tokens_steps[] = {
	POLICY("p", "secret/*", "\\\"read\\\""),
	{ "root", "GET", "/v1/auth/token/lookup-self", NULL, 200,
	    "\"creation_ttl\":0,\"display_name\":\"root\",\"entity_id\":"
	    "\"\",\"expire_time\":null,\"explicit_max_ttl\":0,\"id\":"
	    "\"root\",\"issue_time\":\"2026-11-21T07:51:15.000Z\","
	    "\"meta\":null,\"num_uses\":0,\"orphan\":true,\"path\":"
	    "\"auth/token/root\",\"policies\":[\"root\"],\"renewable\":"
	    "false,\"ttl\":0,\"type\":\"service\"" },
	{ "root", "POST", "/v1/auth/token/create",
	    "{\"policies\":[\"p\"],\"ttl\":\"1h\",\"meta\":{\"a\":"
	    "\"b\"},\"display_name\":\"x\"}",
	    200,
	    "\"policies\":[\"default\",\"p\"],\"token_policies\":["
	    "\"default\",\"p\"],\"metadata\":{\"a\":\"b\"},"
	    "\"lease_duration\":3600,\"renewable\":true,\"entity_id\":"
	    "\"\",\"token_type\":\"service\",\"orphan\":false,"
	    "\"mfa_requirement\":null,\"num_uses\":0",
	    1 },
	{ "$1", "GET", "/v1/auth/token/lookup-self", NULL, 200,
	    "\"display_name\":\"token-x\"" },
	{ "$1", "GET", "/v1/auth/token/lookup-self", NULL, 200,
	    "\"expire_time\":\"2026-11-21T08:51:15.000Z\"" },
	{ "$1", "GET", "/v1/auth/token/lookup-self", NULL, 200,
	    "\"renewable\":true,\"ttl\":3590", .later_s = 10 },
	{ "$1", "POST", "/v1/auth/token/renew-self", "{\"increment\":\"10m\"}",
	    200, "\"lease_duration\":600" },
	{ "$1", "POST", "/v1/auth/token/renew-self", NULL, 200,
	    "\"lease_duration\":600" },
	{ "$1", "GET", "/v1/auth/token/lookup-self", NULL, 200,
	    "\"last_renewal\":\"2026-11-21T07:51:25.000Z\"" },
	{ "$1", "POST", "/v1/auth/token/renew-self", "{\"increment\":\"x\"}",
	    400, "time: invalid duration" },
	{ "root", "POST", "/v1/auth/token/renew-self", NULL, 400,
	    "{\"errors\":[\"lease is not renewable\"]}" },
	{ "$1", "POST", "/v1/auth/token/create", "{\"policies\":[\"root\"]}",
	    403, DENIED },
	{ "root", "POST", "/v1/auth/token/lookup", "{\"token\":\"$1\"}", 200,
	    "\"id\":\"$1\"" },
	{ "root", "POST", "/v1/auth/token/lookup", "{\"token\":\"none\"}", 403,
	    "{\"errors\":[\"bad token\"]}" },
	{ "root", "GET", "/v1/auth/token/lookup", NULL, 200,
	    "\"id\":\"root\"" },
	{ "$1", "GET", "/v1/secret/data/x", NULL, 404, NOTHING,
	    .later_s = 599 },
	{ "$1", "GET", "/v1/secret/data/x", NULL, 403, NO_TOKEN, .later_s = 1 },
	{ "root", "GET", "/v1/auth/token/none", NULL, 404, "unsupported path" },
	{ "root", "GET", "/v1/auth/token/create", NULL, 405,
	    "unsupported operation" },
};

static void test_tokens(void **state)
{
	PLAY(tokens_steps);
}

static const struct step tokens_made_steps[] = {
	{ "root", "POST", "/v1/auth/token/create", NULL, 200,
	    "\"policies\":[\"root\"],\"token_policies\":[\"root\"],"
	    "\"metadata\":null,\"lease_duration\":0,\"renewable\":"
	    "false",
	    1 },
	{ "$1", "GET", "/v1/sys/mounts", NULL, 200, "" },
	{ "root", "POST", "/v1/auth/token/create",
	    "{\"policies\":\"none\",\"no_default_policy\":true}", 200,
	    "\"warnings\":[\"Policy \\\"none\\\" does not exist\"]", 2 },
	{ "$2", "GET", "/v1/auth/token/lookup-self", NULL, 403, DENIED },
	{ "root", "POST", "/v1/auth/token/create",
	    "{\"id\":\"mine\",\"policies\":[\"default\"]}", 200,
	    "\"client_token\":\"mine\"" },
	{ "root", "POST", "/v1/auth/token/create",
	    "{\"id\":\"mine\",\"policies\":[\"default\"]}", 400, "duplicate" },
	{ "root", "POST", "/v1/auth/token/create", "{\"id\":\"s.mine\"}", 400,
	    "custom token ID cannot have the 's.' prefix" },
	{ "root", "POST", "/v1/auth/token/create",
	    "{\"policies\":[\"default\"],\"num_uses\":2}", 200,
	    "\"num_uses\":2", 3 },
	{ "$3", "GET", "/v1/auth/token/lookup-self", NULL, 200,
	    "\"num_uses\":1" },
	{ "$3", "GET", "/v1/auth/token/lookup-self", NULL, 200, "" },
	{ "$3", "GET", "/v1/auth/token/lookup-self", NULL, 403, NO_TOKEN },
	{ "root", "POST", "/v1/auth/token/create",
	    "{\"policies\":[\"default\"],\"type\":\"batch\"}", 200,
	    "\"client_token\":\"b.", 4 },
	{ "$4", "POST", "/v1/auth/token/renew-self", NULL, 400,
	    "not renewable" },
	{ "$4", "POST", "/v1/auth/token/revoke-self", NULL, 400,
	    "batch tokens cannot be revoked" },
	{ "root", "POST", "/v1/auth/token/create",
	    "{\"policies\":[\"default\"],\"explicit_max_ttl\":\"1m\"}", 200,
	    "\"lease_duration\":60", 5 },
	{ "$5", "POST", "/v1/auth/token/renew-self", "{\"increment\":\"1h\"}",
	    200, "\"lease_duration\":20", .later_s = 40 },
	{ "root", "POST", "/v1/auth/token/create",
	    "{\"policies\":[\"default\"],\"period\":\"10s\"}", 200,
	    "\"lease_duration\":10", 6 },
	{ "$6", "POST", "/v1/auth/token/renew-self", "{\"increment\":\"1h\"}",
	    200, "\"lease_duration\":10", .later_s = 9 },
	{ "$6", "GET", "/v1/auth/token/lookup-self", NULL, 200, "\"period\":10",
	    .later_s = 9 },
	{ "$6", "GET", "/v1/auth/token/lookup-self", NULL, 403, NO_TOKEN,
	    .later_s = 1 },
	{ "root", "POST", "/v1/auth/token/create", "{\"entity_alias\":\"x\"}",
	    400, "does not know the parameter \\\"entity_alias\\\"" },
	{ "root", "POST", "/v1/auth/token/create", "{\"ttl\":\"x\"}", 400,
	    "time: invalid duration" },
	{ "root", "POST", "/v1/auth/token/create", "{\"num_uses\":-1}", 400,
	    "number of uses cannot be negative" },
};

static void test_tokens_made(void **state)
{
	PLAY(tokens_made_steps);
}

static const struct step token_families_steps[] = {
	POLICY("m", "auth/token/*", "\\\"update\\\",\\\"read\\\""),
	{ "root", "POST", "/v1/auth/token/create", "{\"policies\":[\"m\"]}",
	    200, "\"orphan\":false", 1 },
	{ "$1", "POST", "/v1/auth/token/create", "{}", 200,
	    "\"policies\":[\"default\",\"m\"]", 2 },
	{ "$2", "POST", "/v1/auth/token/create", "{\"policies\":[\"default\"]}",
	    200, "", 3 },
	{ "$1", "POST", "/v1/auth/token/create-orphan",
	    "{\"policies\":[\"default\"]}", 200, "\"orphan\":true", 4 },
	{ "$1", "POST", "/v1/auth/token/create", "{\"policies\":[\"root\"]}",
	    400,
	    "{\"errors\":[\"child policies must be subset of "
	    "parent\"]}" },
	{ "$1", "POST", "/v1/auth/token/create", "{\"period\":\"1h\"}", 400,
	    "root or sudo" },
	{ "$1", "POST", "/v1/auth/token/create", "{\"id\":\"x\"}", 400,
	    "root or sudo" },
	{ "$1", "POST", "/v1/auth/token/create", "{\"no_parent\":true}", 400,
	    "root or sudo" },
	{ "$3", "GET", "/v1/auth/token/lookup-self", NULL, 200, "" },
	{ "$2", "POST", "/v1/auth/token/revoke", "{\"token\":\"$1\"}", 204,
	    NULL },
	{ "$1", "GET", "/v1/auth/token/lookup-self", NULL, 403, NO_TOKEN },
	{ "$2", "GET", "/v1/auth/token/lookup-self", NULL, 403, NO_TOKEN },
	{ "$3", "GET", "/v1/auth/token/lookup-self", NULL, 403, NO_TOKEN },
	{ "$4", "GET", "/v1/auth/token/lookup-self", NULL, 200, "" },
	{ "$4", "POST", "/v1/auth/token/revoke-self", NULL, 204, NULL },
	{ "$4", "GET", "/v1/auth/token/lookup-self", NULL, 403, NO_TOKEN },
	{ "root", "POST", "/v1/auth/token/revoke", "{\"token\":\"none\"}", 204,
	    NULL },
};

static void test_token_families(void **state)
{
	PLAY(token_families_steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_tokens_made),
		cmocka_unit_test(test_token_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
