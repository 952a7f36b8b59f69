#include "devstore/test-stage.h"
#include "devstore/kv.h"

#define ENVELOPE_END "\"wrap_info\":null,\"warnings\":null,\"auth\":null}"

static const struct step kv_steps[] = {
	{ "root", "GET", "/v1/secret/data/a", NULL, 404, NOTHING },
	{ "root", "POST", "/v1/secret/data/a", "{\"x\":1}", 400,
	    "{\"errors\":[\"no data provided\"]}" },
	{ "root", "POST", "/v1/secret/data/a", NULL, 400, "no data provided" },
	{ "root", "POST", "/v1/secret/data/a",
	    "{\"data\":{\"user\":\"u\",\"n\":1},\"options\":{\"cas\":0}}", 200,
	    "\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,"
	    "\"data\":{\"created_time\":\"2026-11-21T07:51:15.000Z\","
	    "\"custom_metadata\":null,\"deletion_time\":\"\","
	    "\"destroyed\":false,\"version\":1}," ENVELOPE_END },
	{ "root", "POST", "/v1/secret/data/a",
	    "{\"data\":{},\"options\":{\"cas\":0}}", 400,
	    "{\"errors\":[\"check-and-set parameter did not match the "
	    "current version\"]}" },
	{ "root", "POST", "/v1/secret/data/a",
	    "{\"data\":{},\"options\":{\"cas\":\"1\"}}", 400,
	    "error parsing check-and-set parameter" },
	{ "root", "PUT", "/v1/secret/data/a",
	    "{\"data\":{\"user\":\"v\"},\"options\":{\"cas\":1}}", 200,
	    "\"version\":2" },
	{ "root", "GET", "/v1/secret/data/a", NULL, 200,
	    "\"data\":{\"data\":{\"user\":\"v\"},\"metadata\":{"
	    "\"created_time\":\"2026-11-21T07:51:15.000Z\","
	    "\"custom_metadata\":null,\"deletion_time\":\"\","
	    "\"destroyed\":false,\"version\":2}}," ENVELOPE_END },
	{ "root", "GET", "/v1/secret/data/a?version=1", NULL, 200,
	    "{\"user\":\"u\",\"n\":1}" },
	{ "root", "GET", "/v1/secret/data/a?version=0", NULL, 200,
	    "\"version\":2" },
	{ "root", "GET", "/v1/secret/data/a?version=3", NULL, 404, NOTHING },
	{ "root", "GET", "/v1/secret/data/a?version=x", NULL, 400,
	    "cannot parse value as 'int'" },
	{ "root", "DELETE", "/v1/secret/data/a", NULL, 204, NULL },
	{ "root", "GET", "/v1/secret/data/a", NULL, 404,
	    "\"data\":{\"data\":null,\"metadata\":{" },
	{ "root", "GET", "/v1/secret/data/a?version=1", NULL, 200,
	    "\"user\":\"u\"" },
	{ "root", "POST", "/v1/secret/undelete/a", "{\"versions\":[2]}", 204,
	    NULL },
	{ "root", "GET", "/v1/secret/data/a", NULL, 200, "\"user\":\"v\"" },
	{ "root", "POST", "/v1/secret/destroy/a", "{\"versions\":[1,9]}", 204,
	    NULL },
	{ "root", "GET", "/v1/secret/data/a?version=1", NULL, 404,
	    "\"destroyed\":true" },
	{ "root", "POST", "/v1/secret/undelete/a", "{\"versions\":[1]}", 204,
	    NULL },
	{ "root", "GET", "/v1/secret/data/a?version=1", NULL, 404,
	    "\"data\":{\"data\":null" },
	{ "root", "POST", "/v1/secret/delete/a", "{\"versions\":[2]}", 204,
	    NULL },
	{ "root", "GET", "/v1/secret/data/a", NULL, 404,
	    "\"deletion_time\":\"2026-11-21T07:51:15.000Z\"" },
	{ "root", "POST", "/v1/secret/delete/a", "{}", 400,
	    "no version number provided" },
	{ "root", "PATCH", "/v1/secret/data/a", "{\"data\":{}}", 405,
	    "unsupported operation" },
	{ "root", "GET", "/v1/secret/a", NULL, 404,
	    "\"data\":null,\"wrap_info\":null,\"warnings\":[\"Invalid "
	    "path for a versioned K/V secrets engine." },
	{ "root", "GET", "/v1/secret/data", NULL, 404,
	    "Non-listing operations on the root" },
	{ "root", "GET", "/v1/secret/data/a/", NULL, 404, NOTHING },
};

static void test_kv(void **state)
{
	PLAY(kv_steps);
}

static const struct step kv_metadata_steps[] = {
	{ "root", "LIST", "/v1/secret/metadata", NULL, 404, NOTHING },
	{ "root", "POST", "/v1/secret/data/b", "{\"data\":{}}", 200, "" },
	{ "root", "POST", "/v1/secret/data/t/x", "{\"data\":{}}", 200, "" },
	{ "root", "POST", "/v1/secret/data/t/y/z", "{\"data\":{}}", 200, "" },
	{ "root", "POST", "/v1/secret/data/t-1", "{\"data\":{}}", 200, "" },
	{ "root", "POST", "/v1/secret/data/t", "{\"data\":{}}", 200, "" },
	{ "root", "LIST", "/v1/secret/metadata/", NULL, 200,
	    "\"data\":{\"keys\":[\"b\",\"t\",\"t-1\",\"t/\"]}" },
	{ "root", "GET", "/v1/secret/metadata?list=true", NULL, 200,
	    "\"keys\":[\"b\",\"t\",\"t-1\",\"t/\"]" },
	{ "root", "LIST", "/v1/secret/metadata/t", NULL, 200,
	    "\"keys\":[\"x\",\"y/\"]" },
	{ "root", "LIST", "/v1/secret/metadata/b", NULL, 404, NOTHING },
	{ "root", "GET", "/v1/secret/metadata/none", NULL, 404, NOTHING },
	{ "root", "GET", "/v1/secret/metadata/b", NULL, 200,
	    "\"data\":{\"cas_required\":false,\"created_time\":"
	    "\"2026-11-21T07:51:15.000Z\",\"current_metadata_version\":0,"
	    "\"current_version\":1,\"custom_metadata\":null,"
	    "\"delete_version_after\":\"0s\",\"max_versions\":0,"
	    "\"metadata_cas_required\":false,\"oldest_version\":0,"
	    "\"updated_time\":\"2026-11-21T07:51:15.000Z\",\"versions\":{"
	    "\"1\":{\"created_time\":\"2026-11-21T07:51:15.000Z\","
	    "\"deletion_time\":\"\",\"destroyed\":false}}}" },
	{ "root", "POST", "/v1/secret/metadata/b",
	    "{\"max_versions\":2,\"cas_required\":true,"
	    "\"custom_metadata\":{\"owner\":\"me\"}}",
	    204, NULL },
	{ "root", "POST", "/v1/secret/data/b", "{\"data\":{}}", 400,
	    "check-and-set parameter required for this call" },
	{ "root", "POST", "/v1/secret/data/b",
	    "{\"data\":{},\"options\":{\"cas\":1}}", 200,
	    "\"custom_metadata\":{\"owner\":\"me\"}" },
	{ "root", "POST", "/v1/secret/data/b",
	    "{\"data\":{},\"options\":{\"cas\":2}}", 200, "\"version\":3",
	    .later_s = 5 },
	{ "root", "GET", "/v1/secret/data/b?version=1", NULL, 404, NOTHING },
	{ "root", "GET", "/v1/secret/data/b?version=2", NULL, 200, "" },
	{ "root", "GET", "/v1/secret/metadata/b", NULL, 200,
	    "\"oldest_version\":2,\"updated_time\":"
	    "\"2026-11-21T07:51:20.000Z\",\"versions\":{\"2\":" },
	{ "root", "POST", "/v1/secret/metadata/b",
	    "{\"delete_version_after\":\"1h\"}", 400,
	    "does not know the parameter \\\"delete_version_after\\\"" },
	{ "root", "POST", "/v1/secret/metadata/b", "{\"max_versions\":33}", 400,
	    "max_versions" },
	{ "root", "POST", "/v1/secret/metadata/b",
	    "{\"custom_metadata\":{\"a\":1}}", 400, "must be a string" },
	{ "root", "DELETE", "/v1/secret/metadata/b", NULL, 204, NULL },
	{ "root", "GET", "/v1/secret/metadata/b", NULL, 404, NOTHING },
	{ "root", "DELETE", "/v1/secret/metadata/b", NULL, 204, NULL },
	{ "root", "POST", "/v1/secret/metadata/m", "{}", 204, NULL },
	{ "root", "GET", "/v1/secret/data/m", NULL, 404, NOTHING },
	{ "root", "GET", "/v1/secret/config", NULL, 200,
	    "\"data\":{\"cas_required\":false" },
	{ "root", "POST", "/v1/secret/config", "{\"cas_required\":true}", 204,
	    NULL },
	{ "root", "POST", "/v1/secret/data/c", "{\"data\":{}}", 400,
	    "check-and-set parameter required" },
};

static void test_kv_metadata(void **state)
{
	PLAY(kv_metadata_steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kv),
		cmocka_unit_test(test_kv_metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
