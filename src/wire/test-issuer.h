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

static inline const char *text_in(const json_t *from, const char *name)
{
	return json_string_value(json_object_get(from, name));
}

/* @header: the protected header as JSON text. The caller frees it. */
static inline char *token_make(
    const json_t *jwk, const char *header, const char *payload)
{
	json_t *jws = json_pack(
	    "{so}", "payload", jose_b64_enc(payload, strlen(payload)));
	json_t *sig =
	    json_pack("{so}", "protected", json_loads(header, 0, NULL));
	size_t room = 2 * (strlen(header) + strlen(payload)) + 2048;
	char *token = malloc(room);

	INVARIANT(token && jose_jws_sig(NULL, jws, sig, jwk));
	snprintf(token, room, "%s.%s.%s", text_in(jws, "protected"),
	    text_in(jws, "payload"), text_in(jws, "signature"));
	json_decref(jws);
	json_decref(sig);
	return token;
}

/* A token under another header, one that libjose would not sign: the signature
 * stays what it was. The caller frees it. */
static inline char *token_forge(const char *token, const char *header)
{
	const char *rest = strchr(token, '.');
	size_t room = 2 * strlen(header) + strlen(rest) + 8, n;
	char *out = malloc(room);

	INVARIANT(out);
	n = jose_b64_enc_buf(header, strlen(header), out, room);
	snprintf(out + n, room - n, "%s", rest);
	return out;
}
