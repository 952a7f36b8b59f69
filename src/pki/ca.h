/* pki/ca.h: making keys, certificate requests, CAs and certificates.
 *
 * Keys are P-256. The issuer sets every name itself; nothing is copied from a
 * request but its public key. Leaves: 90 days at most, both EKUs, the URI SAN
 * of their role; a bridge's also the DNS name bridge.pharos. A leaf without a
 * role (ROLE_NONE) is a plain server's, for a listener: host names, serverAuth
 * alone, and no session of ours takes it for a peer. Serials are random. A
 * certificate is good from five minutes before it was made, for
 * clocks that disagree.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "base/secret.h"
#include "pki/role.h"
#include <openssl/x509.h>

#define PKI_BRIDGE_HOST "bridge.pharos"

/** pki_key_new() - a P-256 key
 * Return: 0; -ENOMEM. The caller frees with EVP_PKEY_free(). */
MUST_USE int pki_key_new(EVP_PKEY **out);
/** pki_key_allowed() - P-256, P-384, Ed25519; RSA of 2048 to 4096 bits whose
 * public exponent has at most 32 (a longer one makes checking slow) */
bool pki_key_allowed(EVP_PKEY *key);
/* what pki_key_allowed() allows, in words */
#define PKI_KEYS_ALLOWED "P-256, P-384, Ed25519 or RSA with 2048 to 4096 bits"
/** pki_key_is_p256() - of the one kind that pki_key_new() makes */
bool pki_key_is_p256(EVP_PKEY *key);
/** pki_key_digest() - the hash that an allowed @key signs with: SHA-256,
 * SHA-384 for P-384, NULL for Ed25519 */
const EVP_MD *pki_key_digest(EVP_PKEY *key);

/** pki_ca_new() - self-signed; basicConstraints CA, pathlen 0, keyCertSign
 * @common_name: for people, 1 to 64 characters. @days: 1..36500
 * Return: 0; -EINVAL: name or days; -ENOMEM. */
MUST_USE int pki_ca_new(
    X509 **out, EVP_PKEY *key, const char *common_name, int days);

enum {
	PKI_HOSTS_MOST = 32,
	PKI_SECONDS_MOST = 90 * 24 * 3600,
	PKI_DAYS_MOST = 36500,
};

struct pki_order {
	enum role role;		  /* ROLE_NONE: at least one host */
	const char *name;	  /* as subject.name */
	const char *const *hosts; /* more SANs: DNS names or IP addresses */
	size_t n_hosts;		  /* at most PKI_HOSTS_MOST */
	int64_t seconds;	  /* of life, 1..PKI_SECONDS_MOST */
};
/** pki_issue() - sign @public_key as @order says
 * Return: 0; -EINVAL with @fault: bad name, role, life or host, a key that is
 * not allowed, a CA that ends earlier or whose key is another; -ENOMEM. */
MUST_USE int pki_issue(X509 **out, X509 *ca, EVP_PKEY *ca_key,
    EVP_PKEY *public_key, const struct pki_order *order, struct fault *fault);

/** pki_csr_new() - a request carrying the public key and a common name
 * Return: 0; -EINVAL: the name; -ENOMEM. */
MUST_USE int pki_csr_new(X509_REQ **out, EVP_PKEY *key, const char *name);
/** pki_csr_key() - the key of a PEM request, once its signature is good and its
 * kind is allowed
 * pki_csr_clean() - and the request written anew, for a reader of another kind:
 * what @pem has around it or behind it could be a second request to that one
 * @out: the caller frees it. @n: at most PKI_CSR_MOST
 * Return: 0; -EINVAL with @fault; -ENOMEM. */
enum { PKI_CSR_MOST = 16 * 1024 };
MUST_USE int pki_csr_key(
    EVP_PKEY **out, const void *pem, size_t n, struct fault *fault);
MUST_USE int pki_csr_clean(char **out, EVP_PKEY **out_key, const void *pem,
    size_t n, struct fault *fault);

/** pki_cert_pem(), pki_csr_pem() - as PEM, NUL-terminated on the heap; the
 * caller frees it
 * pki_key_pem() - the private key as PKCS #8 PEM
 * Return: 0; -ENOMEM. */
MUST_USE int pki_cert_pem(char **out, X509 *cert);
MUST_USE int pki_csr_pem(char **out, X509_REQ *request);
MUST_USE int pki_key_pem(struct secret **out, EVP_PKEY *key);
