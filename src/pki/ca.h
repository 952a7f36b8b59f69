/* pki/ca.h: making keys, certificate requests, CAs and certificates.
 *
 * Keys are P-256. The issuer sets every name itself; nothing is copied from a
 * request but its public key. Leaves: 90 days at most, both EKUs, the URI SAN of
 * their role; a bridge's also the DNS name bridge.pharos. Serials are random.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "pki/role.h"
#include <openssl/types.h>

MUST_USE int pki_key_new(EVP_PKEY **out);
/** pki_ca_new() - self-signed; basicConstraints CA, pathlen 0, keyCertSign
 * @common_name: for people. @days: 1..36500 */
MUST_USE int pki_ca_new(
    X509 **out, EVP_PKEY *key, const char *common_name, int days);

struct pki_order {
	enum role role;
	const char *name;	  /* as subject.name */
	const char *const *hosts; /* more SANs: DNS names or IP addresses */
	size_t n_hosts;
	int64_t seconds; /* of life */
};
/** pki_issue() - sign @public_key as @order says
 * Return: 0; -EINVAL with @fault: bad name, role or life, host; -ENOMEM. */
MUST_USE int pki_issue(X509 **out, X509 *ca, EVP_PKEY *ca_key,
    EVP_PKEY *public_key, const struct pki_order *order, struct fault *fault);
/** pki_csr_new() - a request carrying the public key and a common name */
MUST_USE int pki_csr_new(X509_REQ **out, EVP_PKEY *key, const char *name);
/** pki_csr_key() - the key of a PEM request, once its signature is good and its
 * kind is allowed (P-256, P-384, Ed25519, RSA 2048..4096)
 * Return: 0; -EINVAL with @fault. */
MUST_USE int pki_csr_key(
    EVP_PKEY **out, const void *pem, size_t n, struct fault *fault);
/** pki_key_allowed() - P-256, P-384, Ed25519, RSA 2048..4096 */
bool pki_key_allowed(EVP_PKEY *key);
