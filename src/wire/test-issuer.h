/* An issuer of signed tokens, for tests: keys, key sets and tokens of any
 * header and claims. */
#pragma once
#include "base/err.h"
#include <jose/jose.h>
#include <jose/openssl.h>
#include <stdio.h>

/* A private key; @kid may be NULL. */
static inline json_t *key_make(const char *alg, const char *kid)
{
	json_t *jwk = json_pack("{ss}", "alg", alg);

	INVARIANT(jose_jwk_gen(NULL, jwk));
	if (kid)
		json_object_set_new(jwk, "kid", json_string(kid));
	return jwk;
}

/* Its public part, as a cluster publishes it. */
static inline json_t *key_public(const json_t *jwk)
{
	json_t *public = json_deep_copy(jwk);

	INVARIANT(jose_jwk_pub(NULL, public));
	json_object_del(public, "key_ops");
	return public;
}

/* @header: the protected header as JSON text. The caller frees it. */
static inline char *token_make(
    const json_t *jwk, const char *header, const char *payload)
{
	json_t *jws = json_pack(
	    "{so}", "payload", jose_b64_enc(payload, strlen(payload)));
	json_t *sig =
	    json_pack("{so}", "protected", json_loads(header, 0, NULL));
	char *token;

	INVARIANT(jose_jws_sig(NULL, jws, sig, jwk));
	INVARIANT(
	    asprintf(&token, "%s.%s.%s",
		json_string_value(json_object_get(jws, "protected")),
		json_string_value(json_object_get(jws, "payload")),
		json_string_value(json_object_get(jws, "signature"))) > 0);
	json_decref(jws);
	json_decref(sig);
	return token;
}
