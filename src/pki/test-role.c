#include "pki/role.h"
#include "pki/testpki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ZEROS	 "000000000000000000000000000"
#define HEX	 "9f31c2aa" ZEROS ZEROS "01"
#define HEX_LONG HEX "0"
#define X21	 "aaaaaaaaaaaaaaaaaaaaa"
#define X63	 X21 X21 X21

static const struct {
	const char *label, *uri;
	enum role role; /* ROLE_NONE: refused */
	const char *name;
} rows[] = {
	{ "a bridge", "pharos://" HEX "/bridge/vault-1", ROLE_BRIDGE,
	    "vault-1" },
	{ "a broker", "pharos://" HEX "/broker/a.b", ROLE_BROKER, "a.b" },
	{ "a pipe", "pharos://" HEX "/pipe/0", ROLE_PIPE, "0" },
	{ "longest name", "pharos://" HEX "/pipe/a" X63, ROLE_PIPE, "a" X63 },
	{ "empty", "" },
	{ "the scheme alone", "pharos://" },
	{ "another scheme", "spiffe://" HEX "/bridge/x" },
	{ "scheme in capitals", "PHAROS://" HEX "/bridge/x" },
	{ "one slash", "pharos:/" HEX "/bridge/x" },
	{ "realm in capitals", "pharos://9F31C2AA000000000000000000000000"
			       "00000000000000000000000000000001/bridge/x" },
	{ "realm too short", "pharos://9f31/bridge/x" },
	{ "realm too long", "pharos://" HEX_LONG "/bridge/x" },
	{ "realm with a letter that is no digit",
	    "pharos://gf31c2aa0000000000000000000000000"
	    "0000000000000000000000000000001/bridge/x" },
	{ "no realm", "pharos:///bridge/x" },
	{ "unknown role", "pharos://" HEX "/root/x" },
	{ "the role none", "pharos://" HEX "/none/x" },
	{ "role in capitals", "pharos://" HEX "/Bridge/x" },
	{ "role with more", "pharos://" HEX "/bridges/x" },
	{ "role without end",
	    "pharos://" HEX "/bridgebridgebridgebridgebridge/x" },
	{ "no role", "pharos://" HEX "//x" },
	{ "no name", "pharos://" HEX "/bridge/" },
	{ "no name and no slash", "pharos://" HEX "/bridge" },
	{ "name too long", "pharos://" HEX "/bridge/ab" X63 },
	{ "name in capitals", "pharos://" HEX "/bridge/X" },
	{ "name with a slash", "pharos://" HEX "/bridge/x/y" },
	{ "name with a space", "pharos://" HEX "/bridge/x y" },
	{ "name with a query", "pharos://" HEX "/bridge/x?y" },
	{ "name in UTF-8", "pharos://" HEX "/bridge/\xc3\xa4" },
	{ "name with a newline", "pharos://" HEX "/bridge/x\n" },
};

static void uris_are_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct subject s = { .role = ROLE_COUNT };
		char back[ROLE_URI_MOST];
		int r = subject_parse(&s, rows[i].uri);

		if ((r == 0) != (rows[i].role != ROLE_NONE))
			fail_msg("%s: %d", rows[i].label, r);
		if (r) {
			assert_int_equal(s.role, ROLE_COUNT);
			continue;
		}
		assert_int_equal(s.role, rows[i].role);
		assert_string_equal(s.name, rows[i].name);
		assert_int_equal(s.realm[0], 0x9f);
		subject_print(&s, back);
		assert_string_equal(back, rows[i].uri);
	}
}

static void roles_have_names(void **state)
{
	(void)state;
	for (int r = ROLE_NONE + 1; r < ROLE_COUNT; r++)
		assert_int_equal(role_parse(role_text((enum role)r)), r);
	assert_int_equal(role_parse("none"), ROLE_NONE);
	assert_int_equal(role_parse(""), ROLE_NONE);
}

static const struct {
	const char *label, *names, *says; /* NULL: accepted */
} certs[] = {
	{ "one URI", "URI:pharos://REALM/pipe/x", NULL },
	{ "one of ours beside others",
	    "DNS:a.example,URI:https://a.example/,URI:pharos://REALM/pipe/x,"
	    "IP:192.0.2.1",
	    NULL },
	{ "none at all", NULL, "found 0" },
	{ "only a host", "DNS:a.example", "found 0" },
	{ "two of ours",
	    "URI:pharos://REALM/pipe/x,URI:pharos://REALM/bridge/x",
	    "found 2" },
	{ "the same twice",
	    "URI:pharos://REALM/pipe/x,URI:pharos://REALM/pipe/x", "found 2" },
	{ "a second in another spelling",
	    "URI:pharos://REALM/pipe/x,URI:Pharos:x", "found 2" },
	{ "not of the form", "URI:pharos://REALM/x", "expected the form" },
	{ "as a host", "DNS:pharos://REALM/pipe/x", "found 0" },
};

static void certificates_carry_one_role(void **state)
{
	struct testpki_ca ca = testpki_ca_new("role test");

	(void)state;
	for (size_t i = 0; i < N_ELEMS(certs); i++) {
		struct testpki_forgery f = { .names = certs[i].names };
		X509 *leaf = testpki_forge(&ca, &f, NULL);
		struct fault fault = FAULT_NONE;
		struct subject s;
		int r = subject_of(&s, leaf, &fault);

		if ((r == 0) != !certs[i].says)
			fail_msg("%s: %d", certs[i].label, r);
		if (r && !strstr(fault.text, certs[i].says))
			fail_msg("%s: %s", certs[i].label, fault.text);
		if (!r)
			assert_string_equal(s.name, "x");
		X509_free(leaf);
	}
	testpki_ca_free(&ca);
}

static void a_zero_byte_does_not_end_the_uri(void **state)
{
	struct testpki_ca ca = testpki_ca_new("role test");
	struct testpki_forgery f = { .names = "URI:pharos://REALM/pipe/xZy" };
	X509 *leaf = testpki_forge(&ca, &f, NULL);
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	ASN1_IA5STRING *uri =
	    sk_GENERAL_NAME_value(names, 0)->d.uniformResourceIdentifier;
	struct fault fault = FAULT_NONE;
	struct subject s;

	(void)state;
	uri->data[uri->length - 2] = 0;
	assert_int_equal(X509_add1_ext_i2d(leaf, NID_subject_alt_name, names, 0,
			     X509V3_ADD_REPLACE),
	    1);
	assert_int_equal(subject_of(&s, leaf, &fault), -EINVAL);
	GENERAL_NAMES_free(names);
	X509_free(leaf);
	testpki_ca_free(&ca);
}

static void the_realm_is_the_hash_of_the_der(void **state)
{
	struct testpki_ca ca = testpki_ca_new("role test");
	uint8_t realm[REALM_SIZE], hash[REALM_SIZE], *der = NULL;
	int n = i2d_X509(ca.cert, &der);

	(void)state;
	assert_int_equal(realm_of(realm, ca.cert), 0);
	assert_int_equal(
	    EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(realm, hash, sizeof(realm));
	OPENSSL_free(der);
	testpki_ca_free(&ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uris_are_read_strictly),
		cmocka_unit_test(roles_have_names),
		cmocka_unit_test(certificates_carry_one_role),
		cmocka_unit_test(a_zero_byte_does_not_end_the_uri),
		cmocka_unit_test(the_realm_is_the_hash_of_the_der),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
