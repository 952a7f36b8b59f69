/* wire/jwt.c: checking signed tokens.
 *
 * What goes wrong with JWTs elsewhere is choice: the token says which algorithm
 * is to be used, and the verifier believes it. Here the choice is made before a
 * token is seen. A key enters the set with the algorithms that its type allows
 * (a JWK's own "alg" narrows that to one); the token's alg must be among them.
 * So an RSA key is never a HMAC secret, and "none" is the algorithm of no key.
 *
 * `kid` picks the keys to try: those that carry it, or, when none does, those
 * that carry no kid at all (keys given as PEM have none). A set never gives a
 * token the choice between a named key and all others.
 *
 * The order is shape, algorithm, key, signature, and only then claims: nothing
 * of an unsigned token is interpreted but the three header members that choose
 * the key. "crit" and "b64" are refused, since we understand no extension.
 *
 * Cost: one signature check for each key that fits; sets are bounded.
 */
#include "wire/jwt.h"
#include "base/secret.h"
#include "wire/json.h"
#include "wire/jwk.h"
#include <jose/jose.h>
#include <jose/openssl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

enum algorithm { ES256 = 1, ES384 = 2, RS256 = 4, PS256 = 8 };

static const struct {
	const char *name;
	unsigned bit;
} algorithms[] = {
	{ "ES256", ES256 },
	{ "ES384", ES384 },
	{ "RS256", RS256 },
	{ "PS256", PS256 },
};

static unsigned algorithm_of(const char *name)
{
	for (size_t i = 0; name && i < N_ELEMS(algorithms); i++)
		if (!strcmp(name, algorithms[i].name))
			return algorithms[i].bit;
	return 0;
}

enum { KID_MOST = 256 };

struct jwt_key {
	json_t *jwk;	 /* public, as libjose wants it */
	const char *kid; /* borrowed from jwk; NULL: none */
	unsigned algorithms;
};

struct jwt_keys {
	jose_cfg_t *config; /* keeps libjose from writing to standard error */
	struct jwt_key key[JWT_KEYS_MOST];
	size_t n;
};

/* signature of libjose */
static void say_nothing(void *misc, const char *file, int line, uint64_t err,
    const char *fmt, va_list args)
{
	(void)misc;
	(void)file;
	(void)line;
	(void)err;
	(void)fmt;
	(void)args;
}

int jwt_keys_new(struct jwt_keys **out)
{
	struct jwt_keys *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->config = jose_cfg();
	if (!k->config) {
		free(k);
		return -ENOMEM;
	}
	jose_cfg_set_err_func(k->config, say_nothing, NULL);
	*out = k;
	return 0;
}

static void keys_cut(struct jwt_keys *k, size_t n)
{
	while (k->n > n)
		json_decref(k->key[--k->n].jwk);
}

void jwt_keys_free(struct jwt_keys *k)
{
	if (!k)
		return;
	keys_cut(k, 0);
	jose_cfg_decref(k->config);
	free(k);
}

void jwt_keys_freep(struct jwt_keys **k)
{
	jwt_keys_free(*k);
}

size_t jwt_keys_count(const struct jwt_keys *k)
{
	return k->n;
}

/* ---- keys --------------------------------------------------------------- */

static const char *member(const json_t *j, const char *name)
{
	return json_string_value(json_object_get(j, name));
}

static bool member_is(const json_t *j, const char *name, const char *want)
{
	const char *text = member(j, name);

	return text && !strcmp(text, want);
}

static unsigned key_algorithms_ec(const json_t *jwk)
{
	if (member_is(jwk, "crv", "P-256"))
		return ES256;
	return member_is(jwk, "crv", "P-384") ? ES384 : 0;
}

static unsigned key_algorithms_rsa(const json_t *jwk)
{
	size_t n = jose_b64_dec(json_object_get(jwk, "n"), NULL, 0);

	if (n == SIZE_MAX || n < JWT_RSA_LEAST || n > JWT_RSA_MOST)
		return 0;
	return RS256 | PS256;
}

/* Which algorithms a JWK may be used for; 0: none of ours. */
static unsigned key_algorithms(const json_t *jwk)
{
	const json_t *own = json_object_get(jwk, "alg");
	const char *use = member(jwk, "use");
	unsigned bits = 0;

	if (member_is(jwk, "kty", "EC"))
		bits = key_algorithms_ec(jwk);
	else if (member_is(jwk, "kty", "RSA"))
		bits = key_algorithms_rsa(jwk);
	if (use && strcmp(use, "sig"))
		return 0;
	return own ? bits & algorithm_of(json_string_value(own)) : bits;
}

static bool key_is_sound(const struct jwt_keys *k, const json_t *jwk)
{
	EVP_PKEY *key = jose_openssl_jwk_to_EVP_PKEY(k->config, jwk);

	EVP_PKEY_free(key);
	ERR_clear_error();
	return key;
}

/* The public parts alone, so that no member of a set can steer libjose. */
static json_t *key_bare(const json_t *jwk)
{
	static const char *const names[] = { "kty", "crv", "x", "y", "n", "e",
		"kid" };
	json_t *bare = json_object();

	for (size_t i = 0; bare && i < N_ELEMS(names); i++) {
		json_t *value = json_object_get(jwk, names[i]);

		if (value && json_object_set(bare, names[i], value)) {
			json_decref(bare);
			bare = NULL;
		}
	}
	return bare;
}

static int key_add(struct jwt_keys *k, const json_t *jwk, struct fault *fault)
{
	unsigned bits = key_algorithms(jwk);
	const char *kid = member(jwk, "kid");
	json_t *bare;

	if (jwk_check_public(jwk, fault))
		return -EINVAL;
	if (!bits || (kid && strlen(kid) > KID_MOST) || !key_is_sound(k, jwk))
		return 0; /* not for us */
	if (k->n == JWT_KEYS_MOST)
		return fault_set(fault, -EINVAL, NULL,
		    "key set: more than %d keys", JWT_KEYS_MOST);
	bare = key_bare(jwk);
	if (!bare)
		return -ENOMEM;
	k->key[k->n++] = (struct jwt_key){ bare, member(bare, "kid"), bits };
	return 0;
}

static int keys_checked(
    struct jwt_keys *k, size_t before, int r, struct fault *fault)
{
	if (!r && k->n == before)
		r = fault_set(fault, -EINVAL,
		    "usable are EC keys on P-256 or P-384 and RSA keys of 2048 "
		    "bits or more",
		    "key set: no usable key in it");
	if (r)
		keys_cut(k, before);
	return r;
}

int jwt_keys_add_jwks(
    struct jwt_keys *k, const void *text, size_t n, struct fault *fault)
{
	JSON *set =
	    n <= JWT_KEYS_TEXT_MOST ? json_read_object(text, n, 0) : NULL;
	json_t *keys = json_object_get(set, "keys"), *one;
	size_t i, before = k->n;
	int r = 0;

	if (!json_is_array(keys))
		return fault_set(fault, -EINVAL,
		    "expected is {\"keys\":[…]}, as /openid/v1/jwks answers",
		    "key set: not a JWK set");
	json_array_foreach(keys, i, one)
	{
		r = key_add(k, one, fault);
		if (r)
			break;
	}
	return keys_checked(k, before, r, fault);
}

static void bio_free_p(BIO **b)
{
	BIO_free(*b);
}

static int pem_add_next(struct jwt_keys *k, BIO *in, struct fault *fault)
{
	EVP_PKEY *key = PEM_read_bio_PUBKEY(in, NULL, NULL, NULL);
	JSON *jwk = NULL;

	ERR_clear_error();
	if (!key)
		return -ENODATA;
	jwk = jose_openssl_jwk_from_EVP_PKEY(k->config, key);
	EVP_PKEY_free(key);
	return jwk ? key_add(k, jwk, fault) : 0;
}

int jwt_keys_add_pem(
    struct jwt_keys *k, const void *text, size_t n, struct fault *fault)
{
	CLEANUP(bio_free_p) BIO *in = NULL;
	size_t before = k->n;
	int r = 0;

	if (n > JWT_KEYS_TEXT_MOST || memmem(text, n, "PRIVATE KEY-----", 16))
		return fault_set(fault, -EINVAL, "give the public key only",
		    "key set: a private key, or too large");
	in = BIO_new_mem_buf(text, (int)n);
	if (!in)
		return -ENOMEM;
	while (!r)
		r = pem_add_next(k, in, fault);
	return keys_checked(k, before, r == -ENODATA ? 0 : r, fault);
}

/* ---- a token ------------------------------------------------------------ */

/* The three parts of a compact JWS, borrowed from it. */
struct parts {
	const char *at[3];
	size_t n[3];
};

static bool is_base64url(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return n && n % 4 != 1;
}

static int token_split(struct parts *out, const char *token, size_t n)
{
	size_t left = n;

	if (n > JWT_MOST)
		return JWT_E_SHAPE;
	for (size_t i = 0; i < 3; i++) {
		const char *dot =
		    i < 2 ? memchr(token, '.', left) : token + left;

		if (!dot)
			return JWT_E_SHAPE;
		out->at[i] = token;
		out->n[i] = (size_t)(dot - token);
		/* an unsigned token ends in nothing, and is told as that */
		if (!is_base64url(token, out->n[i]) && (i < 2 || out->n[i]))
			return JWT_E_SHAPE;
		left -= out->n[i] + (i < 2);
		token = dot + (i < 2);
	}
	return 0;
}

/* A part that must be a JSON object. */
static json_t *part_decode(const struct parts *p, size_t which)
{
	char bytes[JWT_MOST];
	size_t n =
	    jose_b64_dec_buf(p->at[which], p->n[which], bytes, sizeof(bytes));
	json_t *j;

	if (n == SIZE_MAX || n > sizeof(bytes))
		return NULL;
	j = json_read_object(bytes, n, 0);
	secret_wipe(bytes, n);
	return j;
}

static int signature_check(const struct jwt_keys *keys,
    const struct parts *parts, const struct jwt_key *key)
{
	JSON *jws = json_object();
	static const char *const names[] = { "protected", "payload",
		"signature" };

	for (size_t i = 0; i < N_ELEMS(names); i++)
		if (json_object_set_new(
			jws, names[i], json_stringn(parts->at[i], parts->n[i])))
			return -ENOMEM;
	if (jose_jws_ver(keys->config, jws, NULL, key->jwk, false))
		return 0;
	ERR_clear_error();
	return JWT_E_SIGNATURE;
}

static bool key_named(const struct jwt_key *key, const char *kid)
{
	if (!kid || !key->kid)
		return kid == key->kid;
	return !strcmp(key->kid, kid);
}

/* The name to look for: the token's kid if the set knows it, else none. */
static const char *kid_wanted(const struct jwt_keys *keys, const char *kid)
{
	for (size_t i = 0; kid && i < keys->n; i++)
		if (key_named(&keys->key[i], kid))
			return kid;
	return NULL;
}

bool jwt_algorithm_known(const char *name)
{
	return algorithm_of(name);
}

/* The bit of the token's algorithm, if it is among the expected ones. */
static unsigned algorithm_expected(
    const json_t *header, const struct jwt_expect *expect)
{
	const char *name = member(header, "alg");

	if (!expect->algorithms)
		return algorithm_of(name);
	for (size_t i = 0; name && i < expect->n_algorithms; i++)
		if (!strcmp(name, expect->algorithms[i]))
			return algorithm_of(name);
	return 0;
}

/* Why the header's algorithm is not one of the expected ones. */
static int algorithm_problem(const json_t *header, const struct parts *parts)
{
	const char *name = member(header, "alg");

	if (name && !strcasecmp(name, "none"))
		return JWT_E_UNSIGNED;
	if (!parts->n[2])
		return JWT_E_SHAPE;
	return name && !strncmp(name, "HS", 2) ? JWT_E_SYMMETRIC
					       : JWT_E_ALGORITHM;
}

static int token_verify(const struct jwt_keys *keys, const struct parts *parts,
    const json_t *header, const struct jwt_expect *expect)
{
	unsigned bit = algorithm_expected(header, expect);
	const char *kid = kid_wanted(keys, member(header, "kid"));
	int r = JWT_E_KID;

	if (!bit)
		return algorithm_problem(header, parts);
	if (json_object_get(header, "crit") || json_object_get(header, "b64"))
		return JWT_E_ALGORITHM;
	if (!parts->n[2])
		return JWT_E_SHAPE;
	for (size_t i = 0; i < keys->n; i++) {
		const struct jwt_key *key = &keys->key[i];

		if (!key_named(key, kid))
			continue;
		if (!(key->algorithms & bit)) {
			r = r == JWT_E_KID ? JWT_E_KEY : r;
			continue;
		}
		r = signature_check(keys, parts, key);
		if (r != JWT_E_SIGNATURE)
			break;
	}
	return r;
}

/* ---- claims ------------------------------------------------------------- */

/* A NumericDate; -ENOENT when it is not there. Half seconds are cut off. */
static int claim_time(int64_t *out, const json_t *claims, const char *name)
{
	const json_t *j = json_object_get(claims, name);
	double value = json_number_value(j);

	if (!j)
		return -ENOENT;
	if (!json_is_number(j) || !(value >= 0) || value > 1e15)
		return JWT_E_CLAIMS;
	*out = (int64_t)value;
	return 0;
}

/* @late: what it is when the time is still to come */
static int claims_check_start(const json_t *claims, const char *name, int late,
    const struct jwt_expect *expect)
{
	int64_t at;
	int r = claim_time(&at, claims, name);

	if (r)
		return r == -ENOENT ? 0 : r;
	return at > expect->now + expect->leeway_s ? late : 0;
}

static int claims_check_times(
    const json_t *claims, const struct jwt_expect *expect)
{
	int64_t end;
	int r = claim_time(&end, claims, "exp");

	if (r)
		return JWT_E_CLAIMS;
	if (expect->now > end + expect->leeway_s)
		return JWT_E_EXPIRED;
	r = claims_check_start(claims, "iat", JWT_E_SKEW, expect);
	if (r)
		return r;
	return claims_check_start(claims, "nbf", JWT_E_EARLY, expect);
}

static bool audience_expected(
    const json_t *audience, const struct jwt_expect *expect)
{
	const char *text = json_string_value(audience);

	for (size_t i = 0; text && i < expect->n_audiences; i++)
		if (json_string_length(audience) ==
			strlen(expect->audiences[i]) &&
		    !strcmp(text, expect->audiences[i]))
			return true;
	return false;
}

static int claims_check_audience(
    const json_t *claims, const struct jwt_expect *expect)
{
	const json_t *aud = json_object_get(claims, "aud"), *one;
	size_t i;

	if (!aud)
		return expect->n_audiences ? JWT_E_AUDIENCE : 0;
	if (!json_is_array(aud) && !json_is_string(aud))
		return JWT_E_CLAIMS;
	if (audience_expected(aud, expect))
		return 0;
	json_array_foreach(
	    aud, i, one) if (audience_expected(one, expect)) return 0;
	return JWT_E_AUDIENCE;
}

static int claims_check(const json_t *claims, const struct jwt_expect *expect)
{
	int r = claims_check_times(claims, expect);

	if (r)
		return r;
	if (expect->issuer && !member_is(claims, "iss", expect->issuer))
		return JWT_E_ISSUER;
	return claims_check_audience(claims, expect);
}

int jwt_check(json_t **claims, const struct jwt_keys *keys, const char *token,
    size_t n, const struct jwt_expect *expect)
{
	struct parts parts;
	JSON *header = NULL, *j = NULL;
	int r = token_split(&parts, token, n);

	if (r)
		return r;
	header = part_decode(&parts, 0);
	if (!header)
		return JWT_E_SHAPE;
	r = token_verify(keys, &parts, header, expect);
	if (r)
		return r;
	j = part_decode(&parts, 1);
	if (!j)
		return JWT_E_SHAPE;
	r = claims_check(j, expect);
	if (!r)
		*claims = STEAL(j);
	return r;
}

const char *jwt_problem(int code)
{
	static const char *const text[] = {
		[JWT_E_SHAPE] = "not a signed token in compact form",
		[JWT_E_UNSIGNED] = "not signed at all (alg none)",
		[JWT_E_SYMMETRIC] = "signed with a shared secret, which no "
				    "public key is",
		[JWT_E_ALGORITHM] = "signed with an algorithm that is not "
				    "allowed",
		[JWT_E_KID] = "signed with a key that is not known",
		[JWT_E_KEY] = "signed with an algorithm that is not its key's",
		[JWT_E_SIGNATURE] = "the signature is wrong",
		[JWT_E_ISSUER] = "issued by another issuer",
		[JWT_E_AUDIENCE] = "meant for another audience",
		[JWT_E_EXPIRED] = "expired",
		[JWT_E_SKEW] = "issued in the future: the clocks disagree",
		[JWT_E_EARLY] = "not valid yet",
		[JWT_E_CLAIMS] =
		    "without an end, or with claims of wrong kinds",
	};

	_Static_assert(N_ELEMS(text) == JWT_E_COUNT, "a text each");
	if (code <= 0 || code >= JWT_E_COUNT)
		return "cannot be checked";
	return text[code];
}

/* One step of a JSON pointer: ~1 is '/', ~0 is '~'. */
static int pointer_step(char *to, size_t room, const char **at)
{
	size_t used = 0;

	for (; **at && **at != '/'; (*at)++) {
		char c = **at;

		if (c == '~') {
			(*at)++;
			if (**at != '0' && **at != '1')
				return -EINVAL;
			c = **at == '1' ? '/' : '~';
		}
		if (used + 1 >= room)
			return -EINVAL;
		to[used++] = c;
	}
	to[used] = '\0';
	return 0;
}

const json_t *jwt_claim(const json_t *claims, const char *name)
{
	char step[KID_MOST];

	if (*name != '/')
		return json_object_get(claims, name);
	while (claims && *name == '/') {
		name++;
		if (pointer_step(step, sizeof(step), &name))
			return NULL;
		claims = json_object_get(claims, step);
	}
	return claims;
}
