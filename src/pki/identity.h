/* pki/identity.h: a certificate with its key and the CA that it comes from. */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "pki/role.h"
#include <openssl/x509.h>

struct identity {
	X509 *leaf, *ca;
	EVP_PKEY *key;
	struct subject subject;	   /* of the leaf */
	uint8_t realm[REALM_SIZE]; /* of the CA */
};

/** identity_load() - read PEM files and check everything that can be checked:
 * that the key file is there, not empty, private (base/file.h), PEM; that key
 * and certificate belong together; that the certificate is the CA's, valid now,
 * and carries a role in the CA's realm, with the key usage that the role needs
 * @out: owned by the caller: identity_free().
 * Return: 0; -errno with @fault naming the file and the remedy. */
MUST_USE int identity_load(struct identity **out, const char *cert_file,
    const char *key_file, const char *ca_file, struct fault *fault);
/** identity_new() - the same from memory; all three are counted up */
MUST_USE int identity_new(struct identity **out, X509 *leaf, EVP_PKEY *key,
    X509 *ca, struct fault *fault);
/** identity_expect() - is it what a program was told to be?
 * @info_hash: of its realm, as typed: 64 hex digits; NULL: any
 * Return: 0; -EINVAL with @fault saying expected and seen. */
MUST_USE int identity_expect(const struct identity *id, enum role role,
    const char *info_hash, struct fault *fault);
void identity_free(struct identity *id);
void identity_freep(struct identity **id);

/** pki_load_cert() - the first certificate of a PEM file
 * pki_load_certs() - all of them, in the file's order; at least one
 * pki_load_key() - a private key of an allowed kind (pki/ca.h); refuses files
 * that others can read, and keys locked by a passphrase
 * Return: 0; -errno with @fault. The caller frees with X509_free(),
 * sk_X509_pop_free(…, X509_free), EVP_PKEY_free(). */
MUST_USE int pki_load_cert(X509 **out, const char *file, struct fault *fault);
MUST_USE int pki_load_certs(
    STACK_OF(X509) * *out, const char *file, struct fault *fault);
MUST_USE int pki_load_key(
    EVP_PKEY **out, const char *file, struct fault *fault);

/** pki_read_cert() - a PEM text from memory: one certificate is taken, the
 * first Return: 0; -EINVAL with @fault; -ENOMEM. */
MUST_USE int pki_read_cert(X509 **out, const char *pem, struct fault *fault);

/* What a peer must be. */
struct expectation {
	X509 *ca;	/* issued by this one; no intermediates in v1 */
	enum role role; /* with this role, in this CA's realm */
	bool as_server; /* EKU serverAuth, else clientAuth */
};
/** pki_expect() - signed by the CA itself, times, EKU, realm, role
 * @now: seconds since 1970, 0 for the clock.
 * Return: 0; -EACCES with @fault saying expected and seen; -ENOMEM. */
MUST_USE int pki_expect(const struct expectation *e, X509 *leaf, int64_t now,
    struct subject *seen, struct fault *fault);
