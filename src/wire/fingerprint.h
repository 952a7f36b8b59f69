/* wire/fingerprint.h: a Kubernetes cluster's fingerprint: what it is made of,
 * how it is written, and how what a person typed is read.
 *
 * For `pharos target fingerprint`, `pharos source register`, and the bridge
 * when a broker joins. It is public, and it binds: whoever can sign for these
 * keys is the cluster. doc/wire/boot.md has the bytes that are hashed and both
 * ways of writing it.
 */
#pragma once
#include "base/base32.h"
#include "base/fault.h"
#include <jansson.h>

enum {
	FINGERPRINT_SIZE = 32,
	FINGERPRINT_DIGITS = BASE32_DIGITS(FINGERPRINT_SIZE), /* 52 */
	FINGERPRINT_SHOWN = 63,		/* characters of the form for people */
	FINGERPRINT_UID_MOST = 64,	/* characters of a UID */
	FINGERPRINT_ISSUER_MOST = 1024, /* bytes of an issuer */
	FINGERPRINT_KEYS_MOST = 64,
	FINGERPRINT_TEXT_MOST = 128 * 1024, /* bytes of a JWKS or discovery */
	THUMBPRINT_SIZE = 32,
};

struct fingerprint {
	uint8_t bytes[FINGERPRINT_SIZE];
};

/** thumbprint_of() - of one public key: RFC 7638, SHA-256
 * Return: 0; -ENOTSUP: of a kind other than EC, RSA and OKP (RFC 8037);
 * -EINVAL: a member is missing or not base64url. */
MUST_USE int thumbprint_of(uint8_t out[THUMBPRINT_SIZE], const json_t *jwk);

/* What a cluster's fingerprint is made of. All borrowed. */
struct fingerprint_facts {
	const char *uid;    /* metadata.uid of the namespace kube-system */
	const char *issuer; /* of ServiceAccount tokens, as they carry it */
	const void *jwks;   /* as GET /openid/v1/jwks answers */
	size_t n_jwks;
};
/** fingerprint_of() - Return: 0; -EINVAL with @fault: the UID, the issuer or
 * the key set is not one; no key of a kind that counts, too many, or a private
 * one. */
MUST_USE int fingerprint_of(struct fingerprint *out,
    const struct fingerprint_facts *facts, struct fault *fault);

/** fingerprint_issuer() - the issuer that a discovery document names
 * @text: as GET /.well-known/openid-configuration answers
 * Return: 0; -EINVAL with @fault. */
MUST_USE int fingerprint_issuer(char out[FINGERPRINT_ISSUER_MOST + 1],
    const void *text, size_t n, struct fault *fault);

/** fingerprint_print() - the canonical form, in names and audiences: 52 digits
 * fingerprint_show() - the form for people: eight groups of seven digits, two
 * of them checked by a digit of their own */
void fingerprint_print(
    char out[FINGERPRINT_DIGITS + 1], const struct fingerprint *f);
void fingerprint_show(
    char out[FINGERPRINT_SHOWN + 1], const struct fingerprint *f);
bool fingerprint_equal(
    const struct fingerprint *a, const struct fingerprint *b);
/** fingerprint_meeting() - the info hash at which bridge and broker meet while
 * the broker knows no CA */
void fingerprint_meeting(
    uint8_t out[FINGERPRINT_SIZE], const struct fingerprint *f);

enum {
	FINGERPRINT_E_LENGTH = 1, /* neither 52 digits nor 56 */
	FINGERPRINT_E_DIGIT,	  /* a character that is no digit */
	FINGERPRINT_E_TYPO,	  /* a check digit does not fit, or bits are set
				     that none has */
};
/** fingerprint_parse() - either form, upper or lower case, with hyphens and
 * blanks anywhere
 * Return: 0; FINGERPRINT_E_* with @fault, which says where. */
MUST_USE int fingerprint_parse(
    struct fingerprint *out, const char *text, struct fault *fault);
