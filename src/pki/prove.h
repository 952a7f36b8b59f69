/* pki/prove.h: the proof of a proven leg: signing it, checking it.
 *
 * The checks, in this order: sizes (the frame reader's), key kinds, SHA-256 of
 * the CA = info hash, the leaf against that CA alone with times and
 * basicConstraints, its URI SAN role, the signature.
 * Signatures: ECDSA P-256 with SHA-256, P-384 with SHA-384, Ed25519, RSA-PSS
 * with SHA-256 and a salt as long as the hash.
 */
#pragma once
#include "base/err.h"
#include "pki/identity.h"
#include "pki/known.h"

enum { PROVE_SIGNATURE_MOST = 1024, PROVE_CERT_MOST = 1536 };

struct prove_material {
	uint8_t leaf[PROVE_CERT_MOST], ca[PROVE_CERT_MOST];
	size_t n_leaf, n_ca;
	uint8_t signature[PROVE_SIGNATURE_MOST];
	size_t n_signature;
};

/** prove_sign() - over @bytes
 * Return: 0; -EMSGSIZE: a certificate is too large for a HELLO; -EIO. */
MUST_USE int prove_sign(struct prove_material *out, const struct identity *id,
    const void *bytes, size_t n);

struct prove_claim {
	const uint8_t *leaf, *ca, *signature; /* DER, DER, raw */
	size_t n_leaf, n_ca, n_signature;
	const uint8_t *hash;	/* the info hash that is claimed */
	const enum role *roles; /* any of these */
	size_t n_roles;
	const void *bytes; /* that were signed */
	size_t n_bytes;
	int64_t now;	     /* seconds since 1970, 0 for the clock */
	struct known *known; /* a leaf that is in there is not verified again,
				but for its times, role and signature; one that
				proves itself is added; or NULL */
};
enum {
	PROVE_E_KEY = 1,   /* kind of key not allowed, or not DER */
	PROVE_E_HASH,	   /* the CA is not the info hash's */
	PROVE_E_CHAIN,	   /* the leaf is not that CA's, or not valid now */
	PROVE_E_ROLE,	   /* no role, not an allowed one, or another realm */
	PROVE_E_SIGNATURE, /* wrong */
};
/** prove_check() - Return: 0; PROVE_E_*; -ENOMEM. */
MUST_USE int prove_check(const struct prove_claim *claim);
const char *prove_error_text(int code);
