#include "pki/identity.h"
#include "base/hex.h"
#include "pki/testpki.h"

#include <ctype.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct testpki_ca ca, other;
static char folder[] = "/tmp/pharos-identity-XXXXXX";

static int setup(void **state)
{
	struct identity *id;

	(void)state;
	ca = testpki_ca_new("the CA");
	other = testpki_ca_new("another CA");
	if (!mkdtemp(folder) || chdir(folder))
		return -1;
	id = testpki_identity(&ca, ROLE_BRIDGE, "b", NULL);
	testpki_write_cert("cert.pem", id->leaf);
	testpki_write_key("key.pem", id->key);
	testpki_write_cert("ca.pem", ca.cert);
	testpki_write_cert("other-ca.pem", other.cert);
	identity_free(id);
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	testpki_ca_free(&ca);
	testpki_ca_free(&other);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command); /* NOLINT(cert-env33-c): our own folder */
}

static void a_good_identity_is_loaded(void **state)
{
	struct identity *id = NULL;
	struct fault fault = FAULT_NONE;
	uint8_t realm[REALM_SIZE];

	(void)state;
	assert_int_equal(
	    identity_load(&id, "cert.pem", "key.pem", "ca.pem", &fault), 0);
	assert_int_equal(id->subject.role, ROLE_BRIDGE);
	assert_string_equal(id->subject.name, "b");
	assert_int_equal(realm_of(realm, ca.cert), 0);
	assert_memory_equal(id->realm, realm, sizeof(realm));
	identity_free(id);
}

static void what_it_was_told_to_be(void **state)
{
	char hash[2 * REALM_SIZE + 1], upper[sizeof(hash)],
	    other_hash[sizeof(hash)];
	struct {
		const char *label;
		enum role role;
		const char *hash;
		const char *says; /* NULL: good */
	} rows[] = {
		{ "role and realm", ROLE_BROKER, hash, NULL },
		{ "in capitals", ROLE_BROKER, upper, NULL },
		{ "any realm", ROLE_BROKER, NULL, NULL },
		{ "another role", ROLE_BRIDGE, hash,
		    "role is broker, expected bridge" },
		{ "another realm", ROLE_BROKER, other_hash, other_hash },
		{ "which one it is", ROLE_BROKER, other_hash, hash },
		{ "too short", ROLE_BROKER, "00ff", "64 hexadecimal digits" },
		{ "empty", ROLE_BROKER, "", "64 hexadecimal digits" },
	};
	struct identity *id = testpki_identity(&ca, ROLE_BROKER, "k", NULL);
	uint8_t realm[REALM_SIZE];

	(void)state;
	hex_encode(hash, id->realm, sizeof(id->realm));
	for (size_t i = 0; i < sizeof(hash); i++)
		upper[i] = (char)toupper((unsigned char)hash[i]);
	assert_int_equal(realm_of(realm, other.cert), 0);
	hex_encode(other_hash, realm, sizeof(realm));
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		int r = identity_expect(id, rows[i].role, rows[i].hash, &fault);

		if (r != (rows[i].says ? -EINVAL : 0) ||
		    (r && !strstr(fault.text, rows[i].says)))
			fail_msg("%s: %d, %s", rows[i].label, r, fault.text);
	}
	identity_free(id);
}

static void write_bad_files(void)
{
	CLEANUP(key_p) EVP_PKEY *stranger = NULL;
	CLEANUP(key_p) EVP_PKEY *weak = EVP_EC_gen("P-521");
	CLEANUP(secret_freep) struct secret *pem = NULL;
	FILE *f;

	testpki_write("empty.pem", "", 0600);
	testpki_write("garbage.pem", "no PEM at all\n", 0600);
	testpki_write("cut.pem",
	    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIQ\n", 0600);
	testpki_write("cut-key.pem",
	    "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n", 0600);
	INVARIANT(!pki_key_new(&stranger));
	testpki_write_key("stranger.pem", stranger);
	testpki_write_key("weak.pem", weak);
	INVARIANT(!pki_key_pem(&pem, stranger));
	testpki_write("open.pem", secret_bytes(pem), 0644);
	f = fopen("locked.pem", "w");
	INVARIANT(f && !fchmod(fileno(f), 0600) &&
		  PEM_write_PKCS8PrivateKey(
		      f, stranger, EVP_aes_256_cbc(), "abcd", 4, NULL, NULL));
	fclose(f);
}

static const struct {
	const char *label, *cert, *key, *ca;
	const char *says, *says_too; /* in the text */
} files[] = {
	{ "no certificate file", "absent.pem", "key.pem", "ca.pem",
	    "absent.pem" },
	{ "no key file", "cert.pem", "absent.pem", "ca.pem", "absent.pem" },
	{ "no CA file", "cert.pem", "key.pem", "absent.pem", "absent.pem" },
	{ "empty certificate", "empty.pem", "key.pem", "ca.pem", "empty.pem",
	    "empty" },
	{ "empty key", "cert.pem", "empty.pem", "ca.pem", "empty.pem",
	    "empty" },
	{ "empty CA", "cert.pem", "key.pem", "empty.pem", "empty.pem",
	    "empty" },
	{ "garbage as certificate", "garbage.pem", "key.pem", "ca.pem",
	    "garbage.pem", "expected certificates in PEM" },
	{ "garbage as key", "cert.pem", "garbage.pem", "ca.pem", "garbage.pem",
	    "expected a private key in PEM" },
	{ "a certificate that is cut short", "cut.pem", "key.pem", "ca.pem",
	    "cut.pem", "certificate 1 cannot be read" },
	{ "a key that is cut short", "cert.pem", "cut-key.pem", "ca.pem",
	    "cut-key.pem", "expected a private key in PEM" },
	{ "a key that others can read", "cert.pem", "open.pem", "ca.pem",
	    "open.pem" },
	{ "a key with a passphrase", "cert.pem", "locked.pem", "ca.pem",
	    "locked.pem", "passphrase" },
	{ "a key of another kind", "cert.pem", "weak.pem", "ca.pem", "weak.pem",
	    "P-256" },
	{ "files swapped", "key.pem", "cert.pem", "ca.pem", "key.pem",
	    "certificate 1" },
	{ "key of another certificate", "cert.pem", "stranger.pem", "ca.pem",
	    "key stranger.pem", "does not belong" },
	{ "CA of another", "cert.pem", "key.pem", "other-ca.pem",
	    "CA other-ca.pem", "wrong CA: expected a certificate signed by" },
	{ "a leaf as CA", "cert.pem", "key.pem", "cert.pem", "CA cert.pem",
	    "not a CA" },
	{ "a folder as key", "cert.pem", ".", "ca.pem", "." },
};

static void bad_files_are_named(void **state)
{
	(void)state;
	write_bad_files();
	for (size_t i = 0; i < N_ELEMS(files); i++) {
		struct identity *id = NULL;
		struct fault fault = FAULT_NONE;
		int r = identity_load(
		    &id, files[i].cert, files[i].key, files[i].ca, &fault);

		if (r >= 0 || id || fault.code >= 0 || !fault.hint[0])
			fail_msg("%s: %d (%d, %s)", files[i].label, r,
			    fault.code, fault.text);
		if (!strstr(fault.text, files[i].says) ||
		    (files[i].says_too &&
			!strstr(fault.text, files[i].says_too)))
			fail_msg("%s: %s", files[i].label, fault.text);
	}
}

#define NAMES "URI:pharos://REALM/bridge/b"
#define OTHER_REALM                                                            \
	"URI:pharos://"                                                        \
	"00000000000000000000000000000000"                                     \
	"00000000000000000000000000000001/bridge/b"

/* Certificates by hand, that a bridge might have and that a broker is shown. */
static const struct {
	const char *label;
	struct testpki_forgery forgery;
	const char *says;	   /* pki_expect() as a server; NULL: good */
	const char *says_at_start; /* identity_new(); NULL: good */
} leaves[] = {
	{ "a good one", { .names = NAMES } },
	{ "expired", { .names = NAMES, .from = -7200, .to = -3600 },
	    "expired on", "expired on" },
	{ "not yet valid", { .names = NAMES, .from = 3600, .to = 7200 },
	    "not valid before", "not valid before" },
	{ "only clientAuth", { .names = NAMES, .usage = "clientAuth" },
	    "wrong use", "wrong use" },
	{ "only serverAuth", { .names = NAMES, .usage = "serverAuth" } },
	{ "another use", { .names = NAMES, .usage = "codeSigning" },
	    "wrong use", "wrong use" },
	{ "no role", { .names = "DNS:bridge.pharos" }, "found 0", "found 0" },
	{ "two roles", { .names = NAMES ",URI:pharos://REALM/broker/b" },
	    "found 2", "found 2" },
	{ "another role", { .names = "URI:pharos://REALM/broker/b" },
	    "expected a certificate with role bridge, got broker" },
	{ "another realm", { .names = OTHER_REALM }, "wrong realm",
	    "wrong realm" },
	{ "a CA as leaf", { .names = NAMES, .basic = "critical,CA:TRUE" },
	    "got that of a CA", "got that of a CA" },
};

static void leaves_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(leaves); i++) {
		struct expectation e = { ca.cert, ROLE_BRIDGE, true };
		struct fault fault = FAULT_NONE;
		CLEANUP(key_p) EVP_PKEY *key = NULL;
		CLEANUP(x509_p)
		X509 *leaf = testpki_forge(&ca, &leaves[i].forgery, &key);
		struct identity *id = NULL;
		struct subject seen;
		int r = pki_expect(&e, leaf, 0, &seen, &fault);

		if (r != (leaves[i].says ? -EACCES : 0))
			fail_msg("%s: %d %s", leaves[i].label, r, fault.text);
		if (r && !strstr(fault.text, leaves[i].says))
			fail_msg("%s: %s", leaves[i].label, fault.text);
		r = identity_new(&id, leaf, key, ca.cert, &fault);
		if ((r != 0) != (leaves[i].says_at_start != NULL))
			fail_msg("%s: %d %s", leaves[i].label, r, fault.text);
		if (r && !strstr(fault.text, leaves[i].says_at_start))
			fail_msg("%s: %s", leaves[i].label, fault.text);
		identity_free(id);
	}
}

static void the_name_of_the_peer_is_told(void **state)
{
	struct identity *id = testpki_identity(&ca, ROLE_BROKER, "b-7", NULL);
	struct expectation e = { ca.cert, ROLE_BROKER, false };
	struct subject seen;

	(void)state;
	assert_int_equal(pki_expect(&e, id->leaf, 0, &seen, NULL), 0);
	assert_string_equal(seen.name, "b-7");
	identity_free(id);
}

/* The moment that is passed in decides, not the clock. */
static void time_is_passed_in(void **state)
{
	struct testpki_forgery f = {
		.names = NAMES,
		.from = -7200,
		.to = -3600,
	};
	struct expectation e = { ca.cert, ROLE_BRIDGE, true };
	int64_t now = time(NULL);
	X509 *leaf;
	struct subject seen;

	(void)state;
	X509_gmtime_adj(X509_getm_notBefore(ca.cert), -36000);
	X509_sign(ca.cert, ca.key, EVP_sha256());
	leaf = testpki_forge(&ca, &f, NULL);
	assert_int_equal(pki_expect(&e, leaf, now - 5400, &seen, NULL), 0);
	assert_int_equal(
	    pki_expect(&e, leaf, now - 3500, &seen, NULL), -EACCES);
	assert_int_equal(
	    pki_expect(&e, leaf, now - 7300, &seen, NULL), -EACCES);
	X509_free(leaf);
}

/* Issuers by hand: each has signed a leaf that is good in itself. */
static const struct {
	const char *label;
	struct testpki_forgery issuer;
	const char *says;
} issuers[] = {
	{ "a CA under another", { .basic = "critical,CA:TRUE" }, NULL },
	{ "no CA at all", { .basic = "critical,CA:FALSE" }, "not a CA" },
	{ "expired", { .basic = "critical,CA:TRUE", .from = -7200, .to = -10 },
	    "the CA certificate \"CN = forged CA\" expired on" },
	{ "not yet valid",
	    { .basic = "critical,CA:TRUE", .from = 3600, .to = 7200 },
	    "not valid before" },
};

static void issuers_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(issuers); i++) {
		struct testpki_forgery f = { .names = NAMES };
		struct testpki_ca issuer = { 0 };
		struct expectation e = { NULL, ROLE_BRIDGE, true };
		struct fault fault = FAULT_NONE;
		struct subject seen;
		X509 *leaf;
		int r;

		issuer.cert =
		    testpki_forge(&other, &issuers[i].issuer, &issuer.key);
		leaf = testpki_forge(&issuer, &f, NULL);
		e.ca = issuer.cert;
		r = pki_expect(&e, leaf, 0, &seen, &fault);
		if (r != (issuers[i].says ? -EACCES : 0))
			fail_msg("%s: %d %s", issuers[i].label, r, fault.text);
		if (r && !strstr(fault.text, issuers[i].says))
			fail_msg("%s: %s", issuers[i].label, fault.text);
		X509_free(leaf);
		testpki_ca_free(&issuer);
	}
}

/* A leaf that a certificate below the CA has signed is not the CA's; neither is
 * one whose issuer only carries the CA's name. */
static void others_who_sign_are_not_the_ca(void **state)
{
	struct testpki_forgery middle = { .basic = "critical,CA:TRUE" };
	struct testpki_forgery f = { .names = NAMES };
	struct testpki_ca below = { 0 }, twin = testpki_ca_new("the CA");
	struct expectation e = { ca.cert, ROLE_BRIDGE, true };
	struct fault fault = FAULT_NONE;
	struct subject seen;
	X509 *leaf[2];

	(void)state;
	below.cert = testpki_forge(&ca, &middle, &below.key);
	leaf[0] = testpki_forge(&below, &f, NULL);
	leaf[1] = testpki_forge(&twin, &f, NULL);
	for (size_t i = 0; i < N_ELEMS(leaf); i++) {
		assert_int_equal(
		    pki_expect(&e, leaf[i], 0, &seen, &fault), -EACCES);
		assert_non_null(strstr(fault.text, "wrong CA"));
		X509_free(leaf[i]);
	}
	testpki_ca_free(&below);
	testpki_ca_free(&twin);
}

/* A signature that rests on SHA-1 or a short key proves nothing. */
static void weak_signatures_are_refused(void **state)
{
	struct testpki_forgery sha1 = { .names = NAMES, .digest = EVP_sha1() };
	struct expectation e = { ca.cert, ROLE_BRIDGE, true };
	struct fault fault = FAULT_NONE;
	struct subject seen;
	X509 *leaf = testpki_forge(&ca, &sha1, NULL);

	(void)state;
	assert_int_equal(pki_expect(&e, leaf, 0, &seen, &fault), -EACCES);
	assert_non_null(strstr(fault.text, "too weak"));
	X509_free(leaf);
}

static void a_file_may_hold_several(void **state)
{
	char *first = NULL, *second = NULL, both[8192];
	STACK_OF(X509) *certs = NULL;
	X509 *one = NULL;

	(void)state;
	assert_int_equal(pki_cert_pem(&first, ca.cert), 0);
	assert_int_equal(pki_cert_pem(&second, other.cert), 0);
	snprintf(both, sizeof(both), "comment\n%s%s", first, second);
	testpki_write("both.pem", both, 0644);
	assert_int_equal(pki_load_certs(&certs, "both.pem", NULL), 0);
	assert_int_equal(sk_X509_num(certs), 2);
	assert_int_equal(pki_load_cert(&one, "both.pem", NULL), 0);
	assert_int_equal(X509_cmp(one, ca.cert), 0);
	X509_free(one);
	sk_X509_pop_free(certs, X509_free);

	strcpy(strstr(both, second) + strlen(second) / 2, "\n");
	testpki_write("both.pem", both, 0644);
	assert_int_equal(pki_load_certs(&certs, "both.pem", NULL), -EINVAL);
	free(first);
	free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_identity_is_loaded),
		cmocka_unit_test(what_it_was_told_to_be),
		cmocka_unit_test(bad_files_are_named),
		cmocka_unit_test(leaves_are_checked),
		cmocka_unit_test(the_name_of_the_peer_is_told),
		cmocka_unit_test(issuers_are_checked),
		cmocka_unit_test(others_who_sign_are_not_the_ca),
		cmocka_unit_test(weak_signatures_are_refused),
		cmocka_unit_test(a_file_may_hold_several),
		cmocka_unit_test(time_is_passed_in),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
