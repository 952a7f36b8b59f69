/* wire/jwt.h: a compact JWS (RFC 7515) and the issuer's keys in, checked claims
 * (RFC 7519) out. libjose does the cryptography.
 *
 * Algorithms: ES256, ES384, RS256, PS256, and no others: a key's type decides
 * which it may be used for, the token only says which of those it used. Never
 * "none", never a symmetric one. `kid` picks the key. All times are passed in.
 *
 * A library of its own (wire_jwt), since libjose is shared only and the wrapper
 * is static.
 */
#pragma once
#include "base/fault.h"
#include <jansson.h>

enum {
	JWT_MOST = 8192,		 /* bytes of a token */
	JWT_KEYS_MOST = 64,		 /* keys of a set */
	JWT_KEYS_TEXT_MOST = 128 * 1024, /* of one JWKS or PEM text */
	JWT_RSA_LEAST = 2048 / 8,
	JWT_RSA_MOST = 8192 / 8, /* bytes of the modulus */
};

struct jwt_keys;

/** jwt_keys_new() - an empty set; Return: 0; -ENOMEM. */
MUST_USE int jwt_keys_new(struct jwt_keys **out);
void jwt_keys_free(struct jwt_keys *k);
void jwt_keys_freep(struct jwt_keys **k);
size_t jwt_keys_count(const struct jwt_keys *k);

/** jwt_keys_add_jwks() - the usable keys of a JWK set (RFC 7517)
 * Keys of kinds that we do not use are skipped, as the RFC asks.
 * jwt_keys_add_pem() - the public keys of a PEM text; they have no kid
 * Return: 0; -EINVAL with @fault: not a set, no usable key, a private or
 * symmetric key in it, too many; -ENOMEM. On failure nothing was added. */
MUST_USE int jwt_keys_add_jwks(
    struct jwt_keys *k, const void *text, size_t n, struct fault *fault);
MUST_USE int jwt_keys_add_pem(
    struct jwt_keys *k, const void *text, size_t n, struct fault *fault);

/* What a token must be. */
struct jwt_expect {
	const char *const *algorithms; /* of those above; NULL: all */
	size_t n_algorithms;
	const char *issuer;	      /* exactly; NULL: not looked at */
	const char *const *audiences; /* one of these, exactly, is in `aud` */
	size_t n_audiences;	      /* 0: the token must have no `aud` */
	int64_t now;		      /* seconds since 1970 */
	int64_t leeway_s;	      /* for exp, nbf and iat */
};

enum {
	JWT_E_SHAPE = 1, /* not a compact JWS of JSON objects, or too large */
	JWT_E_UNSIGNED,	 /* alg "none", with or without a signature */
	JWT_E_SYMMETRIC, /* an HMAC: a public key is no secret to share */
	JWT_E_ALGORITHM, /* another that we do not take; or a critical header */
	JWT_E_KID,	 /* no key of the set has its kid, or is without one */
	JWT_E_KEY,	 /* the key of its kid is not for its algorithm */
	JWT_E_SIGNATURE, /* wrong */
	JWT_E_ISSUER,	 /* missing or another */
	JWT_E_AUDIENCE,	 /* none of those expected */
	JWT_E_EXPIRED,	 /* now > exp + leeway */
	JWT_E_SKEW,	 /* now < iat - leeway: the two clocks disagree */
	JWT_E_EARLY,	 /* now < nbf - leeway */
	JWT_E_CLAIMS,	 /* exp missing, or a time or `aud` of a wrong kind */
	JWT_E_COUNT,
};
/** jwt_check() - signature first, then the claims
 * @claims: set on success; json_decref() it.
 * Return: 0; JWT_E_*; -ENOMEM. */
MUST_USE int jwt_check(json_t **claims, const struct jwt_keys *keys,
    const char *token, size_t n, const struct jwt_expect *expect);
const char *jwt_problem(int code);
/** jwt_algorithm_known() - is it one of those that we check? */
bool jwt_algorithm_known(const char *name);

/** jwt_claim() - a claim by name, or, when @name starts with "/", by JSON
 * pointer (RFC 6901): "/kubernetes.io/namespace"
 * Return: borrowed from @claims; NULL when it is not there. */
const json_t *jwt_claim(const json_t *claims, const char *name);
