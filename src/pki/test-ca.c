#include "pki/ca.h"
#include "pki/testpki.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct testpki_ca ca;
static EVP_PKEY *key;

static int setup(void **state)
{
	(void)state;
	ca = testpki_ca_new("ca test");
	return pki_key_new(&key);
}

static int teardown(void **state)
{
	(void)state;
	testpki_ca_free(&ca);
	EVP_PKEY_free(key);
	return 0;
}

/* The public half of an RSA key; its modulus is no product of primes, which
 * nobody asks here, and takes no second to make. */
static EVP_PKEY *rsa(int bits, unsigned long exponent)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_new(), *e = BN_new();
	OSSL_PARAM *params;
	EVP_PKEY *out = NULL;

	BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
	BN_set_word(e, exponent);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
	params = OSSL_PARAM_BLD_to_param(build);
	assert_true(EVP_PKEY_fromdata_init(ctx) > 0);
	assert_true(
	    EVP_PKEY_fromdata(ctx, &out, EVP_PKEY_PUBLIC_KEY, params) > 0);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return out;
}

static void kinds_of_keys(void **state)
{
	const struct {
		const char *label;
		EVP_PKEY *key;
		bool allowed;
		const EVP_MD *digest;
	} rows[] = {
		{ "P-256", EVP_EC_gen("P-256"), true, EVP_sha256() },
		{ "P-384", EVP_EC_gen("P-384"), true, EVP_sha384() },
		{ "Ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), true,
		    NULL },
		{ "RSA 2048", rsa(2048, 65537), true, EVP_sha256() },
		{ "RSA 4096", rsa(4096, 65537), true, EVP_sha256() },
		{ "P-521", EVP_EC_gen("P-521"), false },
		{ "P-224", EVP_EC_gen("P-224"), false },
		{ "secp256k1", EVP_EC_gen("secp256k1"), false },
		{ "brainpool", EVP_EC_gen("brainpoolP256r1"), false },
		{ "Ed448", EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), false },
		{ "X25519", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), false },
		{ "RSA 1024", rsa(1024, 65537), false },
		{ "RSA 4104", rsa(4104, 65537), false },
		{ "RSA with a long exponent", rsa(2048, 0x100000001ul), false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		assert_non_null(rows[i].key);
		if (pki_key_allowed(rows[i].key) != rows[i].allowed)
			fail_msg("%s", rows[i].label);
		assert_int_equal(pki_key_is_p256(rows[i].key),
		    !strcmp(rows[i].label, "P-256"));
		if (rows[i].allowed)
			assert_ptr_equal(
			    pki_key_digest(rows[i].key), rows[i].digest);
		EVP_PKEY_free(rows[i].key);
	}
}

static void a_ca_is_one(void **state)
{
	X509 *out = NULL;
	char longest[66];

	(void)state;
	assert_int_equal(X509_check_ca(ca.cert), 1);
	assert_int_equal(X509_get_pathlen(ca.cert), 0);
	assert_int_equal(X509_get_key_usage(ca.cert), KU_KEY_CERT_SIGN);
	assert_int_equal(X509_verify(ca.cert, ca.key), 1);
	assert_int_equal(X509_get_version(ca.cert), X509_VERSION_3);
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(ca.cert),
			     X509_get_issuer_name(ca.cert)),
	    0);

	memset(longest, 'a', 65);
	longest[65] = 0;
	assert_int_equal(pki_ca_new(&out, key, longest, 10), -EINVAL);
	assert_int_equal(pki_ca_new(&out, key, "", 10), -EINVAL);
	assert_int_equal(pki_ca_new(&out, key, "x", 0), -EINVAL);
	assert_int_equal(pki_ca_new(&out, key, "x", 36501), -EINVAL);
	longest[64] = 0;
	assert_int_equal(pki_ca_new(&out, key, longest, 36500), 0);
	X509_free(out);
}

static const char *const two_hosts[] = { "broker.example", "2001:db8::1" };
static const char *const bad_port[] = { "broker.example:443" };
static const char *const bad_wildcard[] = { "*.example" };
static const char *const bad_empty[] = { "" };
static const char *const bad_comma[] = { "a.example,URI:pharos://x" };
static const char *const bad_dots[] = { "a..example" };
static const char *const many_hosts[PKI_HOSTS_MOST + 1] = { "a" };

static const struct {
	const char *label;
	struct pki_order order;
	const char *says; /* NULL: issued */
} orders[] = {
	{ "a bridge", { ROLE_BRIDGE, "b", NULL, 0, 60 } },
	{ "a broker with hosts", { ROLE_BROKER, "b", two_hosts, 2, 60 } },
	{ "the longest life", { ROLE_PIPE, "p", NULL, 0, PKI_SECONDS_MOST } },
	{ "a server without role", { ROLE_NONE, "b", two_hosts, 2, 60 } },
	{ "neither role nor host", { ROLE_NONE, "b", NULL, 0, 60 },
	    "needs a host name" },
	{ "a role that is none", { ROLE_COUNT, "b", NULL, 0, 60 }, "role" },
	{ "no name", { ROLE_BRIDGE, "", NULL, 0, 60 }, "name" },
	{ "a bad name", { ROLE_BRIDGE, "a/b", NULL, 0, 60 }, "\"a/b\"" },
	{ "no life", { ROLE_BRIDGE, "b", NULL, 0, 0 }, "life" },
	{ "a negative life", { ROLE_BRIDGE, "b", NULL, 0, -1 }, "life" },
	{ "too long a life", { ROLE_PIPE, "p", NULL, 0, PKI_SECONDS_MOST + 1 },
	    "life" },
	{ "host with port", { ROLE_BROKER, "b", bad_port, 1, 60 }, ":443" },
	{ "wildcard", { ROLE_BROKER, "b", bad_wildcard, 1, 60 }, "*.example" },
	{ "empty host", { ROLE_BROKER, "b", bad_empty, 1, 60 }, "host" },
	{ "a name smuggled in", { ROLE_BROKER, "b", bad_comma, 1, 60 },
	    "a.example,URI" },
	{ "empty label", { ROLE_BROKER, "b", bad_dots, 1, 60 }, "a..example" },
	{ "too many hosts",
	    { ROLE_BROKER, "b", many_hosts, PKI_HOSTS_MOST + 1, 60 },
	    "at most 32" },
};

static void orders_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(orders); i++) {
		struct fault fault = FAULT_NONE;
		X509 *out = NULL;
		int r = pki_issue(
		    &out, ca.cert, ca.key, key, &orders[i].order, &fault);

		if (r != (orders[i].says ? -EINVAL : 0))
			fail_msg("%s: %d %s", orders[i].label, r, fault.text);
		if (orders[i].says && !strstr(fault.text, orders[i].says))
			fail_msg("%s: %s", orders[i].label, fault.text);
		X509_free(out);
	}
}

static X509 *issue(enum role role, const char *const *hosts, size_t n)
{
	struct pki_order order = { role, "name-1", hosts, n, 3600 };
	X509 *out = NULL;

	assert_int_equal(
	    pki_issue(&out, ca.cert, ca.key, key, &order, NULL), 0);
	return out;
}

static void a_server_has_no_role(void **state)
{
	X509 *leaf = issue(ROLE_NONE, two_hosts, 2);
	struct subject s;

	(void)state;
	assert_int_equal(subject_of(&s, leaf, NULL), -EINVAL);
	assert_int_equal(
	    X509_check_host(leaf, "broker.example", 0, 0, NULL), 1);
	assert_int_equal(
	    X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0), 1);
	assert_int_equal(
	    X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0), 0);
	X509_free(leaf);
}

static void a_leaf_says_what_was_ordered(void **state)
{
	X509 *leaf = issue(ROLE_BROKER, two_hosts, 2);
	uint8_t realm[REALM_SIZE];
	struct subject s;
	int days, seconds;

	(void)state;
	assert_int_equal(subject_of(&s, leaf, NULL), 0);
	assert_int_equal(s.role, ROLE_BROKER);
	assert_string_equal(s.name, "name-1");
	assert_int_equal(realm_of(realm, ca.cert), 0);
	assert_memory_equal(s.realm, realm, sizeof(realm));
	assert_int_equal(
	    X509_check_host(leaf, "broker.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(leaf, "2001:db8::1", 0), 1);
	assert_int_equal(X509_check_host(leaf, PKI_BRIDGE_HOST, 0, 0, NULL), 0);
	assert_int_equal(X509_check_ca(leaf), 0);
	assert_int_equal(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE);
	assert_int_equal(
	    X509_get_extended_key_usage(leaf), XKU_SSL_SERVER | XKU_SSL_CLIENT);
	assert_int_equal(X509_verify(leaf, ca.key), 1);
	assert_int_equal(
	    ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(leaf),
		X509_get0_notAfter(leaf)),
	    1);
	assert_in_range(days * 86400 + seconds, 3600 + 299, 3600 + 301);
	X509_free(leaf);
}

static void a_bridge_is_called_bridge(void **state)
{
	X509 *leaf = issue(ROLE_BRIDGE, NULL, 0);

	(void)state;
	assert_int_equal(X509_check_host(leaf, PKI_BRIDGE_HOST, 0, 0, NULL), 1);
	X509_free(leaf);
}

static void serials_are_long_and_differ(void **state)
{
	X509 *one = issue(ROLE_PIPE, NULL, 0), *two = issue(ROLE_PIPE, NULL, 0);
	const ASN1_INTEGER *a = X509_get0_serialNumber(one);

	(void)state;
	assert_int_equal(ASN1_STRING_length(a), 16);
	assert_int_not_equal(
	    ASN1_INTEGER_cmp(a, X509_get0_serialNumber(two)), 0);
	X509_free(one);
	X509_free(two);
}

static void issuers_are_checked(void **state)
{
	struct pki_order order = { ROLE_PIPE, "p", NULL, 0, 3600 };
	struct testpki_ca other = testpki_ca_new("another");
	struct testpki_ca leaf = { .cert = issue(ROLE_PIPE, NULL, 0),
		.key = key };
	struct testpki_ca shortly = { .key = ca.key };
	EVP_PKEY *p521 = EVP_EC_gen("P-521");
	struct testpki_forgery f = {
		.basic = "critical,CA:TRUE",
		.from = -60,
		.to = 60,
		.key = ca.key,
	};
	struct fault fault = FAULT_NONE;
	X509 *out = NULL;

	(void)state;
	shortly.cert = testpki_forge(&ca, &f, NULL);
	assert_int_equal(
	    pki_issue(&out, ca.cert, other.key, key, &order, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "does not belong"));
	assert_int_equal(
	    pki_issue(&out, leaf.cert, leaf.key, key, &order, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "not a CA"));
	assert_int_equal(
	    pki_issue(&out, shortly.cert, shortly.key, key, &order, &fault),
	    -EINVAL);
	assert_non_null(strstr(fault.text, "outlive"));
	assert_int_equal(
	    pki_issue(&out, ca.cert, ca.key, p521, &order, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "P-256"));
	assert_null(out);
	EVP_PKEY_free(p521);
	X509_free(shortly.cert);
	X509_free(leaf.cert);
	testpki_ca_free(&other);
}

static void a_request_gives_its_key_alone(void **state)
{
	X509_REQ *request = NULL;
	EVP_PKEY *out = NULL;
	char *pem = NULL;

	(void)state;
	assert_int_equal(pki_csr_new(&request, key, "Bad Name"), -EINVAL);
	assert_int_equal(pki_csr_new(&request, key, "broker-1"), 0);
	assert_int_equal(pki_csr_pem(&pem, request), 0);
	assert_int_equal(pki_csr_key(&out, pem, strlen(pem), NULL), 0);
	assert_int_equal(EVP_PKEY_eq(out, key), 1);
	EVP_PKEY_free(out);
	X509_REQ_free(request);
	free(pem);
}

/* A request for @own_key, signed by @signer. */
static char *request_pem(EVP_PKEY *own_key, EVP_PKEY *signer)
{
	X509_REQ *request = X509_REQ_new();
	char *pem = NULL;

	assert_int_equal(X509_REQ_set_pubkey(request, own_key), 1);
	assert_true(X509_REQ_sign(request, signer, EVP_sha256()) > 0);
	assert_int_equal(pki_csr_pem(&pem, request), 0);
	X509_REQ_free(request);
	return pem;
}

/* What another reader could find beside it is not passed on. */
static void a_request_is_written_anew_alone(void **state)
{
	char *first = request_pem(key, key),
	     *other = request_pem(ca.key, ca.key);
	char *text = NULL, *clean = NULL;
	EVP_PKEY *out = NULL;

	(void)state;
	assert_true(asprintf(&text, "junk\n%s%s", first, other) > 0);
	assert_int_equal(
	    pki_csr_clean(&clean, &out, text, strlen(text), NULL), 0);
	assert_string_equal(clean, first);
	assert_int_equal(EVP_PKEY_eq(out, key), 1);
	EVP_PKEY_free(out);
	free(clean);
	free(text);
	free(first);
	free(other);
}

static void bad_requests_are_refused(void **state)
{
	EVP_PKEY *weak = EVP_RSA_gen(1024);
	char *forged = request_pem(key, ca.key),
	     *small = request_pem(weak, weak);
	char *cut = request_pem(key, key), *cert = NULL;
	char *big = calloc(1, PKI_CSR_MOST + 1);

	(void)state;
	cut[strlen(cut) / 2] = 0;
	assert_int_equal(pki_cert_pem(&cert, ca.cert), 0);
	const struct {
		const char *label, *pem;
		size_t n;
		const char *says;
	} rows[] = {
		{ "nothing", "", 0, "expected PEM" },
		{ "garbage", "garbage\n", 8, "expected PEM" },
		{ "cut short", cut, strlen(cut), "expected PEM" },
		{ "a certificate", cert, strlen(cert), "expected PEM" },
		{ "signed by another key", forged, strlen(forged),
		    "signature" },
		{ "a weak key", small, strlen(small), "P-256" },
		{ "too long", big, PKI_CSR_MOST + 1, "at most 16384" },
	};
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		EVP_PKEY *out = NULL;

		if (pki_csr_key(&out, rows[i].pem, rows[i].n, &fault) !=
			-EINVAL ||
		    !strstr(fault.text, rows[i].says) || out)
			fail_msg("%s: %s", rows[i].label, fault.text);
	}
	free(forged);
	free(small);
	free(cut);
	free(cert);
	free(big);
	EVP_PKEY_free(weak);
}

static void keys_are_written_and_read(void **state)
{
	struct secret *pem = NULL;
	EVP_PKEY *back;
	BIO *bio;

	(void)state;
	assert_int_equal(pki_key_pem(&pem, key), 0);
	bio = BIO_new_mem_buf(secret_bytes(pem), (int)secret_size(pem));
	back = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	assert_int_equal(EVP_PKEY_eq(back, key), 1);
	BIO_free(bio);
	EVP_PKEY_free(back);
	secret_free(pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_of_keys),
		cmocka_unit_test(a_ca_is_one),
		cmocka_unit_test(orders_are_checked),
		cmocka_unit_test(a_server_has_no_role),
		cmocka_unit_test(a_leaf_says_what_was_ordered),
		cmocka_unit_test(a_bridge_is_called_bridge),
		cmocka_unit_test(serials_are_long_and_differ),
		cmocka_unit_test(issuers_are_checked),
		cmocka_unit_test(a_request_gives_its_key_alone),
		cmocka_unit_test(a_request_is_written_anew_alone),
		cmocka_unit_test(bad_requests_are_refused),
		cmocka_unit_test(keys_are_written_and_read),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
