#include "wire/kube.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define BODY(text) (text), strlen(text)

/* ---- requests ----------------------------------------------------------- */

static void test_gets(void **state)
{
	struct kube_call c;

	(void)state;
	assert_int_equal(kube_call_namespace(&c, "kube-system"), 0);
	assert_string_equal(c.method, "GET");
	assert_string_equal(c.target, "/api/v1/namespaces/kube-system");
	assert_null(c.body);
	assert_int_equal(kube_call_discovery(&c), 0);
	assert_string_equal(c.target, "/.well-known/openid-configuration");
	assert_int_equal(kube_call_keys(&c), 0);
	assert_string_equal(c.target, "/openid/v1/jwks");
}

static void test_token_request(void **state)
{
	struct kube_token_order order = { .name_space = "pharos",
		.account = "broker",
		.audience = "pharos-boot:v1:x\"y",
		.seconds = 600 };
	struct kube_call c;

	(void)state;
	assert_int_equal(kube_call_token(&c, &order), 0);
	assert_string_equal(c.method, "POST");
	assert_string_equal(
	    c.target, "/api/v1/namespaces/pharos/serviceaccounts/broker/token");
	assert_string_equal(secret_bytes(c.body),
	    "{\"apiVersion\":\"authentication.k8s.io/v1\","
	    "\"kind\":\"TokenRequest\",\"spec\":{\"audiences\":["
	    "\"pharos-boot:v1:x\\\"y\"],\"expirationSeconds\":600}}");
	kube_call_clear(&c);
	kube_call_clear(&c);
	order.pod_name = "broker-0";
	order.pod_uid = "u-1";
	assert_int_equal(kube_call_token(&c, &order), 0);
	assert_non_null(strstr(secret_bytes(c.body),
	    "\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\","
	    "\"name\":\"broker-0\",\"uid\":\"u-1\"}"));
	kube_call_clear(&c);
}

static const struct {
	const char *label;
	struct kube_token_order order;
} bad_orders[] = {
	{ "a namespace that is a path", { "a/b", "c", "d", 600 } },
	{ "a namespace of dots", { "..", "c", "d", 600 } },
	{ "dots within", { "a..b", "c", "d", 600 } },
	{ "an empty account", { "a", "", "d", 600 } },
	{ "an account with a query", { "a", "c?x", "d", 600 } },
	{ "an account with an escape", { "a", "%2e", "d", 600 } },
	{ "upper case", { "a", "C", "d", 600 } },
	{ "no audience", { "a", "c", "", 600 } },
	{ "too short a life", { "a", "c", "d", 599 } },
	{ "a pod without its UID", { "a", "c", "d", 600, "p", NULL } },
	{ "a pod that is a path", { "a", "c", "d", 600, "p/q", "u" } },
	{ "an audience that is no UTF-8", { "a", "c", "\xff", 600 } },
};

static void test_bad_orders(void **state)
{
	char long_name[KUBE_NAME_MOST + 2];
	struct kube_call c;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad_orders); i++)
		if (!kube_call_token(&c, &bad_orders[i].order))
			fail_msg("%s: taken", bad_orders[i].label);
	memset(long_name, 'a', sizeof(long_name));
	long_name[KUBE_NAME_MOST] = '\0';
	assert_int_equal(kube_call_namespace(&c, long_name), 0);
	long_name[KUBE_NAME_MOST] = 'a';
	long_name[KUBE_NAME_MOST + 1] = '\0';
	assert_int_equal(kube_call_namespace(&c, long_name), -EINVAL);
}

static void test_review_request(void **state)
{
	static const char *const bad[] = { "", "a b", "a\nb", "\x7f" };
	CLEANUP(secret_freep) struct secret *token = NULL;
	struct kube_call c;

	(void)state;
	assert_int_equal(secret_from(&token, BODY("a.b.c")), 0);
	assert_int_equal(kube_call_review(&c, token, "pharos-broker"), 0);
	assert_string_equal(
	    c.target, "/apis/authentication.k8s.io/v1/tokenreviews");
	assert_string_equal(secret_bytes(c.body),
	    "{\"apiVersion\":\"authentication.k8s.io/v1\","
	    "\"kind\":\"TokenReview\",\"spec\":{\"token\":\"a.b.c\","
	    "\"audiences\":[\"pharos-broker\"]}}");
	kube_call_clear(&c);
	assert_int_equal(kube_call_review(&c, token, ""), -EINVAL);
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		secret_free(token);
		assert_int_equal(secret_from(&token, BODY(bad[i])), 0);
		assert_int_equal(kube_call_review(&c, token, "x"), -EINVAL);
	}
}

/* ---- answers ------------------------------------------------------------ */

static const struct {
	const char *body, *uid; /* NULL: refused */
} uids[] = {
	{ "{\"kind\":\"Namespace\",\"metadata\":{\"uid\":"
	  "\"0a1b-2C\",\"name\":\"x\"}}",
	    "0a1b-2C" },
	{ "{\"metadata\":{\"uid\":\"\"}}", NULL },
	{ "{\"metadata\":{\"uid\":\"../x\"}}", NULL },
	{ "{\"metadata\":{\"uid\":7}}", NULL },
	{ "{\"metadata\":{}}", NULL },
	{ "{\"metadata\":{\"uid\":\"a\",\"uid\":\"b\"}}", NULL },
	{ "[]", NULL },
	{ "", NULL },
	{ "<html>", NULL },
};

static void test_uids(void **state)
{
	char uid[KUBE_UID_MOST + 1];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(uids); i++) {
		int r = kube_read_uid(uid, BODY(uids[i].body));

		if (r != (uids[i].uid ? 0 : -EBADMSG))
			fail_msg("%s: %d", uids[i].body, r);
		if (!r)
			assert_string_equal(uid, uids[i].uid);
	}
}

static void test_tokens(void **state)
{
	static const char *const bad[] = { "{}", "{\"status\":{}}",
		"{\"status\":{\"token\":\"\"}}",
		"{\"status\":{\"token\":\"a b\"}}",
		"{\"status\":{\"token\":\"a\\r\\nX: y\"}}",
		"{\"status\":{\"token\":\"a\",\"expirationTimestamp\":3}}" };
	struct kube_token t;

	(void)state;
	assert_int_equal(
	    kube_read_token(
		&t, BODY("{\"status\":{\"token\":\"a.b.c\","
			 "\"expirationTimestamp\":\"2026-01-01T00:00:00Z\"}}")),
	    0);
	assert_string_equal(secret_bytes(t.token), "a.b.c");
	assert_string_equal(t.expires, "2026-01-01T00:00:00Z");
	kube_token_clear(&t);
	for (size_t i = 0; i < N_ELEMS(bad); i++)
		if (kube_read_token(&t, BODY(bad[i])) != -EBADMSG)
			fail_msg("%s: taken", bad[i]);
}

#define USER                                                                   \
	"\"user\":{\"username\":\"system:serviceaccount:a:b\",\"extra\":{"     \
	"\"authentication.kubernetes.io/pod-name\":[\"p\"],"                   \
	"\"authentication.kubernetes.io/pod-uid\":[\"u\"]}}"

static const struct {
	const char *label, *body;
	int code;
	bool good;
} reviews[] = {
	{ "good",
	    "{\"status\":{\"authenticated\":true,\"audiences\":[\"x\","
	    "\"pharos-broker\"]," USER "}}",
	    0, true },
	{ "another audience",
	    "{\"status\":{\"authenticated\":true,\"audiences\":[\"x\"]," USER
	    "}}",
	    0, false },
	{ "an API that does not look at audiences",
	    "{\"status\":{\"authenticated\":true," USER "}}", 0, false },
	{ "not authenticated",
	    "{\"status\":{\"authenticated\":false,"
	    "\"audiences\":[\"pharos-broker\"]," USER "}}",
	    0, false },
	{ "nothing said", "{\"status\":{" USER "}}", 0, false },
	{ "as a text",
	    "{\"status\":{\"authenticated\":\"true\","
	    "\"audiences\":[\"pharos-broker\"]," USER "}}",
	    0, false },
	{ "nobody",
	    "{\"status\":{\"authenticated\":true,"
	    "\"audiences\":[\"pharos-broker\"],\"user\":{}}}",
	    0, false },
	{ "refused", "{\"status\":{\"user\":{},\"error\":\"gone\\u001b\"}}", 0,
	    false },
	{ "no status", "{}", -EBADMSG, false },
	{ "a user that is a number", "{\"status\":{\"user\":{\"username\":1}}}",
	    -EBADMSG, false },
};

static void test_reviews(void **state)
{
	struct kube_review v;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(reviews); i++) {
		int r = kube_read_review(
		    &v, "pharos-broker", BODY(reviews[i].body));

		if (r != reviews[i].code || (!r && v.good != reviews[i].good))
			fail_msg("%s: %d", reviews[i].label, r);
	}
	assert_int_equal(
	    kube_read_review(&v, "pharos-broker", BODY(reviews[0].body)), 0);
	assert_string_equal(v.user, "system:serviceaccount:a:b");
	assert_string_equal(v.pod_name, "p");
	assert_string_equal(v.pod_uid, "u");
	assert_int_equal(kube_read_review(&v, "x", BODY(reviews[7].body)), 0);
	assert_string_equal(v.error, "gone?");
}

static void test_too_large(void **state)
{
	char uid[KUBE_UID_MOST + 1];
	static const char head[] = { "{\"metadata\":{\"uid\":\"a\"}}" };
	char *body = malloc(KUBE_ANSWER_MOST + 2);

	(void)state;
	assert_non_null(body);
	memset(body, ' ', KUBE_ANSWER_MOST + 1);
	memcpy(body, head, sizeof(head));
	body[strlen(head)] = ' ';
	assert_int_equal(kube_read_uid(uid, body, KUBE_ANSWER_MOST), 0);
	assert_int_equal(
	    kube_read_uid(uid, body, KUBE_ANSWER_MOST + 1), -EBADMSG);
	free(body);
}

/* ---- a plugin's answer -------------------------------------------------- */

#define API    "client.authentication.k8s.io/v1"
#define ANSWER "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" API "\","

static const struct {
	const char *text, *want; /* NULL: taken */
} credentials[] = {
	{ ANSWER "\"status\":{\"token\":\"t\"}}", NULL },
	{ ANSWER "\"status\":{\"token\":\"t\",\"expirationTimestamp\":null}}",
	    NULL },
	{ ANSWER "\"status\":{\"clientCertificateData\":\"c\","
		 "\"clientKeyData\":\"k\"}}",
	    NULL },
	{ "", "printed nothing" },
	{ "token", "not one JSON object" },
	{ ANSWER "\"status\":{\"token\":\"t\"}} {}", "not one JSON object" },
	{ "{}", "not an ExecCredential" },
	{ "{\"kind\":\"ExecCredential\",\"apiVersion\":\"v1\"}",
	    "expected apiVersion " API ", got v1" },
	{ "{\"kind\":\"ExecCredential\"}", "got none" },
	{ ANSWER "\"spec\":{}}", "no status" },
	{ ANSWER "\"status\":{}}", "neither a token nor" },
	{ ANSWER "\"status\":{\"token\":\"\"}}", "token cannot be one" },
	{ ANSWER "\"status\":{\"token\":7}}", "token cannot be one" },
	{ ANSWER "\"status\":{\"clientKeyData\":\"k\"}}", "must be both" },
	{ ANSWER "\"status\":{\"token\":\"t\",\"expirationTimestamp\":7}}",
	    "is no time" },
};

static void test_credentials(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(credentials); i++) {
		const char *want = credentials[i].want;
		struct fault f = FAULT_NONE;
		struct kube_credential c;
		int r = kube_read_credential(
		    &c, API, BODY(credentials[i].text), &f);

		if (r != (want ? -EBADMSG : 0) ||
		    (want && !strstr(f.text, want)))
			fail_msg("%s: %d %s", credentials[i].text, r, f.text);
		if (r)
			continue;
		assert_true(c.token || (c.cert_pem && c.key_pem));
		kube_credential_clear(&c);
	}
}

/* ---- errors ------------------------------------------------------------- */

#define STATUS(words) "{\"kind\":\"Status\",\"message\":\"" words "\"}"

static const struct {
	int status;
	const char *body;
	int code;
	const char *text, *hint;
} failures[] = {
	{ 401, STATUS("Unauthorized"), -EACCES,
	    "cluster https://c: GET /api/v1/namespaces/kube-system: 401 "
	    "Unauthorized: Unauthorized",
	    "log in again" },
	{ 403, STATUS("namespaces is forbidden"), -EACCES,
	    "403 Forbidden: namespaces is forbidden",
	    "verb get on resource namespaces" },
	{ 404, STATUS("not found"), -ENOENT, "404 Not Found: not found",
	    "Make it in the cluster" },
	{ 404, "page not found", -ENOENT, "404 Not Found", "in between" },
	{ 409, STATUS("changed"), -EINVAL, "409 Conflict: changed", "retry" },
	{ 422, STATUS("bad"), -EINVAL, "422: bad", "" },
	{ 429, STATUS("slow"), -EAGAIN, "429 Too Many Requests", "again" },
	{ 500, STATUS("broken"), -EAGAIN, "500: broken", "log" },
	{ 503, "<html>", -EAGAIN, "503", "log" },
	{ 400, "Client sent an HTTP request", -EINVAL, "400", "in between" },
	{ 302, "", -EBADMSG, "302", "in between" },
	{ 200, "{}", -EBADMSG, "200", "in between" },
	{ 403, "{\"kind\":\"Status\",\"message\":7}", -EACCES, "403 Forbidden",
	    "verb get" },
	{ 403, STATUS("red \\u001b[31m"), -EACCES, "red ?[31m", "verb get" },
};

static void test_failures(void **state)
{
	struct kube_call call;

	(void)state;
	assert_int_equal(kube_call_namespace(&call, "kube-system"), 0);
	for (size_t i = 0; i < N_ELEMS(failures); i++) {
		struct fault f = FAULT_NONE;
		const struct kube_failure x = { .cluster = "https://c",
			.call = &call,
			.status = failures[i].status,
			.body = failures[i].body,
			.n = strlen(failures[i].body) };
		int r = kube_fault(&f, &x);

		if (r != failures[i].code || f.code != r ||
		    !strstr(f.text, failures[i].text) ||
		    !strstr(f.hint, failures[i].hint))
			fail_msg("%zu: %d %s / %s", i, r, f.text, f.hint);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gets),
		cmocka_unit_test(test_token_request),
		cmocka_unit_test(test_bad_orders),
		cmocka_unit_test(test_review_request),
		cmocka_unit_test(test_uids),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_reviews),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
