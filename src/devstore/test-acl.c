#include "devstore/acl.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define RULE(path, list) "path \"" path "\" { capabilities = [" list "] }\n"
#define R		 "\"read\""

static void parse(struct acl *a, const char *text)
{
	char why[ACL_WHY_MOST];

	if (acl_parse(a, text, why))
		fail_msg("%s: %s", text, why);
}

/* One policy, one path: what is allowed on it. */
static const struct {
	const char *label, *policy, *path;
	unsigned want;
} row[] = {
	{ "exact", RULE("secret/data/a", R), "secret/data/a", ACL_READ },
	{ "exact is all of it", RULE("secret/data/a", R), "secret/data/ab", 0 },
	{ "exact is not what is below", RULE("secret/data/a", R),
	    "secret/data/a/b", 0 },
	{ "several", RULE("a", "\"read\",\"list\", \"update\","), "a",
	    ACL_READ | ACL_LIST | ACL_UPDATE },
	{ "nothing", RULE("a", ""), "a", 0 },
	{ "a leading slash does not count", RULE("/a/b", R), "a/b", ACL_READ },
	{ "prefix", RULE("secret/data/*", R), "secret/data/a/b", ACL_READ },
	{ "prefix of a name", RULE("secret/data/te*", R), "secret/data/team",
	    ACL_READ },
	{ "prefix wants what stands before it", RULE("secret/data/*", R),
	    "secret/data", 0 },
	{ "everything", RULE("*", R), "any/thing", ACL_READ },
	{ "a star in the middle is a character", RULE("a/*/b", R), "a/x/b", 0 },
	{ "one segment", RULE("secret/+/a", R), "secret/data/a", ACL_READ },
	{ "not two segments", RULE("secret/+/a", R), "secret/x/y/a", 0 },
	{ "not no segment", RULE("secret/+/a", R), "secret/a", 0 },
	{ "first segment", RULE("+/data/a", R), "kv/data/a", ACL_READ },
	{ "last segment", RULE("secret/+", R), "secret/x", ACL_READ },
	{ "last segment only", RULE("secret/+", R), "secret/x/y", 0 },
	{ "a plus within a segment is a character", RULE("a+b", R), "a+b",
	    ACL_READ },
	{ "segment and prefix", RULE("+/data/te*", R), "kv/data/team/x",
	    ACL_READ },
	{ "segment and prefix, another", RULE("+/data/te*", R), "kv/data/x",
	    0 },
	{ "segment then everything", RULE("a/+/*", R), "a/b/c/d", ACL_READ },
	{ "segment then everything, nothing there", RULE("a/+/*", R), "a/b",
	    0 },
	{ "exact before prefix", RULE("a/*", "\"update\"") RULE("a/b", R),
	    "a/b", ACL_READ },
	{ "longer prefix before shorter",
	    RULE("a/*", "\"update\"") RULE("a/b*", R), "a/bc", ACL_READ },
	{ "the later wildcard counts",
	    RULE("a/+/c", "\"update\"") RULE("a/b/*", R), "a/b/c", ACL_READ },
	{ "no star before star", RULE("a/+/*", "\"update\"") RULE("a/+/c", R),
	    "a/b/c", ACL_READ },
	{ "fewer plus before more",
	    RULE("+/+/c*", "\"update\"") RULE("+/b/c*", R), "a/b/cd",
	    ACL_READ },
	{ "deny on the same path wins", RULE("a", R) RULE("a", "\"deny\""), "a",
	    0 },
	{ "deny on a prefix, allowed on the path",
	    RULE("a/*", "\"deny\"") RULE("a/b", R), "a/b", ACL_READ },
	{ "allowed on a prefix, denied on the path",
	    RULE("a/*", R) RULE("a/b", "\"deny\""), "a/b", 0 },
	{ "the same path adds up", RULE("a", R) RULE("a", "\"update\""), "a",
	    ACL_READ | ACL_UPDATE },
	{ "comments",
	    "# one\n// two\n/* three\n*/ path \"a\" { # four\n"
	    "capabilities = [ /* five */ \"read\" ] }",
	    "a", ACL_READ },
	{ "escaped quote", RULE("a\\\"b", R), "a\"b", ACL_READ },
	{ "JSON", "{\"path\":{\"a/*\":{\"capabilities\":[\"read\",\"sudo\"]}}}",
	    "a/b", ACL_READ | ACL_SUDO },
	{ "empty policy of comments", "# nothing\n", "a", 0 },
};

static void test_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(row); i++) {
		struct acl a = { .rules = NULL };
		const struct acl *list[] = { &a };
		unsigned got;

		parse(&a, row[i].policy);
		got = acl_allows(list, 1, row[i].path, false);
		if (got != row[i].want)
			fail_msg("%s: got %u", row[i].label, got);
		acl_clear(&a);
	}
}

/* The same over two policies: order must not matter. */
static void test_allows_together(void **state)
{
	struct acl a = { .rules = NULL }, b = { .rules = NULL };
	const struct acl *ab[] = { &a, &b }, *ba[] = { &b, &a };

	(void)state;
	parse(&a, RULE("s/*", R) RULE("s/x", "\"deny\""));
	parse(&b, RULE("s/*", "\"update\"") RULE("s/x", R));
	assert_int_equal(
	    acl_allows(ab, 2, "s/y", false), ACL_READ | ACL_UPDATE);
	assert_int_equal(
	    acl_allows(ba, 2, "s/y", false), ACL_READ | ACL_UPDATE);
	assert_int_equal(acl_allows(ab, 2, "s/x", false), 0);
	assert_int_equal(acl_allows(ba, 2, "s/x", false), 0);
	assert_int_equal(acl_allows(NULL, 0, "s/x", false), 0);
	acl_clear(&a);
	acl_clear(&b);
}

static void test_listing(void **state)
{
	struct acl a = { .rules = NULL };
	const struct acl *list[] = { &a };

	(void)state;
	parse(&a, RULE("s/metadata/a", "\"list\""));
	assert_int_equal(acl_allows(list, 1, "s/metadata/a/", true), ACL_LIST);
	assert_int_equal(acl_allows(list, 1, "s/metadata/a/", false), 0);
	assert_int_equal(acl_allows(list, 1, "s/metadata/", true), 0);
	acl_clear(&a);
}

static const struct {
	const char *policy, *mount;
	bool want;
} reach_row[] = {
	{ RULE("secret/data/a", R), "secret/", true },
	{ RULE("secret/data/a", R), "secrets/", false },
	{ RULE("sec*", R), "secret/", true },
	{ RULE("*", R), "secret/", true },
	{ RULE("+/data/a", R), "secret/", true },
	{ RULE("kv/+/a", R), "secret/", false },
	{ RULE("secret/data/a", "\"deny\""), "secret/", false },
	{ RULE("secret/data/a", ""), "secret/", false },
	{ RULE("auth/token/*", R), "secret/", false },
};

static void test_reaches(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(reach_row); i++) {
		struct acl a = { .rules = NULL };
		const struct acl *list[] = { &a };

		parse(&a, reach_row[i].policy);
		if (acl_reaches(list, 1, reach_row[i].mount) !=
		    reach_row[i].want)
			fail_msg("%s at %s", reach_row[i].policy,
			    reach_row[i].mount);
		acl_clear(&a);
	}
}

static const struct {
	const char *label, *policy, *why;
} bad[] = {
	{ "unknown capability", RULE("x", "\"fly\""),
	    "path \"x\": invalid capability \"fly\"" },
	{ "no quotes", "path x {}", "line 1: expected '\"'" },
	{ "another key", "\npth \"x\" { }", "line 2: invalid key \"pth\"" },
	{ "not closed", "path \"x\" { capabilities = [\"read\"]",
	    "line 1: path \"x\": invalid key \"\" (only capabilities are known "
	    "here)" },
	{ "list not closed", "path \"x\" { capabilities = [\"read\" }",
	    "line 1: expected ']'" },
	{ "text not closed", "path \"x", "line 1: expected '\"'" },
	{ "a parameter rule",
	    "path \"x\" { capabilities = [\"read\"]\nallowed_parameters = {} }",
	    "line 2: path \"x\": invalid key \"allowed_parameters\" (only "
	    "capabilities are known here)" },
	{ "a template", RULE("x/{{identity.entity.id}}", R),
	    "path \"x/{{identity.entity.id}}\": templates are not known here" },
	{ "JSON, cut", "{\"path\":", "expected is {\"path\":{…}}" },
	{ "JSON, more", "{\"path\":{},\"x\":1}", "expected is {\"path\":{…}}" },
	{ "JSON, parameter rule",
	    "{\"path\":{\"x\":{\"capabilities\":[],\"y\":1}}}",
	    "path \"x\": only capabilities are known here" },
	{ "JSON, no list", "{\"path\":{\"x\":{\"capabilities\":\"read\"}}}",
	    "capabilities must be a list" },
	{ "JSON, a number", "{\"path\":{\"x\":{\"capabilities\":[1]}}}",
	    "path \"x\": invalid capability \"?\"" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		char why[ACL_WHY_MOST] = "";
		struct acl a;

		if (acl_parse(&a, bad[i].policy, why) != -EINVAL ||
		    strcmp(why, bad[i].why))
			fail_msg("%s: %s", bad[i].label, why);
	}
}

static void test_limits(void **state)
{
	static char text[ACL_TEXT_MOST * 2];
	char why[ACL_WHY_MOST] = "";
	struct acl a;

	(void)state;
	for (size_t i = 0; i < ACL_RULES_MOST; i++)
		strcat(text, "path \"x\" { }\n");
	assert_int_equal(acl_parse(&a, text, why), 0);
	assert_int_equal(a.n_rules, ACL_RULES_MOST);
	acl_clear(&a);
	strcat(text, "path \"x\" { }\n");
	assert_int_equal(acl_parse(&a, text, why), -EINVAL);
	assert_string_equal(why, "more than 64 paths");

	memset(text, '#', ACL_TEXT_MOST);
	text[ACL_TEXT_MOST] = '\0';
	assert_int_equal(acl_parse(&a, text, why), 0);
	acl_clear(&a);
	strcat(text, "#");
	assert_int_equal(acl_parse(&a, text, why), -EINVAL);

	sprintf(text, "path \"%0*d\" { }", ACL_PATH_MOST, 0);
	assert_int_equal(acl_parse(&a, text, why), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allows),
		cmocka_unit_test(test_allows_together),
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_reaches),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
