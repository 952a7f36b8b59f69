#include "devstore/test-stage.h"
#include "devstore/capabilities.h"
#include "devstore/spaces.h"

#define NO_SPACE "{\"errors\":[\"namespace not found\"]}"
#define IN(name, space_, path, list)                                           \
	{                                                                      \
		"root", "PUT", "/v1/sys/policies/acl/" name,                   \
		    "{\"policy\":\"path \\\"" path                             \
		    "\\\" { capabilities = [" list "] }\"}",                   \
		    204, NULL, .space = (space_)                               \
	}

static const struct step made_steps[] = {
	{ "root", "GET", "/v1/sys/mounts", NULL, 404, NO_SPACE, .space = "ct" },
	{ "root", "POST", "/v1/sys/namespaces/ct",
	    "{\"custom_metadata\":{\"a\":1}}", 400, "must be a string" },
	{ "root", "POST", "/v1/sys/namespaces/ct", "{\"custom_metadata\":1}",
	    400, "must be an object" },
	{ "root", "GET", "/v1/sys/namespaces/ct", NULL, 404, NOTHING },
	{ "root", "POST", "/v1/sys/namespaces/a%20b", "{}", 400,
	    "contains space characters" },
	{ "root", "POST", "/v1/sys/namespaces/a%C2%A0b", "{}", 400,
	    "ASCII alone" },
	{ "root", "POST", "/v1/sys/namespaces/ct", "{\"x\":1}", 400,
	    "does not know the parameter" },
	{ "root", "POST", "/v1/sys/namespaces/ct", "{}", 200,
	    "\"path\":\"ct/\"" },
	{ "root", "POST", "/v1/sys/namespaces/a", "{}", 200,
	    "\"path\":\"ct/a/\"", .space = "ct" },
	{ "root", "POST", "/v1/ct/a/sys/namespaces/b", "{}", 200,
	    "\"path\":\"ct/a/b/\"" },
	{ "root", "GET", "/v1/a/sys/namespaces/b", NULL, 200,
	    "\"path\":\"ct/a/b/\"", .space = "/ct/" },
	{ "root", "GET", "/v1/ct/b/sys/mounts", NULL, 404,
	    "route \\\"b/sys/mounts\\\"" },
	{ "root", "GET", "/v1/sys/mounts", NULL, 404, NO_SPACE,
	    .space = "ct/../ct" },
	{ "root", "GET", "/v1/sys/mounts", NULL, 404, NO_SPACE,
	    .space = "root" },
	{ "root", "GET", "/v1/ct", NULL, 404, "no handler" },
	{ "root", "GET", "/v1/sys/mounts", NULL, 200, "\"sys/\"",
	    .space = "/" },
	{ "root", "DELETE", "/v1/sys/namespaces/a", NULL, 400,
	    "containing child namespaces", .space = "ct" },
	{ "root", "DELETE", "/v1/sys/namespaces/b", NULL, 200, "in-progress",
	    .space = "ct/a" },
	{ "root", "GET", "/v1/sys/mounts", NULL, 404, NO_SPACE,
	    .space = "ct/a/b" },
};

static void test_made_found_and_dropped(void **state)
{
	PLAY(made_steps);
}

static const struct step reach_steps[] = {
	{ "root", "POST", "/v1/sys/namespaces/ct", "{}", 200, "" },
	{ "root", "POST", "/v1/sys/namespaces/a", "{}", 200, "",
	    .space = "ct" },
	{ "root", "POST", "/v1/sys/namespaces/b", "{}", 200, "",
	    .space = "ct" },
	{ "root", "POST", "/v1/sys/mounts/kv", "{\"type\":\"kv-v2\"}", 204,
	    NULL, .space = "ct/a" },
	{ "root", "POST", "/v1/sys/mounts/kv", "{\"type\":\"kv-v2\"}", 204,
	    NULL, .space = "ct/b" },
	{ "root", "POST", "/v1/ct/a/kv/data/x", "{\"data\":{\"k\":1}}", 200,
	    "" },
	{ "root", "GET", "/v1/ct/b/kv/data/x", NULL, 404, NOTHING },
	IN("p", "ct/a", "kv/*", "\\\"read\\\",\\\"list\\\""),
	IN("p", "ct/b", "kv/*", "\\\"read\\\",\\\"list\\\""),
	IN("p", "ct", "+/kv/data/*", "\\\"read\\\""),
	{ "root", "POST", "/v1/auth/token/create", "{\"policies\":[\"p\"]}",
	    200, "", 1, .space = "ct/a" },
	{ "root", "POST", "/v1/auth/token/create", "{\"policies\":[\"p\"]}",
	    200, "", 2, .space = "ct" },
	{ "$1", "GET", "/v1/kv/data/x", NULL, 200, "\"k\":1", .space = "ct/a" },
	{ "$1", "GET", "/v1/kv/data/x", NULL, 403, DENIED, .space = "ct/b" },
	{ "$1", "GET", "/v1/kv/data/x", NULL, 403, DENIED, .space = "ct" },
	{ "$1", "GET", "/v1/a/kv/data/x", NULL, 403, DENIED },
	{ "$1", "LIST", "/v1/ct/a/kv/metadata/", NULL, 200, "\"x\"" },
	{ "$2", "GET", "/v1/ct/a/kv/data/x", NULL, 200, "\"k\":1" },
	{ "$2", "GET", "/v1/kv/data/x", NULL, 404, NOTHING, .space = "ct/b" },
	{ "$2", "GET", "/v1/kv/metadata/x", NULL, 403, DENIED,
	    .space = "ct/a" },
	{ "$2", "GET", "/v1/sys/internal/ui/mounts/kv", NULL, 200,
	    "\"path\":\"kv/\"", .space = "ct/a" },
	{ "$1", "GET", "/v1/sys/internal/ui/mounts/kv", NULL, 403, "preflight",
	    .space = "ct/b" },
	{ "$1", "GET", "/v1/auth/token/lookup-self", NULL, 200,
	    "\"namespace_path\":\"ct/a/\"" },
	{ "$1", "POST", "/v1/auth/token/renew-self", NULL, 200, "" },
	{ "root", "DELETE", "/v1/ct/sys/namespaces/a", NULL, 200, "" },
	{ "$1", "GET", "/v1/auth/token/lookup-self", NULL, 403, NO_TOKEN },
	{ "$2", "GET", "/v1/ct/sys/mounts", NULL, 403, DENIED },
};

static void test_a_token_reaches_its_own_and_below(void **state)
{
	PLAY(reach_steps);
}

static const struct step login_steps[] = {
	{ "root", "POST", "/v1/sys/namespaces/ct", "{}", 200, "" },
	{ "root", "POST", "/v1/ct/sys/auth/j", "{\"type\":\"jwt\"}", 204,
	    NULL },
	{ NULL, "POST", "/v1/ct/auth/j/login", "{}", 400, "configuration" },
	{ NULL, "POST", "/v1/auth/j/login", "{}", 400, "configuration",
	    .space = "ct" },
	{ NULL, "POST", "/v1/auth/j/login", "{}", 403, NO_TOKEN },
};

static void test_login_paths_are_open(void **state)
{
	PLAY(login_steps);
}

static void test_limit_namespaces(void **state)
{
	struct step make = { "root", "POST", NULL, "{}", 200, "" };
	static const struct step again = { "root", "POST",
		"/v1/sys/namespaces/n1", "{}", 200, "" };
	struct stage s;
	char target[64];

	(void)state;
	stage_open(&s, false);
	make.target = target;
	for (size_t i = 1; i <= SPACES_MOST; i++) {
		snprintf(target, sizeof(target), "/v1/sys/namespaces/n%zu", i);
		if (i == SPACES_MOST) {
			make.status = 500;
			make.want = "it holds no more namespaces";
		}
		step_run(&s, &make);
	}
	step_run(&s, &again);
	stage_close(&s);
}

/* As deep as paths go: five names of 64 letters do not fit into 256. */
static void test_limit_depth(void **state)
{
	char name[SPACE_NAME_MOST + 2], target[128], space[512] = "";
	struct step make = { "root", "POST", target, "{}", 200, "" };
	struct stage s;

	(void)state;
	stage_open(&s, false);
	make.space = space;
	memset(name, 'n', sizeof(name) - 1);
	name[SPACE_NAME_MOST] = '\0';
	snprintf(target, sizeof(target), "/v1/sys/namespaces/%s", name);
	for (size_t i = 0; i < 3; i++) {
		step_run(&s, &make);
		strcat(strcat(space, name), "/");
	}
	make.status = 500;
	make.want = "namespaces of so long a path";
	step_run(&s, &make);
	snprintf(target, sizeof(target), "/v1/sys/namespaces/%sn", name);
	make.space = NULL;
	step_run(&s, &make);
	stage_close(&s);
}

static void test_limit_capabilities(void **state)
{
	char body[8 * CAPABILITIES_PATHS_MOST] = "{\"paths\":[\"a\"";
	struct step ask = { "root", "POST", "/v1/sys/capabilities-self", body,
		400, "looks at 256 paths at once" };
	struct stage s;

	(void)state;
	stage_open(&s, false);
	for (size_t i = 0; i < CAPABILITIES_PATHS_MOST; i++)
		strcat(body, ",\"a\"");
	strcat(body, "]}");
	step_run(&s, &ask);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_found_and_dropped),
		cmocka_unit_test(test_a_token_reaches_its_own_and_below),
		cmocka_unit_test(test_login_paths_are_open),
		cmocka_unit_test(test_limit_namespaces),
		cmocka_unit_test(test_limit_depth),
		cmocka_unit_test(test_limit_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
