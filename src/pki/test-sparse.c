/* What a process does without, and that what certificates need is there. Each
 * case is a process of its own: what OpenSSL has begun cannot be taken back. */
#include "base/test-child.h"
#include "pki/sparse.h"
#include "pki/testpki.h"
#include "pki/verify.h"

#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <stdlib.h>

static EVP_PKEY *key_p384(void)
{
	return EVP_EC_gen("P-384");
}

static EVP_PKEY *key_p256(void)
{
	return EVP_EC_gen("P-256");
}

/* One for all rows and both processes: it takes its time to be made. */
static char rsa_path[] = "/tmp/pharos-sparse-rsa-XXXXXX";

static EVP_PKEY *key_rsa(void)
{
	EVP_PKEY *key = NULL;

	if (!pki_load_key(&key, rsa_path, NULL))
		return key;
	key = EVP_RSA_gen(2048);
	CHECK(key);
	testpki_write_key(rsa_path, key);
	return key;
}

static EVP_PKEY *key_ed25519(void)
{
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static const struct {
	const char *label;
	EVP_PKEY *(*key)(void);
	const EVP_MD *(*digest)(void); /* NULL: as the key has it */
	bool refused;
} rows[] = {
	{ "P-256, SHA-256", key_p256, EVP_sha256 },
	{ "P-256, SHA-224", key_p256, EVP_sha224 },
	{ "P-384, SHA-384", key_p384, EVP_sha384 },
	{ "RSA, SHA-256", key_rsa, EVP_sha256 },
	{ "RSA, SHA-512", key_rsa, EVP_sha512 },
	{ "RSA, SHA3-384", key_rsa, EVP_sha3_384 },
	{ "Ed25519", key_ed25519, NULL },
	{ "RSA, SHA-1: too weak", key_rsa, EVP_sha1, .refused = true },
	{ "RSA, RIPEMD-160: too weak", key_rsa, EVP_ripemd160,
	    .refused = true },
};

static void check_row(size_t i)
{
	struct testpki_ca ca = { .key = rows[i].key() };
	struct testpki_forgery f = { .names = "DNS:a.example",
		.digest = rows[i].digest ? rows[i].digest() : NULL };
	CLEANUP(x509_p) X509 *leaf = NULL;
	struct fault fault = FAULT_NONE;
	int r;

	CHECK(ca.key && !pki_ca_new(&ca.cert, ca.key, "a CA", 1));
	leaf = testpki_forge(&ca, &f, NULL);
	r = verify_leaf(
	    &(struct verify_order){ .ca = ca.cert, .leaf = leaf }, &fault);
	if (r != (rows[i].refused ? -EACCES : 0)) {
		dprintf(STDERR_FILENO, "# %s: %d %s\n", rows[i].label, r,
		    fault.text);
		_exit(CHILD_BAD);
	}
	testpki_ca_free(&ca);
}

static void check_certificates(void)
{
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		check_row(i);
}

static void check_certificates_sparsely(void)
{
	CHECK(!sparse_begin());
	check_certificates();
}

static void certificates_are_checked_as_ever(void **state)
{
	int fd = mkstemp(rsa_path);

	(void)state;
	assert_true(fd >= 0);
	close(fd); /* empty: the first process makes it */
	in_child(check_certificates);
	in_child(check_certificates_sparsely);
	unlink(rsa_path);
}

static SSL_CTX *any_tls(void)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	CHECK(c);
	return c;
}

/* A name that the configuration gives to an object says whether it was read. */
#define OBJECT "1.3.6.1.4.1.99999.77"

static bool has_read_configuration(void)
{
	return OBJ_txt2nid("pharosTest") != NID_undef;
}

static void with_all(void)
{
	SSL_CTX *c = any_tls();

	CHECK(has_read_configuration());
	CHECK(EVP_get_cipherbyname("AES-256-CBC"));
	SSL_CTX_free(c);
}

static void sparsely(void)
{
	SSL_CTX *c;

	CHECK(!sparse_begin());
	c = any_tls(); /* asks for all of it */
	CHECK(!has_read_configuration());
	CHECK(!EVP_get_cipherbyname("AES-256-CBC"));
	CHECK(EVP_get_digestbyname("SHA256"));
	SSL_CTX_free(c);
}

static void no_configuration_and_no_tables(void **state)
{
	char path[] = "/tmp/pharos-sparse-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	dprintf(fd, "openssl_conf = all\n[all]\noid_section = names\n"
		    "[names]\npharosTest = " OBJECT "\n");
	close(fd);
	assert_int_equal(setenv("OPENSSL_CONF", path, 1), 0);
	in_child(with_all);
	in_child(sparsely);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_are_checked_as_ever),
		cmocka_unit_test(no_configuration_and_no_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
