#include "pki/prove.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "pki/verify.h"
#include <assert.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

static_assert(REALM_SIZE == 32, "an info hash is a SHA-256");

static int put_cert(uint8_t to[PROVE_CERT_MOST], size_t *n, X509 *cert)
{
	uint8_t *at = to;
	int size = i2d_X509(cert, NULL);

	if (size < 0)
		return -ENOMEM;
	if (size > PROVE_CERT_MOST)
		return -EMSGSIZE;
	*n = (size_t)i2d_X509(cert, &at);
	return 0;
}

/* RSA signs with PSS and a salt as long as the hash; others need no setting. */
static int set_padding(EVP_PKEY_CTX *ctx, EVP_PKEY *key)
{
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		return 1;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) >
		   0;
}

static int sign(
    struct prove_material *out, EVP_PKEY *key, const void *bytes, size_t n)
{
	CLEANUP(digest_ctx_p) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx;
	int ok;

	out->n_signature = sizeof(out->signature);
	ok = ctx &&
	     EVP_DigestSignInit(ctx, &key_ctx, pki_key_digest(key), NULL, key) >
		 0 &&
	     set_padding(key_ctx, key) &&
	     EVP_DigestSign(ctx, out->signature, &out->n_signature, bytes, n) >
		 0;
	ERR_clear_error();
	return ok ? 0 : -EIO;
}

int prove_sign(struct prove_material *out, const struct identity *id,
    const void *bytes, size_t n)
{
	int r = put_cert(out->leaf, &out->n_leaf, id->leaf);

	if (!r)
		r = put_cert(out->ca, &out->n_ca, id->ca);
	return r ? r : sign(out, id->key, bytes, n);
}

/* Exactly one certificate, in exactly @n bytes, with an allowed key. */
static X509 *take_cert(const uint8_t *der, size_t n)
{
	const uint8_t *at = der;
	X509 *cert = d2i_X509(NULL, &at, (long)n);
	EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;

	if (key && at == der + n && pki_key_allowed(key))
		return cert;
	X509_free(cert);
	return NULL;
}

static int check_hash(const struct prove_claim *claim)
{
	uint8_t hash[REALM_SIZE];

	if (!EVP_Digest(claim->ca, claim->n_ca, hash, NULL, EVP_sha256(), NULL))
		return -ENOMEM;
	return memcmp(hash, claim->hash, sizeof(hash)) ? PROVE_E_HASH : 0;
}

static int check_chain(const struct prove_claim *claim, X509 *leaf, X509 *ca)
{
	struct verify_order order = {
		.ca = ca,
		.leaf = leaf,
		.now = claim->now,
	};
	int r = verify_leaf(&order, NULL);

	return r == -EACCES ? PROVE_E_CHAIN : r;
}

static int check_role(const struct prove_claim *claim, enum role role)
{
	for (size_t i = 0; i < claim->n_roles; i++)
		if (claim->roles[i] == role)
			return 0;
	return PROVE_E_ROLE;
}

static int check_subject(
    const struct prove_claim *claim, X509 *leaf, enum role *role)
{
	struct subject subject;

	if (subject_of(&subject, leaf, NULL) ||
	    memcmp(subject.realm, claim->hash, REALM_SIZE) != 0)
		return PROVE_E_ROLE;
	*role = subject.role;
	return check_role(claim, subject.role);
}

static int check_signature(const struct prove_claim *claim, EVP_PKEY *key)
{
	CLEANUP(digest_ctx_p) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx;
	int good;

	if (!ctx)
		return -ENOMEM;
	good = EVP_DigestVerifyInit(
		   ctx, &key_ctx, pki_key_digest(key), NULL, key) > 0 &&
	       set_padding(key_ctx, key) &&
	       EVP_DigestVerify(ctx, claim->signature, claim->n_signature,
		   claim->bytes, claim->n_bytes) > 0;
	return good ? 0 : PROVE_E_SIGNATURE;
}

static struct known_name name_of(const struct prove_claim *claim)
{
	return (struct known_name){
		.realm = claim->hash,
		.leaf = claim->leaf,
		.n_leaf = claim->n_leaf,
	};
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void remember(
    const struct prove_claim *claim, X509 *leaf, X509 *ca, enum role role)
{
	const struct known_name name = name_of(claim);

	if (!claim->known)
		return;
	known_add(claim->known, &name,
	    &(struct known_leaf){ .key = X509_get0_pubkey(leaf),
		.role = role,
		.from = later(verify_seconds(X509_get0_notBefore(leaf)),
		    verify_seconds(X509_get0_notBefore(ca))),
		.until = -later(-verify_seconds(X509_get0_notAfter(leaf)),
		    -verify_seconds(X509_get0_notAfter(ca))) });
}

static int check_all(const struct prove_claim *claim)
{
	CLEANUP(x509_p) X509 *leaf = take_cert(claim->leaf, claim->n_leaf);
	CLEANUP(x509_p) X509 *ca = take_cert(claim->ca, claim->n_ca);
	enum role role;
	int r;

	if (!leaf || !ca)
		return PROVE_E_KEY;
	if ((r = check_hash(claim)) || (r = check_chain(claim, leaf, ca)) ||
	    (r = check_subject(claim, leaf, &role)) ||
	    (r = check_signature(claim, X509_get0_pubkey(leaf))))
		return r;
	remember(claim, leaf, ca, role);
	return 0;
}

/* A leaf is known by all its bytes in a realm, so what was verified of it then
 * is true now; but for the time, and what this claim adds. */
static const struct known_leaf *find_known(const struct prove_claim *claim)
{
	const struct known_name name = name_of(claim);

	if (!claim->known || check_hash(claim))
		return NULL;
	return known_find(
	    claim->known, &name, claim->now ? claim->now : time(NULL));
}

static int check_known(
    const struct prove_claim *claim, const struct known_leaf *leaf)
{
	int r = check_role(claim, leaf->role);

	return r ? r : check_signature(claim, leaf->key);
}

int prove_check(const struct prove_claim *claim)
{
	const struct known_leaf *leaf = find_known(claim);
	int r = leaf ? check_known(claim, leaf) : check_all(claim);

	ERR_clear_error();
	return r;
}

const char *prove_error_text(int code)
{
	switch (code) {
	case PROVE_E_KEY:
		return "a certificate is not DER, or its key is not allowed";
	case PROVE_E_HASH:
		return "the CA certificate is not the info hash's";
	case PROVE_E_CHAIN:
		return "the certificate is not that CA's, or not valid now";
	case PROVE_E_ROLE:
		return "the certificate's role or realm does not allow this";
	case PROVE_E_SIGNATURE:
		return "the signature is not the certificate's";
	default:
		return "out of memory";
	}
}
