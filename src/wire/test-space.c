#include "wire/space.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define F "m24ppin6vnwzxbzqhw56opxu6ywwmtj355aietun542c76tvsc4q"

static struct space own(bool prefixed)
{
	struct fingerprint f;
	struct space s;

	assert_int_equal(fingerprint_parse(&f, F, NULL), 0);
	if (prefixed)
		space_own_prefix(&s, &f);
	else
		space_own(&s, &f);
	return s;
}

static const struct {
	enum space_path path;
	const char *in_namespace, *behind_prefix;
} paths[] = {
	{ SPACE_RECORD, "pharos/data/registration",
	    "cloudtaser/m24ppin6/pharos/data/registration" },
	{ SPACE_RECORD_METADATA, "pharos/metadata/registration",
	    "cloudtaser/m24ppin6/pharos/metadata/registration" },
	{ SPACE_CA, "pharos-pki/cert/ca",
	    "cloudtaser/m24ppin6/pharos-pki/cert/ca" },
	{ SPACE_BRIDGE_SIGN, "pharos-pki/sign/bridge",
	    "cloudtaser/m24ppin6/pharos-pki/sign/bridge" },
	{ SPACE_BROKER_ROLE, "pharos-pki/roles/broker",
	    "cloudtaser/m24ppin6/pharos-pki/roles/broker" },
	{ SPACE_JWT_CONFIG, "auth/jwt/config",
	    "auth/cloudtaser/m24ppin6/jwt/config" },
	{ SPACE_LOGIN, "auth/pharos-approle/login",
	    "auth/cloudtaser/m24ppin6/pharos-approle/login" },
	{ SPACE_SECRET_ID, "auth/pharos-approle/role/bridge/secret-id",
	    "auth/cloudtaser/m24ppin6/pharos-approle/role/bridge/secret-id" },
};

static void a_cluster_has_a_namespace_or_a_prefix(void **state)
{
	const struct space s = own(false), p = own(true);
	char text[VAULT_PATH_MOST], name[SPACE_NAME_MOST + 1];

	(void)state;
	assert_string_equal(s.name_space, "cloudtaser/m24ppin6");
	assert_string_equal(s.prefix, "");
	assert_string_equal(p.name_space, "");
	assert_string_equal(p.prefix, "cloudtaser/m24ppin6/");
	for (size_t i = 0; i < N_ELEMS(paths); i++) {
		space_path(text, &s, paths[i].path);
		assert_string_equal(text, paths[i].in_namespace);
		space_path(text, &p, paths[i].path);
		assert_string_equal(text, paths[i].behind_prefix);
	}
	space_mount_path(text, &s, SPACE_PKI);
	assert_string_equal(text, "sys/mounts/pharos-pki");
	space_mount_path(text, &p, SPACE_JWT);
	assert_string_equal(text, "sys/auth/cloudtaser/m24ppin6/jwt");
	space_mount(name, &s, SPACE_JWT);
	assert_string_equal(name, "jwt");
	space_policy(name, sizeof(name), &s, SPACE_BRIDGE_POLICY);
	assert_string_equal(name, "pharos-bridge");
	space_policy(name, sizeof(name), &p, SPACE_BRIDGE_POLICY);
	assert_string_equal(name, "cloudtaser-m24ppin6-pharos-bridge");
}

#define SIXTY "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"

static const struct {
	const char *label, *name_space, *prefix;
	const char *shown; /* NULL: refused */
} texts[] = {
	{ "a namespace", "cloudtaser/m24ppin6", "", "cloudtaser/m24ppin6" },
	{ "one of another's choice", "Admin/eu_1.b-2", "", "Admin/eu_1.b-2" },
	{ "a prefix", "", "cloudtaser/x/", "cloudtaser/x" },
	{ "a prefix in a namespace", "admin", "c/x/", "admin/c/x" },
	{ "neither", "", "", "" },
	{ "as long as can be", "", SIXTY "aaa/", SIXTY "aaa" },
	{ "a longer prefix", "", SIXTY "aaaa/", NULL },
	{ "a longer namespace", SIXTY "/" SIXTY "/bbbbbbb", "", NULL },
	{ "slashes around it", "/a/", "", NULL },
	{ "two slashes", "a//b", "", NULL },
	{ "a way up", "a/../b", "", NULL },
	{ "a dot at the end, which the store refuses", "a.", "", NULL },
	{ "a blank", "a b", "", NULL },
	{ "a line break: it goes into a header", "a\r\nb", "", NULL },
	{ "beyond ASCII", "m\303\274nchen", "", NULL },
	{ "a prefix without its slash", "", "a", NULL },
	{ "a prefix that is a slash", "", "/", NULL },
	{ "a prefix that begins with one", "", "/a/", NULL },
	{ "upper case in a prefix: policies have none", "", "A/", NULL },
};

static void what_somebody_wrote_is_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(texts); i++) {
		char shown[SPACE_LABEL_MOST + 1];
		struct fault fault = FAULT_NONE;
		struct space s;
		int r =
		    space_set(&s, texts[i].name_space, texts[i].prefix, &fault);

		print_message("%s\n", texts[i].label);
		assert_int_equal(r, texts[i].shown ? 0 : -EINVAL);
		assert_int_equal(r, fault.code);
		if (r)
			continue;
		space_label(shown, &s);
		assert_string_equal(shown, texts[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cluster_has_a_namespace_or_a_prefix),
		cmocka_unit_test(what_somebody_wrote_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
