#include "devstore/test-stage.h"
#include "devstore/approle.h"
#include "devstore/secretid.h"

#define ROLE "/v1/auth/ar/role/b"
#define MOUNT                                                                  \
	{ "root", "POST", "/v1/sys/auth/ar", "{\"type\":\"approle\"}", 204,    \
		NULL },                                                        \
	{                                                                      \
		"root", "POST", ROLE,                                          \
		    "{\"token_policies\":\"p\",\"token_ttl\":\"1h\","          \
		    "\"secret_id_ttl\":\"10m\",\"secret_id_num_uses\":2,"      \
		    "\"role_id\":\"me\"}",                                     \
		    204, NULL                                                  \
	}
#define LOGIN "/v1/auth/ar/login"
#define WRONG "{\"errors\":[\"invalid role or secret ID\"]}"

static const struct step roles_steps[] = {
	{ "root", "POST", "/v1/sys/mounts/ar", "{\"type\":\"approle\"}", 400,
	    "not found in the catalog" },
	MOUNT,
	{ "root", "GET", ROLE, NULL, 200, "\"bind_secret_id\":true" },
	{ "root", "GET", ROLE, NULL, 200, "\"token_ttl\":3600" },
	{ "root", "GET", ROLE "/role-id", NULL, 200, "\"role_id\":\"me\"" },
	{ "root", "POST", ROLE, "{\"token_num_uses\":3}", 204, NULL },
	{ "root", "GET", ROLE, NULL, 200, "\"secret_id_ttl\":600" },
	{ "root", "POST", ROLE, "{\"bind_secret_id\":false}", 500,
	    "at least one constraint" },
	{ "root", "POST", ROLE, "{\"secret_id_bound_cidrs\":\"10.0.0.0/8\"}",
	    400, "secret_id_bound_cidrs" },
	{ "root", "POST", ROLE, "{\"token_max_ttl\":\"1m\"}", 400,
	    "cannot be greater" },
	{ "root", "POST", ROLE, "{\"token_type\":\"batch\"}", 400,
	    "limited use count" },
	{ "root", "POST", "/v1/auth/ar/role/C", "{}", 204, NULL },
	{ "root", "LIST", "/v1/auth/ar/role", NULL, 200, "[\"b\",\"c\"]" },
	{ "root", "POST", "/v1/auth/ar/role/c/role-id", "{\"role_id\":\"me\"}",
	    500, "role_id already in use" },
	{ "root", "POST", "/v1/auth/ar/role/d", "{\"role_id\":\"me\"}", 500,
	    "role_id already in use" },
	{ "root", "POST", "/v1/auth/ar/role/c/role-id", "{}", 400,
	    "missing role_id" },
	{ "root", "GET", "/v1/auth/ar/role/none/role-id", NULL, 404, NOTHING },
	{ "root", "GET", ROLE "/bound-cidr-list", NULL, 404,
	    "unsupported path" },
	{ "root", "DELETE", "/v1/auth/ar/role/c", NULL, 204, NULL },
	{ "root", "GET", "/v1/auth/ar/role/c", NULL, 404, NOTHING },
};

static void test_roles(void **state)
{
	PLAY(roles_steps);
}

static const struct step login_steps[] = {
	MOUNT,
	POLICY("p", "secret/*", "\\\"read\\\""),
	{ NULL, "POST", LOGIN, "{}", 500, "missing role_id" },
	{ NULL, "POST", LOGIN, "{\"role_id\":\"me\"}", 400,
	    "missing secret_id" },
	{ NULL, "POST", LOGIN, "{\"role_id\":\"x\",\"secret_id\":\"y\"}", 400,
	    WRONG },
	{ NULL, "POST", LOGIN, "{\"role_id\":\"me\",\"secret_id\":\"y\"}", 400,
	    WRONG },
	{ "root", "POST", ROLE "/secret-id",
	    "{\"metadata\":\"{\\\"host\\\":\\\"h\\\"}\"}", 200,
	    "\"secret_id_num_uses\":2,\"secret_id_ttl\":600", 1 },
	{ NULL, "POST", LOGIN, "{\"role_id\":\"me\",\"secret_id\":\"$1\"}", 200,
	    "\"metadata\":{\"host\":\"h\",\"role_name\":\"b\"}", 2 },
	{ "$2", "GET", "/v1/secret/data/x", NULL, 404, NOTHING },
	{ "$2", "GET", "/v1/auth/token/lookup-self", NULL, 200,
	    "\"display_name\":\"ar\"" },
	{ "root", "POST", ROLE "/secret-id/lookup", "{\"secret_id\":\"$1\"}",
	    200, "\"secret_id_num_uses\":1" },
	{ NULL, "POST", LOGIN, "{\"role_id\":\"me\",\"secret_id\":\"$1\"}", 200,
	    "" },
	{ NULL, "POST", LOGIN, "{\"role_id\":\"me\",\"secret_id\":\"$1\"}", 400,
	    WRONG },
	{ "root", "POST", ROLE "/secret-id", "{}", 200, "", 1 },
	{ NULL, "POST", LOGIN, "{\"role_id\":\"me\",\"secret_id\":\"$1\"}", 200,
	    "", .later_s = 599 },
	{ NULL, "POST", LOGIN, "{\"role_id\":\"me\",\"secret_id\":\"$1\"}", 400,
	    WRONG, .later_s = 1 },
	{ "root", "DELETE", "/v1/sys/auth/ar", NULL, 204, NULL },
	{ "$2", "GET", "/v1/secret/data/x", NULL, 403, NO_TOKEN },
};

static void test_login_by_time_and_uses(void **state)
{
	PLAY(login_steps);
}

static const struct step secret_id_steps[] = {
	MOUNT,
	{ "root", "POST", ROLE "/secret-id", "{\"ttl\":\"1h\"}", 400,
	    "ttl cannot be longer" },
	{ "root", "POST", ROLE "/secret-id", "{\"ttl\":0}", 400,
	    "ttl cannot be longer" },
	{ "root", "POST", ROLE "/secret-id", "{\"num_uses\":3}", 400,
	    "num_uses cannot be higher" },
	{ "root", "POST", ROLE "/secret-id", "{\"num_uses\":0}", 400,
	    "num_uses cannot be higher" },
	{ "root", "POST", ROLE "/secret-id", "{\"metadata\":{\"a\":\"b\"}}",
	    400, "metadata" },
	{ "root", "POST", ROLE "/secret-id", "{\"metadata\":\"[1]\"}", 400,
	    "metadata" },
	{ "root", "POST", ROLE "/secret-id", "{\"cidr_list\":\"::/0\"}", 400,
	    "cidr_list" },
	{ "root", "POST", ROLE "/secret-id", "{\"secret_id\":\"mine\"}", 400,
	    "secret_id" },
	{ "root", "LIST", ROLE "/secret-id", NULL, 404, NOTHING },
	{ "root", "POST", ROLE "/custom-secret-id", "{\"secret_id\":\"mine\"}",
	    200, "\"secret_id\":\"mine\"" },
	{ "root", "POST", ROLE "/custom-secret-id", "{\"secret_id\":\"mine\"}",
	    500, "already registered" },
	{ "root", "POST", ROLE "/custom-secret-id", "{}", 400,
	    "missing secret_id" },
	{ "root", "LIST", ROLE "/secret-id", NULL, 200, "\"keys\":[\"" },
	{ "root", "POST", ROLE "/secret-id/destroy", "{\"secret_id\":\"mine\"}",
	    204, NULL },
	{ "root", "POST", ROLE "/secret-id/lookup", "{\"secret_id\":\"mine\"}",
	    204, NULL },
	{ "root", "POST", ROLE "/secret-id-accessor/lookup",
	    "{\"secret_id_accessor\":\"x\"}", 404, "\\\"x\\\"" },
	{ "root", "POST", "/v1/auth/ar/role/none/secret-id", "{}", 404,
	    "does not exist" },
	{ "root", "LIST", "/v1/auth/ar/role/none/secret-id", NULL, 400,
	    "does not exist" },
	{ "root", "POST", "/v1/auth/ar/tidy/secret-id", "{}", 202,
	    "successfully started" },
	{ NULL, "POST", ROLE "/secret-id", "{}", 403, NO_TOKEN },
};

static void test_secret_ids(void **state)
{
	PLAY(secret_id_steps);
}

static const struct step space_steps[] = {
	{ "root", "POST", "/v1/sys/namespaces/ct", "{}", 200, "" },
	{ "root", "POST", "/v1/ct/sys/auth/ar", "{\"type\":\"approle\"}", 204,
	    NULL },
	{ "root", "POST", "/v1/ct/auth/ar/role/b", "{\"role_id\":\"me\"}", 204,
	    NULL },
	{ "root", "POST", "/v1/ct/auth/ar/role/b/secret-id", "{}", 200, "", 1 },
	{ NULL, "POST", LOGIN, "{\"role_id\":\"me\",\"secret_id\":\"$1\"}", 200,
	    "\"policies\":[\"default\"]", 2, .space = "ct" },
	{ "$2", "GET", "/v1/auth/token/lookup-self", NULL, 200,
	    "\"namespace_path\":\"ct/\"" },
};

static void test_in_a_namespace(void **state)
{
	PLAY(space_steps);
}

static void test_limit_roles(void **state)
{
	static const struct step mount = { "root", "POST", "/v1/sys/auth/ar",
		"{\"type\":\"approle\"}", 204, NULL };
	struct step make = { "root", "POST", NULL, "{}", 204, NULL };
	struct stage s;
	char target[64];

	(void)state;
	stage_open(&s, false);
	step_run(&s, &mount);
	make.target = target;
	for (size_t i = 0; i <= APPROLE_ROLES_MOST; i++) {
		snprintf(target, sizeof(target), "/v1/auth/ar/role/r%zu", i);
		if (i == APPROLE_ROLES_MOST) {
			make.status = 500;
			make.want = "it holds no more roles";
		}
		step_run(&s, &make);
	}
	stage_close(&s);
}

static void test_limit_secret_ids(void **state)
{
	static const struct step start[] = { MOUNT };
	struct step make = { "root", "POST", ROLE "/secret-id", "{}", 200, "" };
	struct stage s;

	(void)state;
	stage_open(&s, false);
	play(&s, start, N_ELEMS(start));
	for (size_t i = 0; i < SECRETID_MOST; i++)
		step_run(&s, &make);
	make.status = 500;
	make.want = "it holds no more secret-ids";
	step_run(&s, &make);
	make.status = 200;
	make.want = "";
	make.later_s = 600;
	step_run(&s, &make);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_login_by_time_and_uses),
		cmocka_unit_test(test_secret_ids),
		cmocka_unit_test(test_in_a_namespace),
		cmocka_unit_test(test_limit_roles),
		cmocka_unit_test(test_limit_secret_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
