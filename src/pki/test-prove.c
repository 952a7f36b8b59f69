#include "pki/prove.h"
#include "pki/testpki.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NAMES "URI:pharos://REALM/bridge/b"

static struct testpki_ca ca;
static const enum role listen_roles[] = { ROLE_BRIDGE, ROLE_PIPE };
static const char message[] = "the bytes of wire/proof.h";

static int setup(void **state)
{
	(void)state;
	ca = testpki_ca_new("prove test");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	testpki_ca_free(&ca);
	return 0;
}

/* @hash is the claimed one; the rest from @m. */
static struct prove_claim claim_of(
    const struct prove_material *m, const uint8_t *hash)
{
	return (struct prove_claim){
		.leaf = m->leaf,
		.ca = m->ca,
		.signature = m->signature,
		.n_leaf = m->n_leaf,
		.n_ca = m->n_ca,
		.n_signature = m->n_signature,
		.hash = hash,
		.roles = listen_roles,
		.n_roles = N_ELEMS(listen_roles),
		.bytes = message,
		.n_bytes = sizeof(message),
	};
}

/* What a holder of @key, with @leaf from @issuer, would send. */
static void prove(struct prove_material *out, X509 *issuer, X509 *leaf,
    EVP_PKEY *key, uint8_t hash[REALM_SIZE])
{
	struct identity id = { .leaf = leaf, .ca = issuer, .key = key };

	assert_int_equal(prove_sign(out, &id, message, sizeof(message)), 0);
	assert_int_equal(realm_of(hash, issuer), 0);
}

static void every_kind_of_key_proves(void **state)
{
	const struct {
		const char *label;
		EVP_PKEY *key;
		int check;
	} rows[] = {
		{ "P-256", EVP_EC_gen("P-256"), 0 },
		{ "P-384", EVP_EC_gen("P-384"), 0 },
		{ "Ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 0 },
		{ "RSA 2048", EVP_RSA_gen(2048), 0 },
		{ "RSA 1024", EVP_RSA_gen(1024), PROVE_E_KEY },
		{ "P-521", EVP_EC_gen("P-521"), PROVE_E_KEY },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct testpki_forgery f = { .names = NAMES,
			.key = rows[i].key };
		X509 *leaf = testpki_forge(&ca, &f, NULL);
		struct prove_material m;
		struct prove_claim claim;
		uint8_t hash[REALM_SIZE];

		prove(&m, ca.cert, leaf, rows[i].key, hash);
		claim = claim_of(&m, hash);
		if (prove_check(&claim) != rows[i].check)
			fail_msg("%s", rows[i].label);
		m.signature[m.n_signature - 1] ^= 1;
		if (!rows[i].check && prove_check(&claim) != PROVE_E_SIGNATURE)
			fail_msg("%s, one bit off", rows[i].label);
		X509_free(leaf);
		EVP_PKEY_free(rows[i].key);
	}
}

/* One thing wrong with a good proof at a time. */
enum wrong {
	NOTHING,
	HASH,
	LEAF_BYTE,
	LEAF_CUT,
	LEAF_LONGER,
	LEAF_EMPTY,
	CA_CUT,
	CA_LONGER,
	CA_OTHER,
	CA_IS_LEAF,
	MESSAGE,
	SIGNATURE_CUT,
	SIGNATURE_EMPTY,
	NO_ROLES,
	LATER,
	EARLIER,
};

static const struct {
	const char *label;
	enum wrong wrong;
	int check;
} rows[] = {
	{ "a good proof", NOTHING, 0 },
	{ "claimed for another hash", HASH, PROVE_E_HASH },
	{ "the leaf changed", LEAF_BYTE, PROVE_E_CHAIN },
	{ "the leaf cut short", LEAF_CUT, PROVE_E_KEY },
	{ "a byte after the leaf", LEAF_LONGER, PROVE_E_KEY },
	{ "no leaf", LEAF_EMPTY, PROVE_E_KEY },
	{ "the CA cut short", CA_CUT, PROVE_E_KEY },
	{ "a byte after the CA", CA_LONGER, PROVE_E_KEY },
	{ "another CA, with its own hash", CA_OTHER, PROVE_E_CHAIN },
	{ "the leaf as CA, with its own hash", CA_IS_LEAF, PROVE_E_CHAIN },
	{ "other bytes were signed", MESSAGE, PROVE_E_SIGNATURE },
	{ "the signature cut short", SIGNATURE_CUT, PROVE_E_SIGNATURE },
	{ "no signature", SIGNATURE_EMPTY, PROVE_E_SIGNATURE },
	{ "a role that may not", NO_ROLES, PROVE_E_ROLE },
	{ "after its end", LATER, PROVE_E_CHAIN },
	{ "before its begin", EARLIER, PROVE_E_CHAIN },
};

static void put_der(uint8_t *to, size_t *n, X509 *cert)
{
	*n = (size_t)i2d_X509(cert, &to);
}

static void spoil(enum wrong wrong, struct prove_material *m,
    struct prove_claim *claim, uint8_t hash[REALM_SIZE], X509 *other)
{
	static const enum role connect_role = ROLE_BROKER;

	switch (wrong) {
	case NOTHING:
		break;
	case HASH:
		hash[31] ^= 1;
		break;
	case LEAF_BYTE: /* in the signature at its end */
		m->leaf[m->n_leaf - 1] ^= 1;
		break;
	case LEAF_CUT:
		claim->n_leaf--;
		break;
	case LEAF_LONGER:
		claim->n_leaf++;
		break;
	case LEAF_EMPTY:
		claim->n_leaf = 0;
		break;
	case CA_CUT:
		claim->n_ca--;
		break;
	case CA_LONGER:
		claim->n_ca++;
		break;
	case CA_OTHER:
		put_der(m->ca, &claim->n_ca, other);
		EVP_Digest(m->ca, claim->n_ca, hash, NULL, EVP_sha256(), NULL);
		break;
	case CA_IS_LEAF:
		claim->ca = claim->leaf;
		claim->n_ca = claim->n_leaf;
		EVP_Digest(
		    m->leaf, claim->n_leaf, hash, NULL, EVP_sha256(), NULL);
		break;
	case MESSAGE:
		claim->n_bytes--;
		break;
	case SIGNATURE_CUT:
		claim->n_signature--;
		break;
	case SIGNATURE_EMPTY:
		claim->n_signature = 0;
		break;
	case NO_ROLES:
		claim->roles = &connect_role;
		claim->n_roles = 1;
		break;
	case LATER:
		claim->now = time(NULL) + 7200;
		break;
	case EARLIER:
		claim->now = time(NULL) - 7200;
		break;
	}
}

/* The same, whether the leaf has proved itself before or not. */
static void check_rows(struct known *known)
{
	struct identity *id = testpki_identity(&ca, ROLE_BRIDGE, "b", NULL);
	struct testpki_ca other = testpki_ca_new("prove test");

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct prove_material m = { 0 };
		struct prove_claim claim;
		uint8_t hash[REALM_SIZE];
		int r;

		prove(&m, ca.cert, id->leaf, id->key, hash);
		claim = claim_of(&m, hash);
		claim.known = known;
		spoil(rows[i].wrong, &m, &claim, hash, other.cert);
		r = prove_check(&claim);
		if (r != rows[i].check)
			fail_msg(
			    "%s: %d %s", rows[i].label, r, prove_error_text(r));
	}
	testpki_ca_free(&other);
	identity_free(id);
}

static void one_thing_wrong(void **state)
{
	(void)state;
	check_rows(NULL);
}

/* The first row is the good proof, by which it becomes known. */
static void one_thing_wrong_with_a_known_leaf(void **state)
{
	struct known *known;

	(void)state;
	assert_int_equal(rows[0].check, 0);
	assert_int_equal(known_new(&known, 8), 0);
	check_rows(known);
	assert_int_equal(known_counts(known)->leaves, 1);
	/* the good proof was the first; rows that change the leaf or the hash,
	 * or come at another time, do not find it */
	assert_true(known_counts(known)->found >= 4);
	known_free(known);
}

static const struct {
	const char *label;
	struct testpki_forgery leaf;
	int check;
} leaves[] = {
	{ "another realm",
	    { .names = "URI:pharos://"
		       "00000000000000000000000000000000"
		       "00000000000000000000000000000001/bridge/b" },
	    PROVE_E_ROLE },
	{ "no role", { .names = "DNS:bridge.pharos" }, PROVE_E_ROLE },
	{ "two roles", { .names = NAMES ",URI:pharos://REALM/pipe/b" },
	    PROVE_E_ROLE },
	{ "a CA", { .names = NAMES, .basic = "critical,CA:TRUE" },
	    PROVE_E_CHAIN },
	{ "expired", { .names = NAMES, .from = -20, .to = -10 },
	    PROVE_E_CHAIN },
};

static void leaves_that_prove_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(leaves); i++) {
		EVP_PKEY *key = NULL;
		X509 *leaf = testpki_forge(&ca, &leaves[i].leaf, &key);
		struct prove_material m;
		struct prove_claim claim;
		uint8_t hash[REALM_SIZE];

		prove(&m, ca.cert, leaf, key, hash);
		claim = claim_of(&m, hash);
		if (prove_check(&claim) != leaves[i].check)
			fail_msg("%s", leaves[i].label);
		X509_free(leaf);
		EVP_PKEY_free(key);
	}
}

/* An issuer that is no CA cannot found a realm of its own. */
static void an_issuer_without_ca_true(void **state)
{
	struct testpki_forgery no_ca = { .basic = "critical,CA:FALSE" };
	struct testpki_forgery f = { .names = NAMES };
	struct testpki_ca issuer = { 0 };
	struct prove_material m;
	struct prove_claim claim;
	uint8_t hash[REALM_SIZE];
	EVP_PKEY *key = NULL;
	X509 *leaf;

	(void)state;
	issuer.cert = testpki_forge(&ca, &no_ca, &issuer.key);
	leaf = testpki_forge(&issuer, &f, &key);
	prove(&m, issuer.cert, leaf, key, hash);
	claim = claim_of(&m, hash);
	assert_int_equal(prove_check(&claim), PROVE_E_CHAIN);
	X509_free(leaf);
	EVP_PKEY_free(key);
	testpki_ca_free(&issuer);
}

static void a_certificate_that_is_too_large(void **state)
{
	char names[1800] = NAMES;
	struct testpki_forgery f = { .names = names };
	struct identity id = { .ca = ca.cert };
	struct prove_material m;

	(void)state;
	for (int i = 0; i < 40; i++)
		strcat(names, ",DNS:a-name-of-some-length-a.example");
	id.leaf = testpki_forge(&ca, &f, &id.key);
	assert_true(i2d_X509(id.leaf, NULL) > PROVE_CERT_MOST);
	assert_int_equal(
	    prove_sign(&m, &id, message, sizeof(message)), -EMSGSIZE);
	X509_free(id.leaf);
	EVP_PKEY_free(id.key);
}

static void every_code_has_a_text(void **state)
{
	(void)state;
	for (int code = PROVE_E_KEY; code <= PROVE_E_SIGNATURE; code++) {
		assert_string_not_equal(
		    prove_error_text(code), prove_error_text(-ENOMEM));
		assert_string_not_equal(
		    prove_error_text(code), prove_error_text(code + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_key_proves),
		cmocka_unit_test(one_thing_wrong),
		cmocka_unit_test(one_thing_wrong_with_a_known_leaf),
		cmocka_unit_test(leaves_that_prove_nothing),
		cmocka_unit_test(an_issuer_without_ca_true),
		cmocka_unit_test(a_certificate_that_is_too_large),
		cmocka_unit_test(every_code_has_a_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
