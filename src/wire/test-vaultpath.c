#include "wire/vaultpath.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Every row: what comes in, and either the canonical target or the refusal. */
static const struct {
	const char *label, *target;
	int want;
	const char *canonical;
} parse_row[] = {
	{ "a read", "/v1/secret/data/a", 0, "/v1/secret/data/a" },
	{ "a folder", "/v1/secret/metadata/", 0, "/v1/secret/metadata/" },
	{ "a query is not part of it", "/v1/a/b?version=2", 0, "/v1/a/b" },
	{ "an escape decoded once", "/v1/a/%61b", 0, "/v1/a/ab" },
	{ "a percent sign stays one", "/v1/a/%2561", 0, "/v1/a/%2561" },
	{ "a space", "/v1/a/x%20y", 0, "/v1/a/x%20y" },
	{ "a plus sign is one", "/v1/a/x+y", 0, "/v1/a/x%2by" },
	{ "a question mark escaped", "/v1/a/b%3fc", 0, "/v1/a/b%3fc" },
	{ "UTF-8", "/v1/a/%C3%A9", 0, "/v1/a/%c3%a9" },
	{ "three dots in the middle", "/v1/a/.../b", 0, "/v1/a/.../b" },
	{ "a dot first", "/v1/a/.b", 0, "/v1/a/.b" },

	{ "empty", "", VAULT_PATH_E_PREFIX, NULL },
	{ "no prefix", "/secret/data/a", VAULT_PATH_E_PREFIX, NULL },
	{ "another version", "/v2/secret/data/a", VAULT_PATH_E_PREFIX, NULL },
	{ "prefix in capitals", "/V1/secret", VAULT_PATH_E_PREFIX, NULL },
	{ "prefix escaped", "/%761/secret", VAULT_PATH_E_PREFIX, NULL },
	{ "only the prefix", "/v1/", VAULT_PATH_E_PREFIX, NULL },
	{ "only the prefix and a query", "/v1/?a=b", VAULT_PATH_E_PREFIX,
	    NULL },
	{ "an absolute URI", "http://x/v1/a", VAULT_PATH_E_PREFIX, NULL },
	{ "a fragment", "/v1/a#b", VAULT_PATH_E_PREFIX, NULL },
	{ "two slashes first", "/v1//a", VAULT_PATH_E_SEGMENT, NULL },
	{ "two slashes within", "/v1/a//b", VAULT_PATH_E_SEGMENT, NULL },
	{ "two slashes last", "/v1/a//", VAULT_PATH_E_SEGMENT, NULL },
	{ "up", "/v1/secret/../sys/seal", VAULT_PATH_E_SEGMENT, NULL },
	{ "up, last", "/v1/secret/..", VAULT_PATH_E_SEGMENT, NULL },
	{ "here", "/v1/secret/./a", VAULT_PATH_E_SEGMENT, NULL },
	{ "up, escaped", "/v1/secret/%2e%2e/sys", VAULT_PATH_E_SEGMENT, NULL },
	{ "up, half escaped", "/v1/secret/.%2E/sys", VAULT_PATH_E_SEGMENT,
	    NULL },
	{ "a dot at the end", "/v1/secret/a.", VAULT_PATH_E_SEGMENT, NULL },
	{ "a slash escaped", "/v1/secret%2fdata", VAULT_PATH_E_ESCAPE, NULL },
	{ "a slash escaped, capital", "/v1/a%2Fb", VAULT_PATH_E_ESCAPE, NULL },
	{ "half an escape", "/v1/a/%4", VAULT_PATH_E_ESCAPE, NULL },
	{ "an escape of nothing", "/v1/a/%", VAULT_PATH_E_ESCAPE, NULL },
	{ "no hex", "/v1/a/%zz", VAULT_PATH_E_ESCAPE, NULL },
	{ "an escape over a slash", "/v1/a/%4/1", VAULT_PATH_E_ESCAPE, NULL },
	{ "NUL escaped", "/v1/a/b%00c", VAULT_PATH_E_CHARACTER, NULL },
	{ "line break escaped", "/v1/a/b%0d%0a", VAULT_PATH_E_CHARACTER, NULL },
	{ "DEL escaped", "/v1/a/%7f", VAULT_PATH_E_CHARACTER, NULL },
	{ "a backslash", "/v1/a\\b", VAULT_PATH_E_CHARACTER, NULL },
	{ "a backslash escaped", "/v1/a%5c..%5cb", VAULT_PATH_E_CHARACTER,
	    NULL },
	{ "a bare high byte", "/v1/a/\xc3\xa9", VAULT_PATH_E_CHARACTER, NULL },
	{ "a lone continuation", "/v1/a/%a9", VAULT_PATH_E_CHARACTER, NULL },
	{ "an overlong slash", "/v1/a%c0%afb", VAULT_PATH_E_CHARACTER, NULL },
	{ "an overlong dot", "/v1/%e0%80%ae", VAULT_PATH_E_CHARACTER, NULL },
	{ "a surrogate", "/v1/a/%ed%a0%80", VAULT_PATH_E_CHARACTER, NULL },
	{ "cut UTF-8", "/v1/a/%c3", VAULT_PATH_E_CHARACTER, NULL },
	{ "C1 control", "/v1/a/%c2%85", VAULT_PATH_E_CHARACTER, NULL },
	{ "a parameter without name", "/v1/a?=b", VAULT_PATH_E_QUERY, NULL },
	{ "an empty parameter", "/v1/a?&b=c", VAULT_PATH_E_QUERY, NULL },
	{ "a parameter twice", "/v1/a?b=1&b=2", VAULT_PATH_E_QUERY, NULL },
	{ "twice, once escaped", "/v1/a?b=1&%62=2", VAULT_PATH_E_QUERY, NULL },
	{ "nine parameters", "/v1/a?a&b&c&d&e&f&g&h&i", VAULT_PATH_E_SIZE,
	    NULL },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(parse_row); i++) {
		struct vault_path p;
		char text[VAULT_TARGET_MOST] = "";
		int r = vault_path_parse(&p, parse_row[i].target);

		if (r != parse_row[i].want)
			fail_msg("%s: got %d", parse_row[i].label, r);
		if (r)
			continue;
		assert_int_equal(vault_path_print(&p, text, sizeof(text)), 0);
		if (strcmp(text, parse_row[i].canonical))
			fail_msg("%s: got %s", parse_row[i].label, text);
	}
}

static void test_parse_limits(void **state)
{
	char target[VAULT_TARGET_MOST] = "/v1";
	struct vault_path p;

	(void)state;
	for (size_t i = 0; i < VAULT_SEGMENTS_MOST; i++)
		strcat(target, "/a");
	assert_int_equal(vault_path_parse(&p, target), 0);
	assert_int_equal(p.n_segments, VAULT_SEGMENTS_MOST);
	strcat(target, "/a");
	assert_int_equal(vault_path_parse(&p, target), VAULT_PATH_E_SIZE);

	strcpy(target, "/v1/");
	memset(target + 4, 'x', VAULT_PATH_MOST - 1);
	target[4 + VAULT_PATH_MOST - 1] = '\0';
	assert_int_equal(vault_path_parse(&p, target), 0);
	strcat(target, "x");
	assert_int_equal(vault_path_parse(&p, target), VAULT_PATH_E_SIZE);
}

/* The longest path of characters that are all escaped still prints. */
static void test_print_longest(void **state)
{
	char text[VAULT_PATH_MOST], target[VAULT_TARGET_MOST];
	struct vault_path p, again;

	(void)state;
	memset(text, '%', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(vault_path_plain(&p, text), 0);
	assert_int_equal(vault_path_print(&p, target, sizeof(target)), 0);
	assert_int_equal(vault_path_parse(&again, target), 0);
	assert_string_equal(vault_path_segment(&again, 0), text);
	assert_int_equal(vault_path_print(&p, target, 100), -ENOBUFS);
}

static void test_query(void **state)
{
	struct vault_path p;

	(void)state;
	assert_int_equal(
	    vault_path_parse(&p, "/v1/a?version=2&list=tr%75e&x=a+b%2fc&y"), 0);
	assert_string_equal(vault_path_query(&p, "version"), "2");
	assert_string_equal(vault_path_query(&p, "list"), "true");
	assert_string_equal(vault_path_query(&p, "x"), "a b/c");
	assert_string_equal(vault_path_query(&p, "y"), "");
	assert_null(vault_path_query(&p, "z"));
	assert_int_equal(p.n_query, 4);
}

static void test_plain(void **state)
{
	struct vault_path p;
	char text[VAULT_TARGET_MOST];

	(void)state;
	assert_int_equal(vault_path_plain(&p, "secret/data/100% of a b/"), 0);
	assert_true(p.folder);
	assert_int_equal(vault_path_print(&p, text, sizeof(text)), 0);
	assert_string_equal(text, "/v1/secret/data/100%25%20of%20a%20b/");
	assert_int_equal(vault_path_plain(&p, ""), VAULT_PATH_E_PREFIX);
	assert_int_equal(vault_path_plain(&p, "/a"), VAULT_PATH_E_SEGMENT);
	assert_int_equal(vault_path_plain(&p, "a/../b"), VAULT_PATH_E_SEGMENT);
}

static const struct {
	const char *path, *prefix;
	bool want;
} below_row[] = {
	{ "secret/data/a", "secret/", true },
	{ "secret/data/a", "secret", true },
	{ "secret", "secret/", true },
	{ "secrets/data/a", "secret/", false },
	{ "secre", "secret/", false },
	{ "secret/data/ab", "secret/data/a/", false },
	{ "secret", "secret/data/", false },
	{ "other/secret/data", "secret/", false },
	{ "Secret/data/a", "secret/", false },
};

static void test_below(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(below_row); i++) {
		struct vault_path p, prefix;

		assert_int_equal(vault_path_plain(&p, below_row[i].path), 0);
		assert_int_equal(
		    vault_path_plain(&prefix, below_row[i].prefix), 0);
		if (vault_path_below(&p, &prefix) != below_row[i].want)
			fail_msg("%s below %s", below_row[i].path,
			    below_row[i].prefix);
	}
}

static const struct {
	const char *method, *target;
	enum vault_operation want;
} operation_row[] = {
	{ "POST", "/v1/auth/jwt/login", VAULT_LOGIN },
	{ "PUT", "/v1/auth/ct/x/login", VAULT_LOGIN },
	{ "GET", "/v1/auth/jwt/login", VAULT_OTHER },
	{ "POST", "/v1/auth/jwt/login/", VAULT_OTHER },
	{ "POST", "/v1/auth/login", VAULT_OTHER },
	{ "POST", "/v1/auth/token/login", VAULT_OTHER },
	{ "POST", "/v1/auth/token/create", VAULT_OTHER },
	{ "POST", "/v1/auth/jwt/role/login", VAULT_LOGIN },
	{ "GET", "/v1/auth/token/lookup-self", VAULT_TOKEN_LOOKUP_SELF },
	{ "GET", "/v1/auth/token/lookup-self/", VAULT_OTHER },
	{ "POST", "/v1/auth/token/renew-self", VAULT_TOKEN_RENEW_SELF },
	{ "PUT", "/v1/auth/token/renew-self", VAULT_TOKEN_RENEW_SELF },
	{ "GET", "/v1/auth/token/renew-self", VAULT_OTHER },
	{ "POST", "/v1/auth/token/revoke-self", VAULT_TOKEN_REVOKE_SELF },
	{ "POST", "/v1/auth/token/revoke", VAULT_OTHER },
	{ "PUT", "/v1/sys/leases/renew", VAULT_LEASE_RENEW },
	{ "PUT", "/v1/sys/leases/renew/x", VAULT_OTHER },
	{ "PUT", "/v1/sys/leases/revoke", VAULT_OTHER },
	{ "GET", "/v1/sys/health", VAULT_HEALTH },
	{ "HEAD", "/v1/sys/health", VAULT_HEALTH },
	{ "POST", "/v1/sys/health", VAULT_OTHER },
	{ "GET", "/v1/sys/health/x", VAULT_OTHER },
	{ "GET", "/v1/sys/seal-status", VAULT_SEAL_STATUS },
	{ "PUT", "/v1/sys/seal", VAULT_OTHER },
	{ "GET", "/v1/sys/internal/ui/mounts", VAULT_MOUNTS },
	{ "GET", "/v1/sys/internal/ui/mounts/", VAULT_MOUNTS },
	{ "GET", "/v1/sys/internal/ui/mounts/secret", VAULT_MOUNT },
	{ "GET", "/v1/sys/internal/ui/mounts/secret/a/", VAULT_MOUNT },
	{ "GET", "/v1/sys/internal/ui/namespaces", VAULT_OTHER },
	{ "GET", "/v1/sys/mounts", VAULT_OTHER },
	{ "GET", "/v1/sys", VAULT_OTHER },
	{ "GET", "/v1/auth", VAULT_OTHER },
	{ "GET", "/v1/secret/data/a", VAULT_READ },
	{ "LIST", "/v1/secret/metadata/", VAULT_LIST },
	{ "GET", "/v1/secret/metadata?list=true", VAULT_LIST },
	{ "GET", "/v1/secret/metadata?list=false", VAULT_READ },
	{ "POST", "/v1/secret/data/a?list=true", VAULT_WRITE },
	{ "POST", "/v1/secret/data/a", VAULT_WRITE },
	{ "PUT", "/v1/secret/data/a", VAULT_WRITE },
	{ "PATCH", "/v1/secret/data/a", VAULT_PATCH },
	{ "DELETE", "/v1/secret/data/a", VAULT_DELETE },
	{ "HEAD", "/v1/secret/data/a", VAULT_OTHER },
	{ "get", "/v1/secret/data/a", VAULT_OTHER },
	{ "SCAN", "/v1/secret/metadata", VAULT_OTHER },
};

static void test_drop(void **state)
{
	struct vault_path p;
	char text[VAULT_PATH_MOST];

	(void)state;
	assert_int_equal(vault_path_parse(&p, "/v1/a/b/c?x=1"), 0);
	vault_path_drop(&p, 0);
	assert_int_equal(p.n_segments, 3);
	vault_path_drop(&p, 2);
	assert_int_equal(vault_path_join(&p, 0, 1, text, sizeof(text)), 0);
	assert_string_equal(text, "c");
	assert_string_equal(vault_path_query(&p, "x"), "1");
	vault_path_drop(&p, 1);
	assert_string_equal(vault_path_segment(&p, 0), "");
}

static void test_operation(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(operation_row); i++) {
		struct vault_path p;
		enum vault_operation op;

		assert_int_equal(
		    vault_path_parse(&p, operation_row[i].target), 0);
		op = vault_operation_of(&p, operation_row[i].method);
		if (op != operation_row[i].want)
			fail_msg("%s %s: got %s", operation_row[i].method,
			    operation_row[i].target, vault_operation_name(op));
	}
}

static void test_join(void **state)
{
	struct vault_path p;
	char text[16];

	(void)state;
	assert_int_equal(vault_path_plain(&p, "auth/ct/x/login"), 0);
	assert_int_equal(vault_path_join(&p, 1, 3, text, sizeof(text)), 0);
	assert_string_equal(text, "ct/x");
	assert_int_equal(vault_path_join(&p, 1, 1, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(vault_path_join(&p, 0, 4, text, 15), -ENOBUFS);
	assert_int_equal(vault_path_join(&p, 0, 4, text, 16), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_limits),
		cmocka_unit_test(test_print_longest),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_operation),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
