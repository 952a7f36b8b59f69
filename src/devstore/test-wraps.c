#include "devstore/test-stage.h"
#include "devstore/wraps.h"

#define UNWRAP "/v1/sys/wrapping/unwrap"
#define USED   "wrapping token is not valid or does not exist"
#define WRAP(slot_)                                                            \
	{                                                                      \
		"root", "GET", "/v1/secret/data/a", NULL, 200,                 \
		    "\"wrap_info\":{\"token\":\"s.", (slot_), .wrap = "60s"    \
	}

static const struct step steps[] = {
	POLICY("p", "secret/*", "\\\"read\\\""),
	{ "root", "POST", "/v1/secret/data/a", "{\"data\":{\"k\":\"v\"}}", 200,
	    "" },
	WRAP(1),
	{ NULL, "POST", "/v1/sys/wrapping/lookup", "{\"token\":\"$1\"}", 200,
	    "\"creation_path\":\"secret/data/a\"" },
	{ "$1", "POST", UNWRAP, NULL, 200, "\"data\":{\"k\":\"v\"}" },
	{ "$1", "POST", UNWRAP, NULL, 400, USED },
	{ NULL, "POST", "/v1/sys/wrapping/lookup", "{\"token\":\"$1\"}", 400,
	    USED },
	WRAP(1),
	{ NULL, "POST", UNWRAP, "{\"token\":\"$1\"}", 403, NO_TOKEN },
	{ "root", "POST", UNWRAP, "{\"token\":\"$1\"}", 200, "\"k\":\"v\"" },
	{ "root", "POST", UNWRAP, "{\"token\":\"$1\"}", 400, USED },
	WRAP(1),
	{ "$1", "GET", "/v1/secret/data/a", NULL, 403, DENIED },
	{ "$1", "POST", UNWRAP, NULL, 400, USED },
	WRAP(1),
	{ "$1", "POST", UNWRAP, NULL, 200, "", .later_s = 59 },
	WRAP(1),
	{ "$1", "POST", UNWRAP, NULL, 400, USED, .later_s = 60 },
	{ "root", "POST", "/v1/auth/token/create",
	    "{\"policies\":[\"p\"],\"no_default_policy\":true}", 200, "", 2 },
	WRAP(1),
	{ "$2", "POST", UNWRAP, "{\"token\":\"$1\"}", 403, DENIED },
	{ "root", "GET", "/v1/secret/data/none", NULL, 404, NOTHING,
	    .wrap = "60s" },
	{ "root", "GET", "/v1/secret/data/a", NULL, 200, "\"wrap_info\":null",
	    .wrap = "0" },
	{ "root", "GET", "/v1/secret/data/a", NULL, 400, "\\\"zz\\\"",
	    .wrap = "zz" },
	{ "root", "GET", "/v1/secret/data/a", NULL, 400, "negative",
	    .wrap = "-1s" },
	{ "root", "GET", UNWRAP, NULL, 405, "unsupported operation" },
};

static void test_once_and_for_a_time(void **state)
{
	PLAY(steps);
}

static void test_limit_wraps(void **state)
{
	static const struct step write = { "root", "POST", "/v1/secret/data/a",
		"{\"data\":{}}", 200, "" };
	struct step wrap = WRAP(1), again = write;
	/* refused before anything was done */
	static const struct step full = { "root", "POST", "/v1/secret/data/a",
		"{\"data\":{}}", 500, "it holds no more wrapped answers",
		.wrap = "60s" };
	static const struct step still = { "root", "GET", "/v1/secret/data/a",
		NULL, 200, "\"version\":1" };
	struct stage s;

	(void)state;
	stage_open(&s, false);
	step_run(&s, &write);
	for (size_t i = 0; i < WRAPS_MOST; i++)
		step_run(&s, &wrap);
	step_run(&s, &full);
	step_run(&s, &still);
	again.later_s = 60;
	step_run(&s, &again);
	step_run(&s, &wrap);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once_and_for_a_time),
		cmocka_unit_test(test_limit_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
