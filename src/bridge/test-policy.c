#include "bridge/policy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* The bridge of the table: two allowed paths and the mount ct/x. */
static void policy_open(struct policy *p)
{
	static const char *const paths[] = { "secret/", "db/creds/app" };
	struct fault f = FAULT_NONE;

	if (policy_init(p, paths, N_ELEMS(paths), "ct/x", &f))
		fail_msg("%s", f.text);
}

#define TOKEN                                                                  \
	{                                                                      \
		"x-vault-token", "s.t"                                         \
	}
enum { FIELDS_MOST = 3 };

struct row {
	const char *label, *method, *target;
	struct http_field fields[FIELDS_MOST];
	enum policy_reason want;
	const char *sent; /* "METHOD target token", for what is allowed */
};

static const struct row allowed[] = {
	{ "read", "GET", "/v1/secret/data/a", { TOKEN }, 0,
	    "GET /v1/secret/data/a s.t" },
	{ "a version", "GET", "/v1/secret/data/a?version=12", { TOKEN }, 0,
	    "GET /v1/secret/data/a?version=12 s.t" },
	{ "metadata", "GET", "/v1/secret/metadata/a", { TOKEN }, 0,
	    "GET /v1/secret/metadata/a s.t" },
	{ "listing", "LIST", "/v1/secret/metadata/a/", { TOKEN }, 0,
	    "LIST /v1/secret/metadata/a/ s.t" },
	{ "listing by GET", "GET", "/v1/secret/metadata?list=true", { TOKEN },
	    0, "LIST /v1/secret/metadata s.t" },
	{ "a dynamic read", "GET", "/v1/db/creds/app", { TOKEN }, 0,
	    "GET /v1/db/creds/app s.t" },
	{ "escapes are written anew", "GET", "/v1/s%65cret/data/a%3Fb%20c",
	    { TOKEN }, 0, "GET /v1/secret/data/a%3fb%20c s.t" },
	{ "bearer", "GET", "/v1/secret/data/a",
	    { { "authorization", "Bearer s.t" } }, 0,
	    "GET /v1/secret/data/a s.t" },
	{ "bearer in small letters", "GET", "/v1/secret/data/a",
	    { { "authorization", "bearer s.t" } }, 0,
	    "GET /v1/secret/data/a s.t" },
	{ "the same token twice", "GET", "/v1/secret/data/a",
	    { TOKEN, { "authorization", "Bearer s.t" } }, 0,
	    "GET /v1/secret/data/a s.t" },
	{ "other headers do not matter", "GET", "/v1/secret/data/a",
	    { TOKEN, { "x-forwarded-for", "1.2.3.4" },
		{ "x-vault-request", "true" } },
	    0, "GET /v1/secret/data/a s.t" },
	{ "basic authorization is not a token", "GET", "/v1/secret/data/a",
	    { TOKEN, { "authorization", "Basic eDp5" } }, 0,
	    "GET /v1/secret/data/a s.t" },
	{ "own token", "GET", "/v1/auth/token/lookup-self", { TOKEN }, 0,
	    "GET /v1/auth/token/lookup-self s.t" },
	{ "revoke", "PUT", "/v1/auth/token/revoke-self", { TOKEN }, 0,
	    "POST /v1/auth/token/revoke-self s.t" },
	{ "health", "GET", "/v1/sys/health", { { 0 } }, 0,
	    "GET /v1/sys/health -" },
	{ "health, no token needed nor sent", "HEAD",
	    "/v1/sys/health?standbyok=true&activecode=299", { TOKEN }, 0,
	    "HEAD /v1/sys/health?standbyok=true&activecode=299 -" },
	{ "seal status", "GET", "/v1/sys/seal-status", { { 0 } }, 0,
	    "GET /v1/sys/seal-status -" },
	{ "mounts", "GET", "/v1/sys/internal/ui/mounts", { TOKEN }, 0,
	    "GET /v1/sys/internal/ui/mounts s.t" },
	{ "mounts without token", "GET", "/v1/sys/internal/ui/mounts",
	    { { 0 } }, 0, "GET /v1/sys/internal/ui/mounts -" },
	{ "a mount", "GET", "/v1/sys/internal/ui/mounts/secret/a", { TOKEN }, 0,
	    "GET /v1/sys/internal/ui/mounts/secret/a s.t" },
};

/* Everything here must end before the store sees it. */
static const struct row refused[] = {
	/* other paths */
	{ "another mount", "GET", "/v1/kv/data/a", { TOKEN }, POLICY_OUTSIDE },
	{ "a mount whose name begins alike", "GET", "/v1/secrets/data/a",
	    { TOKEN }, POLICY_OUTSIDE },
	{ "another role", "GET", "/v1/db/creds/admin", { TOKEN },
	    POLICY_OUTSIDE },
	{ "a role whose name begins alike", "GET", "/v1/db/creds/apple",
	    { TOKEN }, POLICY_OUTSIDE },
	{ "the engine's configuration", "GET", "/v1/db/config/x", { TOKEN },
	    POLICY_OUTSIDE },
	{ "another case", "GET", "/v1/Secret/data/a", { TOKEN },
	    POLICY_OUTSIDE },
	{ "a listing elsewhere", "LIST", "/v1/kv/metadata", { TOKEN },
	    POLICY_OUTSIDE },
	{ "a namespace in the path", "GET", "/v1/ns/secret/data/a", { TOKEN },
	    POLICY_OUTSIDE },
	{ "identity", "GET", "/v1/identity/entity/id", { TOKEN },
	    POLICY_OUTSIDE },
	{ "cubbyhole", "GET", "/v1/cubbyhole/a", { TOKEN }, POLICY_OUTSIDE },

	/* other operations */
	{ "write", "POST", "/v1/secret/data/a", { TOKEN }, POLICY_OPERATION },
	{ "write by PUT", "PUT", "/v1/secret/data/a", { TOKEN },
	    POLICY_OPERATION },
	{ "patch", "PATCH", "/v1/secret/data/a", { TOKEN }, POLICY_OPERATION },
	{ "delete", "DELETE", "/v1/secret/data/a", { TOKEN },
	    POLICY_OPERATION },
	{ "HEAD of a secret", "HEAD", "/v1/secret/data/a", { TOKEN },
	    POLICY_OPERATION },
	{ "scan", "SCAN", "/v1/secret/metadata", { TOKEN }, POLICY_OPERATION },
	{ "a method in small letters", "get", "/v1/secret/data/a", { TOKEN },
	    POLICY_OPERATION },
	{ "a folder read", "GET", "/v1/secret/data/a/", { TOKEN },
	    POLICY_OPERATION },
	{ "policies", "GET", "/v1/sys/policies/acl/x", { TOKEN },
	    POLICY_OPERATION },
	{ "mounts of the administrator", "GET", "/v1/sys/mounts", { TOKEN },
	    POLICY_OPERATION },
	{ "seal", "PUT", "/v1/sys/seal", { TOKEN }, POLICY_OPERATION },
	{ "raw storage", "GET", "/v1/sys/raw/x", { TOKEN }, POLICY_OPERATION },
	{ "below health", "GET", "/v1/sys/health/x", { TOKEN },
	    POLICY_OPERATION },
	{ "making tokens", "POST", "/v1/auth/token/create", { TOKEN },
	    POLICY_OPERATION },
	{ "others' tokens", "POST", "/v1/auth/token/lookup", { TOKEN },
	    POLICY_OPERATION },
	{ "renewing others' tokens", "POST", "/v1/auth/token/renew", { TOKEN },
	    POLICY_OPERATION },
	{ "revoking others' tokens", "POST", "/v1/auth/token/revoke", { TOKEN },
	    POLICY_OPERATION },
	{ "revoking leases", "PUT", "/v1/sys/leases/revoke", { TOKEN },
	    POLICY_OPERATION },
	{ "a lease in the path", "PUT", "/v1/sys/leases/renew/db/x", { TOKEN },
	    POLICY_OPERATION },
	{ "wrapping", "POST", "/v1/sys/wrapping/unwrap", { TOKEN },
	    POLICY_OPERATION },
	{ "login by GET", "GET", "/v1/auth/ct/x/login", { { 0 } },
	    POLICY_OPERATION },

	/* logins elsewhere */
	{ "another mount", "POST", "/v1/auth/jwt/login", { { 0 } },
	    POLICY_MOUNT },
	{ "half the mount", "POST", "/v1/auth/ct/login", { { 0 } },
	    POLICY_MOUNT },
	{ "a role named login", "POST", "/v1/auth/ct/x/role/login", { TOKEN },
	    POLICY_MOUNT },
	{ "below the login", "POST", "/v1/auth/ct/x/login/login", { { 0 } },
	    POLICY_MOUNT },
	{ "a user of userpass", "POST", "/v1/auth/ct/x/login/bob", { { 0 } },
	    POLICY_OPERATION },
	{ "the mount's configuration", "POST", "/v1/auth/ct/x/config",
	    { TOKEN }, POLICY_OPERATION },

	/* paths with two readings */
	{ "up", "GET", "/v1/secret/../sys/mounts", { TOKEN }, POLICY_PATH },
	{ "up, escaped", "GET", "/v1/secret/%2e%2e/sys/mounts", { TOKEN },
	    POLICY_PATH },
	{ "up, half escaped", "GET", "/v1/secret/.%2e/sys", { TOKEN },
	    POLICY_PATH },
	{ "up at the end", "GET", "/v1/secret/..", { TOKEN }, POLICY_PATH },
	{ "here", "GET", "/v1/secret/./data/a", { TOKEN }, POLICY_PATH },
	{ "two slashes", "GET", "/v1/secret//data/a", { TOKEN }, POLICY_PATH },
	{ "two slashes first", "GET", "/v1//secret/data/a", { TOKEN },
	    POLICY_PATH },
	{ "an escaped slash", "GET", "/v1/secret%2fdata/a", { TOKEN },
	    POLICY_PATH },
	{ "up over an escaped slash", "GET", "/v1/secret/x%2f..%2f..%2fsys",
	    { TOKEN }, POLICY_PATH },
	{ "a backslash", "GET", "/v1/secret\\..\\sys", { TOKEN }, POLICY_PATH },
	{ "an escaped backslash", "GET", "/v1/secret/%5c..%5csys", { TOKEN },
	    POLICY_PATH },
	{ "NUL", "GET", "/v1/secret/data/a%00/../../sys", { TOKEN },
	    POLICY_PATH },
	{ "line break", "GET", "/v1/secret/data/a%0d%0aX-Vault-Token:%20root",
	    { TOKEN }, POLICY_PATH },
	{ "an overlong dot", "GET", "/v1/secret/%c0%ae%c0%ae/sys", { TOKEN },
	    POLICY_PATH },
	{ "an overlong slash", "GET", "/v1/secret%c0%afdata", { TOKEN },
	    POLICY_PATH },
	{ "a broken escape", "GET", "/v1/secret/data/%4", { TOKEN },
	    POLICY_PATH },
	{ "a dot at the end", "GET", "/v1/secret/data/a.", { TOKEN },
	    POLICY_PATH },
	{ "a fragment", "GET", "/v1/secret/data/a#/../sys", { TOKEN },
	    POLICY_PATH },
	{ "no prefix", "GET", "/secret/data/a", { TOKEN }, POLICY_PATH },
	{ "the prefix doubled", "GET", "/v1/v1/secret/data/a", { TOKEN },
	    POLICY_OUTSIDE },
	{ "another version of the API", "GET", "/v2/secret/data/a", { TOKEN },
	    POLICY_PATH },
	{ "the web page", "GET", "/ui/", { TOKEN }, POLICY_PATH },
	{ "asterisk", "OPTIONS", "*", { TOKEN }, POLICY_PATH },
	{ "no target", "GET", NULL, { TOKEN }, POLICY_PATH },

	/* queries */
	{ "an unknown parameter", "GET", "/v1/secret/data/a?x=1", { TOKEN },
	    POLICY_QUERY },
	{ "a version that is none", "GET", "/v1/secret/data/a?version=x",
	    { TOKEN }, POLICY_QUERY },
	{ "a version and more", "GET",
	    "/v1/secret/data/a?version=1%26list=true", { TOKEN },
	    POLICY_QUERY },
	{ "a version twice", "GET", "/v1/secret/data/a?version=1&version=2",
	    { TOKEN }, POLICY_PATH },
	{ "list of another truth", "GET", "/v1/secret/data/a?list=1", { TOKEN },
	    POLICY_QUERY },
	{ "a namespace as parameter", "GET", "/v1/secret/data/a?namespace=x",
	    { TOKEN }, POLICY_QUERY },
	{ "a parameter for the seal", "GET", "/v1/sys/seal-status?x", { { 0 } },
	    POLICY_QUERY },
	{ "a status that is none", "GET", "/v1/sys/health?activecode=a",
	    { { 0 } }, POLICY_QUERY },
	{ "a parameter at the lookup", "GET",
	    "/v1/auth/token/lookup-self?token=x", { TOKEN }, POLICY_QUERY },
	{ "a parameter at the login", "POST", "/v1/auth/ct/x/login?role=y",
	    { { 0 } }, POLICY_QUERY },

	/* headers */
	{ "a namespace", "GET", "/v1/secret/data/a",
	    { TOKEN, { "x-vault-namespace", "other" } }, POLICY_NAMESPACE },
	{ "an empty namespace", "GET", "/v1/secret/data/a",
	    { TOKEN, { "x-vault-namespace", "" } }, POLICY_NAMESPACE },
	{ "a namespace with a bad path", "GET", "/v1/../x",
	    { TOKEN, { "x-vault-namespace", "other" } }, POLICY_NAMESPACE },
	{ "wrapping", "GET", "/v1/secret/data/a",
	    { TOKEN, { "x-vault-wrap-ttl", "60s" } }, POLICY_HEADER },
	{ "inline authentication", "GET", "/v1/secret/data/a",
	    { { "x-vault-inline-auth-path", "auth/other/login" } },
	    POLICY_HEADER },
	{ "overriding a policy", "GET", "/v1/secret/data/a",
	    { TOKEN, { "x-vault-policy-override", "true" } }, POLICY_HEADER },
	{ "a header of OpenBao's", "GET", "/v1/secret/data/a",
	    { TOKEN, { "x-bao-namespace", "x" } }, POLICY_HEADER },

	/* tokens */
	{ "no token", "GET", "/v1/secret/data/a", { { 0 } }, POLICY_TOKEN },
	{ "an empty token", "GET", "/v1/secret/data/a",
	    { { "x-vault-token", "" } }, POLICY_TOKEN },
	{ "a token of two words", "GET", "/v1/secret/data/a",
	    { { "x-vault-token", "s.a s.b" } }, POLICY_TOKEN },
	{ "two tokens", "GET", "/v1/secret/data/a",
	    { TOKEN, { "x-vault-token", "s.u" } }, POLICY_TOKEN },
	{ "two tokens in two headers", "GET", "/v1/secret/data/a",
	    { TOKEN, { "authorization", "Bearer s.u" } }, POLICY_TOKEN },
	{ "only basic authorization", "GET", "/v1/secret/data/a",
	    { { "authorization", "Basic eDp5" } }, POLICY_TOKEN },
	{ "no token at the renewal", "POST", "/v1/auth/token/renew-self",
	    { { 0 } }, POLICY_TOKEN },
};

static void judge(
    const struct policy *p, const struct row *row, struct policy_verdict *v)
{
	struct http_head head = { .method = row->method,
		.target = row->target,
		.fields = row->fields };

	while (head.n_fields < FIELDS_MOST && row->fields[head.n_fields].name)
		head.n_fields++;
	assert_int_equal(policy_judge(p, &head, v), 0);
}

static void test_allowed(void **state)
{
	struct policy p;

	(void)state;
	policy_open(&p);
	for (size_t i = 0; i < N_ELEMS(allowed); i++) {
		struct policy_verdict v;
		char sent[VAULT_TARGET_MOST + 64];

		judge(&p, &allowed[i], &v);
		if (v.reason)
			fail_msg("%s: %s", allowed[i].label,
			    policy_reason_name(v.reason));
		snprintf(sent, sizeof(sent), "%s %s %s", v.call.method,
		    v.call.target, v.token ? secret_bytes(v.token) : "-");
		if (strcmp(sent, allowed[i].sent))
			fail_msg("%s: sent %s", allowed[i].label, sent);
		assert_false(v.wants_body);
		assert_int_equal(v.call.needs_token, v.token != NULL);
		policy_verdict_clear(&v);
	}
}

static void test_refused(void **state)
{
	struct policy p;

	(void)state;
	policy_open(&p);
	for (size_t i = 0; i < N_ELEMS(refused); i++) {
		struct policy_verdict v;

		judge(&p, &refused[i], &v);
		if (v.reason != refused[i].want)
			fail_msg("%s (%s): %s", refused[i].label,
			    refused[i].target, policy_reason_name(v.reason));
		assert_null(v.token);
		assert_null(v.call.body);
		assert_true(policy_reason_status(v.reason) >= 400);
		assert_true(*policy_reason_text(v.reason));
	}
}

static const struct {
	const char *label, *target, *body;
	enum policy_reason want;
	const char *sent;
} bodies[] = {
	{ "login", "/v1/auth/ct/x/login",
	    "{ \"jwt\": \"a.b.c\", \"role\": \"r\" }", 0,
	    "POST /v1/auth/ct/x/login {\"role\":\"r\",\"jwt\":\"a.b.c\"} -" },
	{ "renewal of the token", "/v1/auth/token/renew-self",
	    "{\"increment\":\"5m\"}", 0,
	    "POST /v1/auth/token/renew-self {\"increment\":300} s.t" },
	{ "renewal without a wish", "/v1/auth/token/renew-self", "", 0,
	    "POST /v1/auth/token/renew-self {} s.t" },
	{ "renewal of a lease", "/v1/sys/leases/renew",
	    "{\"lease_id\":\"db/creds/app/1\"}", 0,
	    "POST /v1/sys/leases/renew {\"lease_id\":\"db/creds/app/1\"} s.t" },
	{ "login without a JWT", "/v1/auth/ct/x/login", "{\"role\":\"r\"}",
	    POLICY_BODY },
	{ "login with more", "/v1/auth/ct/x/login",
	    "{\"role\":\"r\",\"jwt\":\"a.b.c\",\"token_policies\":[\"root\"]}",
	    POLICY_BODY },
	{ "login with two JWTs", "/v1/auth/ct/x/login",
	    "{\"jwt\":\"a.b.c\",\"jwt\":\"d.e.f\"}", POLICY_BODY },
	{ "login as a form", "/v1/auth/ct/x/login", "role=r&jwt=a.b.c",
	    POLICY_BODY },
	{ "login with nothing", "/v1/auth/ct/x/login", "", POLICY_BODY },
	{ "renewal of another token", "/v1/auth/token/renew-self",
	    "{\"token\":\"s.u\"}", POLICY_BODY },
	{ "renewal with JSON behind JSON", "/v1/auth/token/renew-self",
	    "{}{\"token\":\"s.u\"}", POLICY_BODY },
	{ "a lease without a name", "/v1/sys/leases/renew", "{}", POLICY_BODY },
	{ "a lease with a line break", "/v1/sys/leases/renew",
	    "{\"lease_id\":\"a\\r\\nb\"}", POLICY_BODY },
};

static void test_bodies(void **state)
{
	static const struct http_field token = TOKEN;
	struct policy p;

	(void)state;
	policy_open(&p);
	for (size_t i = 0; i < N_ELEMS(bodies); i++) {
		struct row row = { .method = "POST",
			.target = bodies[i].target,
			.fields = { token } };
		struct policy_verdict v;
		char sent[VAULT_TARGET_MOST + 400];

		judge(&p, &row, &v);
		assert_int_equal(v.reason, POLICY_ALLOWED);
		assert_true(v.wants_body);
		assert_int_equal(policy_judge_body(&p, &v, bodies[i].body,
				     strlen(bodies[i].body)),
		    0);
		if (v.reason != bodies[i].want)
			fail_msg("%s: %s", bodies[i].label,
			    policy_reason_name(v.reason));
		snprintf(sent, sizeof(sent), "%s %s %s %s", v.call.method,
		    v.call.target, v.call.body ? secret_bytes(v.call.body) : "",
		    v.token ? secret_bytes(v.token) : "-");
		if (!v.reason && strcmp(sent, bodies[i].sent))
			fail_msg("%s: sent %s", bodies[i].label, sent);
		policy_verdict_clear(&v);
	}
}

static const struct {
	const char *label, *path, *mount, *want;
} configurations[] = {
	{ "up", "secret/../sys", "jwt", "--allow-path secret/../sys" },
	{ "empty", "", "jwt", "--allow-path" },
	{ "a leading slash", "/secret", "jwt", "--allow-path /secret" },
	{ "sys", "sys/", "jwt", "sys/ is never passed on whole" },
	{ "auth", "auth/jwt/", "jwt", "auth/ is never passed on whole" },
	{ "everybody's cubbyhole", "cubbyhole", "jwt", "cubbyhole/ is never" },
	{ "no mount", "secret/", "", "--auth-mount" },
	{ "tokens as mount", "secret/", "token", "--auth-mount token" },
	{ "a mount that goes up", "secret/", "../sys", "--auth-mount ../sys" },
};

static void test_configuration(void **state)
{
	struct policy p;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(configurations); i++) {
		struct fault f = FAULT_NONE;

		assert_int_equal(policy_init(&p, &configurations[i].path, 1,
				     configurations[i].mount, &f),
		    -EINVAL);
		if (!strstr(f.text, configurations[i].want))
			fail_msg("%s: %s", configurations[i].label, f.text);
	}
}

static void test_configuration_limit(void **state)
{
	const char *paths[POLICY_ALLOW_MOST + 1];
	struct policy p;
	struct fault f = FAULT_NONE;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(paths); i++)
		paths[i] = "secret/";
	assert_int_equal(
	    policy_init(&p, paths, POLICY_ALLOW_MOST, "jwt", &f), 0);
	assert_int_equal(
	    policy_init(&p, paths, POLICY_ALLOW_MOST + 1, "jwt", &f), -EINVAL);
	assert_string_equal(f.text, "--allow-path: more than 64");
}

/* With no path allowed nothing is read. */
static void test_nothing_allowed(void **state)
{
	struct policy p;
	struct fault f = FAULT_NONE;
	struct policy_verdict v;

	(void)state;
	assert_int_equal(policy_init(&p, NULL, 0, "jwt", &f), 0);
	judge(&p, &allowed[0], &v);
	assert_int_equal(v.reason, POLICY_OUTSIDE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_configuration_limit),
		cmocka_unit_test(test_nothing_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
