#include "wire/vault.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define BODY(text) (text), sizeof(text) - 1

static void check_call(const struct vault_call *c, const char *method,
    const char *target, const char *body)
{
	assert_string_equal(c->method, method);
	assert_string_equal(c->target, target);
	if (!body)
		assert_null(c->body);
	else
		assert_string_equal(secret_bytes(c->body), body);
}

static void test_login(void **state)
{
	CLEANUP(vault_call_clear) struct vault_call c = { .body = NULL };
	CLEANUP(secret_freep) struct secret *jwt = NULL;

	(void)state;
	assert_int_equal(secret_from(&jwt, BODY("aa.bb-_.cc")), 0);
	assert_int_equal(vault_call_login(&c, "ct/x", "team-a.web", jwt), 0);
	check_call(&c, "POST", "/v1/auth/ct/x/login",
	    "{\"role\":\"team-a.web\",\"jwt\":\"aa.bb-_.cc\"}");
	assert_false(c.needs_token);
}

static const struct {
	const char *label, *mount, *role, *jwt;
} bad_login[] = {
	{ "two parts", "jwt", "r", "aa.bb" },
	{ "four parts", "jwt", "r", "a.b.c.d" },
	{ "padding", "jwt", "r", "aa=.bb.cc" },
	{ "a line break", "jwt", "r", "aa.bb.cc\n" },
	{ "not UTF-8", "jwt", "r", "\xff.bb.cc" },
	{ "mount goes up", "../sys", "r", "a.b.c" },
	{ "empty mount", "", "r", "a.b.c" },
	{ "role not UTF-8", "jwt", "\xff", "a.b.c" },
};

static void test_login_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad_login); i++) {
		CLEANUP(secret_freep) struct secret *jwt = NULL;
		struct vault_call c;

		assert_int_equal(secret_from(&jwt, bad_login[i].jwt,
				     strlen(bad_login[i].jwt)),
		    0);
		if (vault_call_login(&c, bad_login[i].mount, bad_login[i].role,
			jwt) != -EINVAL)
			fail_msg("%s: was taken", bad_login[i].label);
	}
}

static void test_requests(void **state)
{
	struct vault_call c;

	(void)state;
	assert_int_equal(vault_call_get(&c, "secret/data/a b", 0), 0);
	check_call(&c, "GET", "/v1/secret/data/a%20b", NULL);
	assert_true(c.needs_token);
	assert_int_equal(vault_call_get(&c, "secret/data/a", 7), 0);
	check_call(&c, "GET", "/v1/secret/data/a?version=7", NULL);
	assert_int_equal(vault_call_get(&c, "secret//a", 0), -EINVAL);
	assert_int_equal(vault_call_mount_of(&c, "secret/team/db"), 0);
	check_call(
	    &c, "GET", "/v1/sys/internal/ui/mounts/secret/team/db", NULL);

	assert_int_equal(vault_call_renew_self(&c, 600), 0);
	check_call(
	    &c, "POST", "/v1/auth/token/renew-self", "{\"increment\":600}");
	vault_call_clear(&c);
	assert_int_equal(vault_call_revoke_self(&c), 0);
	check_call(&c, "POST", "/v1/auth/token/revoke-self", "{}");
	vault_call_clear(&c);
	assert_int_equal(
	    vault_call_lease_renew(&c, "database/creds/x/abc", 0), 0);
	check_call(&c, "POST", "/v1/sys/leases/renew",
	    "{\"lease_id\":\"database/creds/x/abc\"}");
	vault_call_clear(&c);
	assert_int_equal(vault_call_lease_renew(&c, "", 0), -EINVAL);
	assert_int_equal(vault_call_lease_renew(&c, "a b", 0), -EINVAL);
}

/* What a bridge makes of a client's body; NULL: it is refused. */
static const struct {
	const char *label, *in, *out;
} login_row[] = {
	{ "as clients send it", "{\"role\": \"r\", \"jwt\": \"a.b.c\"}",
	    "{\"role\":\"r\",\"jwt\":\"a.b.c\"}" },
	{ "no role: the mount's default", "{\"jwt\":\"a.b.c\"}",
	    "{\"jwt\":\"a.b.c\"}" },
	{ "no JWT", "{\"role\":\"r\"}", NULL },
	{ "JWT is no string", "{\"jwt\":[\"a.b.c\"]}", NULL },
	{ "JWT is none", "{\"jwt\":\"abc\"}", NULL },
	{ "role is no string", "{\"role\":1,\"jwt\":\"a.b.c\"}", NULL },
	{ "a member twice", "{\"jwt\":\"a.b.c\",\"jwt\":\"d.e.f\"}", NULL },
	{ "another member", "{\"jwt\":\"a.b.c\",\"policies\":\"root\"}", NULL },
	{ "not an object", "[\"a.b.c\"]", NULL },
	{ "not JSON", "role=r&jwt=a.b.c", NULL },
	{ "empty", "", NULL },
	{ "something after", "{\"jwt\":\"a.b.c\"}{}", NULL },
	{ "a NUL in the role", "{\"role\":\"r\\u0000x\",\"jwt\":\"a.b.c\"}",
	    NULL },
};

static void test_copy_login(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(login_row); i++) {
		CLEANUP(vault_call_clear)
		struct vault_call c = { .body = NULL };
		int r = vault_copy_login(
		    &c, "jwt", login_row[i].in, strlen(login_row[i].in));

		if (r != (login_row[i].out ? 0 : -EINVAL))
			fail_msg("%s: got %d", login_row[i].label, r);
		if (!r)
			check_call(
			    &c, "POST", "/v1/auth/jwt/login", login_row[i].out);
	}
}

static const struct {
	const char *in, *out;
} renew_row[] = {
	{ "", "{}" },
	{ "{}", "{}" },
	{ "{\"increment\":null}", "{}" },
	{ "{\"increment\":60}", "{\"increment\":60}" },
	{ "{\"increment\":\"60\"}", "{\"increment\":60}" },
	{ "{\"increment\":\"60s\"}", "{\"increment\":60}" },
	{ "{\"increment\":\"15m\"}", "{\"increment\":900}" },
	{ "{\"increment\":\"24h\"}", "{\"increment\":86400}" },
	{ "{\"increment\":-1}", NULL },
	{ "{\"increment\":\"-1\"}", NULL },
	{ "{\"increment\":\"1d\"}", NULL },
	{ "{\"increment\":\"15ms\"}", NULL },
	{ "{\"increment\":\"m\"}", NULL },
	{ "{\"increment\":99999999999}", NULL },
	{ "{\"increment\":\"8784h\"}", "{\"increment\":31622400}" },
	{ "{\"increment\":\"8785h\"}", NULL },
	{ "{\"increment\":1.5}", NULL },
	{ "{\"token\":\"x\"}", NULL },
	{ "[]", NULL },
	{ "{", NULL },
};

static void test_copy_renew(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(renew_row); i++) {
		CLEANUP(vault_call_clear)
		struct vault_call c = { .body = NULL };
		int r = vault_copy_renew(
		    &c, renew_row[i].in, strlen(renew_row[i].in));

		if (r != (renew_row[i].out ? 0 : -EINVAL))
			fail_msg("%s: got %d", renew_row[i].in, r);
		if (!r)
			check_call(&c, "POST", "/v1/auth/token/renew-self",
			    renew_row[i].out);
	}
}

static void test_copy_lease(void **state)
{
	CLEANUP(vault_call_clear) struct vault_call c = { .body = NULL };
	struct vault_call none;

	(void)state;
	assert_int_equal(
	    vault_copy_lease(&c,
		BODY("{\"increment\":\"1m\",\"lease_id\":\"db/creds/a/1\"}")),
	    0);
	check_call(&c, "POST", "/v1/sys/leases/renew",
	    "{\"increment\":60,\"lease_id\":\"db/creds/a/1\"}");
	assert_int_equal(vault_copy_lease(&none, BODY("{}")), -EINVAL);
	assert_int_equal(
	    vault_copy_lease(&none, BODY("{\"lease_id\":\"a\\nb\"}")), -EINVAL);
}

static void test_read_auth(void **state)
{
	static const char *const bad[] = { "", "{}", "<html>",
		"{\"auth\":null}",
		"{\"auth\":{\"client_token\":\"\",\"lease_duration\":1,"
		"\"renewable\":true}}",
		"{\"auth\":{\"client_token\":\"a b\",\"lease_duration\":1,"
		"\"renewable\":true}}",
		"{\"auth\":{\"client_token\":\"s.x\",\"lease_duration\":-1,"
		"\"renewable\":true}}",
		"{\"auth\":{\"client_token\":\"s.x\",\"lease_duration\":1}}" };
	CLEANUP(vault_auth_clear) struct vault_auth a = { .token = NULL };

	(void)state;
	assert_int_equal(
	    vault_read_auth(
		&a, BODY("{\"request_id\":\"r\",\"data\":null,\"auth\":{"
			 "\"client_token\":\"s.abc\",\"accessor\":\"x\","
			 "\"policies\":[\"a\"],\"lease_duration\":600,"
			 "\"renewable\":true}}")),
	    0);
	assert_string_equal(secret_bytes(a.token), "s.abc");
	assert_int_equal(a.lease_s, 600);
	assert_true(a.renewable);
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct vault_auth none;

		if (vault_read_auth(&none, bad[i], strlen(bad[i])) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	}
}

/* The shape of the store's documentation: data is null. */
static void test_read_lease(void **state)
{
	static const char *const bad[] = { "", "[]", "{}",
		"{\"lease_duration\":60}", "{\"lease_id\":\"\"}",
		"{\"lease_id\":7,\"lease_duration\":60}" };
	struct vault_lease lease;

	(void)state;
	assert_int_equal(
	    vault_read_lease(&lease,
		BODY("{\"request_id\":\"r\",\"lease_id\":\"db/creds/x/1\","
		     "\"renewable\":true,\"lease_duration\":3600,"
		     "\"data\":null,\"auth\":null}")),
	    0);
	assert_int_equal(lease.seconds, 3600);
	assert_true(lease.renewable);
	for (size_t i = 0; i < N_ELEMS(bad); i++)
		if (vault_read_lease(&lease, bad[i], strlen(bad[i])) !=
		    -EBADMSG)
			fail_msg("taken: %s", bad[i]);
}

#define META                                                                   \
	"\"metadata\":{\"created_time\":\"2026-11-21T07:51:38.5Z\","           \
	"\"custom_metadata\":null,\"deletion_time\":\"\","                     \
	"\"destroyed\":false,\"version\":3}"

static const struct {
	const char *json, *text;
} value_row[] = {
	{ "\"plain\"", "plain" },
	{ "\"\"", "" },
	{ "\"two\\nlines\"", "two\nlines" },
	{ "7", "7" },
	{ "0.1", "0.1" },
	{ "1e300", "1e+300" },
	{ "true", "true" },
	{ "null", "null" },
	{ "{\"a\":[1,\"b\"]}", "{\"a\":[1,\"b\"]}" },
};

static void test_read_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(value_row); i++) {
		CLEANUP(vault_secret_clear) struct vault_secret s = { 0 };
		char body[400];

		snprintf(body, sizeof(body),
		    "{\"data\":{\"data\":{\"f\":%s}," META "}}",
		    value_row[i].json);
		assert_int_equal(vault_read_secret(&s, body, strlen(body)), 0);
		assert_int_equal(s.version, 3);
		assert_string_equal(s.created, "2026-11-21T07:51:38.5Z");
		assert_string_equal(secret_bytes(vault_secret_field(&s, "f")),
		    value_row[i].text);
		assert_null(vault_secret_field(&s, "g"));
	}
}

static void test_read_nul(void **state)
{
	CLEANUP(vault_secret_clear) struct vault_secret s = { 0 };

	(void)state;
	assert_int_equal(
	    vault_read_secret(&s,
		BODY("{\"data\":{\"data\":{\"f\":\"a\\u0000b\"}," META "}}")),
	    0);
	assert_true(secret_equal(vault_secret_field(&s, "f"), "a\0b", 3));
}

static void test_read_dynamic(void **state)
{
	CLEANUP(vault_secret_clear) struct vault_secret s = { 0 };

	(void)state;
	assert_int_equal(
	    vault_read_secret(&s,
		BODY("{\"lease_id\":\"database/creds/r/1\",\"renewable\":true,"
		     "\"lease_duration\":3600,\"data\":{\"username\":\"u\","
		     "\"password\":\"p\"}}")),
	    0);
	assert_int_equal(s.version, 0);
	assert_int_equal(s.n_fields, 2);
	assert_string_equal(s.lease_id, "database/creds/r/1");
	assert_int_equal(s.lease_s, 3600);
	assert_true(s.renewable);
}

static const struct {
	const char *label, *body;
	int want;
} bad_secret[] = {
	{ "nothing", "", -EBADMSG },
	{ "HTML", "<html>", -EBADMSG },
	{ "an array", "[]", -EBADMSG },
	{ "no data", "{\"errors\":[]}", -EBADMSG },
	{ "data null", "{\"data\":null}", -EBADMSG },
	{ "cut", "{\"data\":{\"a\":\"b\"", -EBADMSG },
	{ "a field twice", "{\"data\":{\"a\":\"b\",\"a\":\"c\"}}", -EBADMSG },
	{ "deleted", "{\"data\":{\"data\":null," META "}}", VAULT_E_DELETED },
	{ "data a string", "{\"data\":{\"data\":\"x\"," META "}}", -EBADMSG },
	{ "version a string",
	    "{\"data\":{\"data\":{},\"metadata\":{\"version\":\"1\","
	    "\"created_time\":\"\"}}}",
	    -EBADMSG },
	{ "version zero",
	    "{\"data\":{\"data\":{},\"metadata\":{\"version\":0,"
	    "\"created_time\":\"\"}}}",
	    -EBADMSG },
};

static void test_read_secret_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad_secret); i++) {
		struct vault_secret s;
		int r = vault_read_secret(
		    &s, bad_secret[i].body, strlen(bad_secret[i].body));

		if (r != bad_secret[i].want)
			fail_msg("%s: got %d", bad_secret[i].label, r);
	}
}

/* One field more than the limit, and a name longer than the limit. */
static void test_read_limits(void **state)
{
	char body[VAULT_FIELDS_MOST * 16 + 400];
	struct vault_secret s;

	(void)state;
	for (size_t n = VAULT_FIELDS_MOST; n <= VAULT_FIELDS_MOST + 1; n++) {
		size_t used = (size_t)sprintf(body, "{\"data\":{");

		for (size_t i = 0; i < n; i++)
			used += (size_t)sprintf(
			    body + used, "%s\"f%zu\":\"\"", i ? "," : "", i);
		used += (size_t)sprintf(body + used, "}}");
		if (n == VAULT_FIELDS_MOST) {
			assert_int_equal(vault_read_secret(&s, body, used), 0);
			vault_secret_clear(&s);
		} else {
			assert_int_equal(
			    vault_read_secret(&s, body, used), -EBADMSG);
		}
	}
	snprintf(body, sizeof(body), "{\"data\":{\"%0*d\":\"\"}}",
	    VAULT_NAME_MOST + 1, 0);
	assert_int_equal(vault_read_secret(&s, body, strlen(body)), -EBADMSG);
}

static void test_read_version(void **state)
{
	static const struct {
		const char *body, *created; /* NULL: not understood */
	} rows[] = {
		{ "{\"data\":{\"current_version\":4}}", "" },
		{ "{\"data\":{\"current_version\":4,\"versions\":{"
		  "\"3\":{\"created_time\":\"2025\"},"
		  "\"4\":{\"created_time\":\"2026\"}}}}",
		    "2026" },
		{ "{\"data\":{\"current_version\":4,\"versions\":{"
		  "\"3\":{\"created_time\":\"2025\"}}}}",
		    "" },
		{ "{\"data\":{\"current_version\":4,\"versions\":{"
		  "\"4\":{\"created_time\":2026}}}}",
		    "" },
		{ "{\"data\":{\"current_version\":4,\"versions\":[]}}", "" },
		{ "{\"data\":{\"version\":4}}", NULL },
		{ "{\"data\":{\"current_version\":-1}}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct vault_version v = { .number = 0 };
		int r =
		    vault_read_version(&v, rows[i].body, strlen(rows[i].body));

		assert_int_equal(r, rows[i].created ? 0 : -EBADMSG);
		assert_int_equal(v.number, r ? 0 : 4);
		assert_string_equal(v.created, r ? "" : rows[i].created);
	}
}

static const struct {
	const char *path, *kind, *want; /* of the KV v2 mount "kv/team/" */
} kv_row[] = {
	{ "kv/team/db", "data", "kv/team/data/db" },
	{ "kv/team/data/db", "data", "kv/team/data/db" },
	{ "kv/team/data/data/db", "data", "kv/team/data/data/db" },
	{ "kv/team/data/db", "metadata", "kv/team/metadata/db" },
	{ "kv/team/", "data", NULL },
	{ "kv/teams/db", "data", NULL },
	{ "kv/team/../x", "data", NULL },
	{ "kv/team//x", "data", NULL },
};

static void test_kv_path(void **state)
{
	struct vault_mount m;
	char to[VAULT_PATH_MOST];

	(void)state;
	assert_int_equal(
	    vault_read_mount(
		&m, BODY("{\"data\":{\"path\":\"kv/team/\",\"type\":\"kv\","
			 "\"options\":{\"version\":\"2\"}}}")),
	    0);
	for (size_t i = 0; i < N_ELEMS(kv_row); i++) {
		int r = vault_kv_path(to, &m, kv_row[i].kind, kv_row[i].path);

		if (r != (kv_row[i].want ? 0 : -EINVAL) ||
		    (!r && strcmp(to, kv_row[i].want)))
			fail_msg("%s: got %d", kv_row[i].path, r);
	}
	assert_int_equal(vault_read_mount(&m,
			     BODY("{\"data\":{\"path\":\"kv/\",\"type\":\"kv\","
				  "\"options\":null}}")),
	    0);
	assert_int_equal(m.version, 1);
	assert_int_equal(vault_kv_path(to, &m, "data", "kv/a"), -EINVAL);
	assert_int_equal(vault_read_mount(&m, BODY("{\"data\":{}}")), -EBADMSG);
}

/* What people read, per kind of failure of the store at https://s:8200. */
static const struct {
	const char *label;
	int status;
	const char *type, *body;
	int want;
	const char *text;
} fault_row[] = {
	{ "a refusal", 403, "application/json",
	    "{\"errors\":[\"1 error occurred:\\n\\t* permission "
	    "denied\\n\\n\"]}",
	    -EACCES, "store https://s:8200: 403 permission denied" },
	{ "a refusal with a reason", 403, "application/json",
	    "{\"errors\":[\"2 errors occurred:\\n\\t* permission denied\\n\\t* "
	    "invalid token\\n\\n\"]}",
	    -EACCES,
	    "store https://s:8200: 403 permission denied: 2 errors occurred: * "
	    "permission denied * invalid token" },
	{ "several words", 400, "application/json",
	    "{\"errors\":[\"a\",\"b\"]}", -EINVAL,
	    "store https://s:8200: 400 bad request: a; b" },
	{ "nothing there", 404, "application/json", "{\"errors\":[]}", -ENOENT,
	    "store https://s:8200: 404 not found" },
	{ "a path without data/", 404, "application/json",
	    "{\"request_id\":\"x\",\"data\":null,\"warnings\":[\"Invalid path "
	    "for a versioned K/V secrets engine.\"]}",
	    -ENOENT,
	    "store https://s:8200: 404 not found: Invalid path for a versioned "
	    "K/V secrets engine." },
	{ "rate limit", 429, "application/json",
	    "{\"errors\":[\"rate limit\"]}", -EAGAIN,
	    "store https://s:8200: 429 too many requests: rate limit" },
	{ "broken", 500, "application/json",
	    "{\"errors\":[\"internal error\"]}", -EAGAIN,
	    "store https://s:8200: 500 internal error" },
	{ "sealed", 503, "application/json",
	    "{\"errors\":[\"Vault is sealed\"]}", -EAGAIN,
	    "store https://s:8200: 503 sealed or not ready: Vault is sealed" },
	{ "HTML", 200, "text/html", "<html>hello</html>", -EBADMSG,
	    "store https://s:8200: 200 with 18 bytes of text/html, which is "
	    "not how the store answers" },
	{ "HTML as a refusal", 403, "text/html", "<h1>no</h1>", -EBADMSG,
	    "store https://s:8200: 403 with 11 bytes of text/html, which is "
	    "not how the store answers" },
	{ "HTML of a gateway", 502, "text/html", "<h1>no</h1>", -EAGAIN,
	    "store https://s:8200: 502 with 11 bytes of text/html, which is "
	    "not how the store answers" },
	{ "nothing at all", 500, NULL, "", -EAGAIN,
	    "store https://s:8200: 500 internal error, without a word on why" },
	{ "a redirect", 307, "text/html", "<a>x</a>", -EBADMSG,
	    "store https://s:8200: 307 with 8 bytes of text/html, which is "
	    "not how the store answers" },
	{ "JSON of another kind", 404, "application/json", "{}", -EBADMSG,
	    "store https://s:8200: 404 with 2 bytes of application/json, which "
	    "is not how the store answers" },
};

static void test_fault(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(fault_row); i++) {
		struct fault f = FAULT_NONE;
		struct vault_failure x = {
			.store = "https://s:8200",
			.status = fault_row[i].status,
			.content_type = fault_row[i].type,
			.body = fault_row[i].body,
			.n = strlen(fault_row[i].body),
		};
		int r = vault_fault(&f, &x);

		if (r != fault_row[i].want || strcmp(f.text, fault_row[i].text))
			fail_msg(
			    "%s: got %d, %s", fault_row[i].label, r, f.text);
		assert_true(f.hint[0]);
	}
}

static void test_errors_body(void **state)
{
	char to[100], words[100];
	size_t n = vault_errors_body(to, sizeof(to), "a \"b\"\n");

	(void)state;
	assert_int_equal(vault_errors(words, sizeof(words), to, n), 1);
	assert_string_equal(words, "a \"b\"");
	n = vault_errors_body(to, sizeof(to), "\xff");
	assert_int_equal(vault_errors(words, sizeof(words), to, n), 1);
	assert_string_equal(words, "internal error");
}

static void test_errors_cut(void **state)
{
	char words[8];

	(void)state;
	assert_int_equal(vault_errors(words, sizeof(words),
			     BODY("{\"errors\":[\"12345\",\"678\",7]}")),
	    2);
	assert_string_equal(words, "12345;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_lease),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_login_refused),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_copy_login),
		cmocka_unit_test(test_copy_renew),
		cmocka_unit_test(test_copy_lease),
		cmocka_unit_test(test_read_auth),
		cmocka_unit_test(test_read_values),
		cmocka_unit_test(test_read_nul),
		cmocka_unit_test(test_read_dynamic),
		cmocka_unit_test(test_read_secret_refused),
		cmocka_unit_test(test_read_limits),
		cmocka_unit_test(test_read_version),
		cmocka_unit_test(test_kv_path),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_errors_body),
		cmocka_unit_test(test_errors_cut),
	};

	vault_wipe_json();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
