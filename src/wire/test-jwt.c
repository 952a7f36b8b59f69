#include "base/test-valgrind.h"
#include "wire/jwt.h"
#include "wire/test-issuer.h"
#include <jose/jose.h>
#include <jose/openssl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* RFC 7515, appendix A.2 (RS256) and A.3 (ES256): their keys and tokens. The
 * payload is {"iss":"joe","exp":1300819380,"http://example.com/is_root":true}.
 */
#define RFC_RSA_N                                                              \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-"    \
	"Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6"   \
	"b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-"   \
	"KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I"   \
	"5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb"   \
	"54h4FRWyuXpoQ"
#define RFC_RSA "{\"kty\":\"RSA\",\"n\":\"" RFC_RSA_N "\",\"e\":\"AQAB\"}"
#define RFC_EC_MEMBERS                                                         \
	"\"kty\":\"EC\",\"crv\":\"P-256\","                                    \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","               \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define RFC_EC "{" RFC_EC_MEMBERS "}"
#define RFC_PAYLOAD                                                            \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcG"   \
	"xlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC_RS256                                                              \
	"eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD                                    \
	".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7A"   \
	"AuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAyn"  \
	"RFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRm"  \
	"B_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh"  \
	"6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGl"  \
	"UPQGe77Rw"
#define RFC_ES256                                                              \
	"eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD                                    \
	".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApm"  \
	"WQxfKTUJqPP3-Kg6NU1Q"
/* appendix A.1 (HS256), whose key is symmetric, and A.5 (none) */
#define RFC_HS256                                                              \
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_PAYLOAD                \
	".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define RFC_NONE "eyJhbGciOiJub25lIn0." RFC_PAYLOAD "."

static void add_jwks(struct jwt_keys *keys, const char *list)
{
	char text[8192];
	struct fault f = FAULT_NONE;

	snprintf(text, sizeof(text), "{\"keys\":[%s]}", list);
	if (jwt_keys_add_jwks(keys, text, strlen(text), &f))
		fail_msg("%s", f.text);
}

static int check(const struct jwt_keys *keys, const char *token,
    const struct jwt_expect *expect)
{
	json_t *claims = NULL;
	int r = jwt_check(&claims, keys, token, strlen(token), expect);

	assert_int_equal(!r, claims != NULL);
	json_decref(claims);
	return r;
}

static void test_rfc(void **state)
{
	static const struct jwt_expect in_time = { .issuer = "joe",
		.now = 1300819380 };
	CLEANUP(jwt_keys_freep) struct jwt_keys *both = NULL, *rsa = NULL;

	(void)state;
	assert_int_equal(jwt_keys_new(&both), 0);
	assert_int_equal(jwt_keys_new(&rsa), 0);
	add_jwks(both, RFC_EC "," RFC_RSA);
	add_jwks(rsa, RFC_RSA);
	assert_int_equal(jwt_keys_count(both), 2);
	assert_int_equal(check(both, RFC_RS256, &in_time), 0);
	assert_int_equal(check(both, RFC_ES256, &in_time), 0);
	assert_int_equal(check(rsa, RFC_RS256, &in_time), 0);
	assert_int_equal(check(rsa, RFC_ES256, &in_time), JWT_E_KEY);
	assert_int_equal(check(both, RFC_HS256, &in_time), JWT_E_SYMMETRIC);
	assert_int_equal(check(both, RFC_NONE, &in_time), JWT_E_UNSIGNED);
	assert_int_equal(check(both, RFC_NONE "AA", &in_time), JWT_E_UNSIGNED);
}

static void key_publish(struct jwt_keys *keys, const json_t *jwk)
{
	json_t *set = json_pack("{s[o]}", "keys", key_public(jwk));
	char *text = json_dumps(set, 0);
	struct fault f = FAULT_NONE;

	if (jwt_keys_add_jwks(keys, text, strlen(text), &f))
		fail_msg("%s", f.text);
	free(text);
	json_decref(set);
}

#define CLAIMS(more)                                                           \
	"{\"iss\":\"i\",\"aud\":[\"a\",\"b\"],\"exp\":1000" more "}"

static const char *const audiences[] = { "x", "b" };
static const struct jwt_expect usual = { .issuer = "i",
	.audiences = audiences,
	.n_audiences = 2,
	.now = 900,
	.leeway_s = 60 };

/* Every algorithm, checked with its own key and with every other. */
static void test_algorithms(void **state)
{
	static const char *const alg[] = { "ES256", "ES384", "RS256", "PS256" };
	json_t *key[4];
	char *token[4];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char header[40];

		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", alg[i]);
		key[i] = key_make(alg[i], NULL);
		token[i] = token_make(key[i], header, CLAIMS(""));
	}
	for (size_t i = 0; i < 4; i++) {
		CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;

		assert_int_equal(jwt_keys_new(&keys), 0);
		key_publish(keys, key[i]);
		for (size_t j = 0; j < 4; j++)
			assert_int_equal(check(keys, token[j], &usual),
			    i == j ? 0 : JWT_E_KEY);
	}
	for (size_t i = 0; i < 4; i++) {
		json_decref(key[i]);
		free(token[i]);
	}
}

static const struct {
	const char *label, *claims;
	int want;
} claims_row[] = {
	{ "good", CLAIMS(""), 0 },
	{ "audience as text", "{\"iss\":\"i\",\"aud\":\"b\",\"exp\":1000}", 0 },
	{ "just within the leeway", "{\"iss\":\"i\",\"aud\":\"b\",\"exp\":840}",
	    0 },
	{ "expired", "{\"iss\":\"i\",\"aud\":\"b\",\"exp\":839}",
	    JWT_E_EXPIRED },
	{ "no end", "{\"iss\":\"i\",\"aud\":\"b\"}", JWT_E_CLAIMS },
	{ "end as text", "{\"iss\":\"i\",\"aud\":\"b\",\"exp\":\"1000\"}",
	    JWT_E_CLAIMS },
	{ "end negative", "{\"iss\":\"i\",\"aud\":\"b\",\"exp\":-1}",
	    JWT_E_CLAIMS },
	{ "end beyond time", "{\"iss\":\"i\",\"aud\":\"b\",\"exp\":1e300}",
	    JWT_E_CLAIMS },
	{ "begins within the leeway", CLAIMS(",\"nbf\":960"), 0 },
	{ "begins later", CLAIMS(",\"nbf\":961"), JWT_E_EARLY },
	{ "issued later", CLAIMS(",\"iat\":961"), JWT_E_SKEW },
	{ "issued and begins later", CLAIMS(",\"iat\":961,\"nbf\":961"),
	    JWT_E_SKEW },
	{ "issued within the leeway", CLAIMS(",\"iat\":960"), 0 },
	{ "begin as text", CLAIMS(",\"nbf\":\"0\""), JWT_E_CLAIMS },
	{ "no issuer", "{\"aud\":\"b\",\"exp\":1000}", JWT_E_ISSUER },
	{ "another issuer", "{\"iss\":\"I\",\"aud\":\"b\",\"exp\":1000}",
	    JWT_E_ISSUER },
	{ "issuer as list", "{\"iss\":[\"i\"],\"aud\":\"b\",\"exp\":1000}",
	    JWT_E_ISSUER },
	{ "no audience", "{\"iss\":\"i\",\"exp\":1000}", JWT_E_AUDIENCE },
	{ "another audience", "{\"iss\":\"i\",\"aud\":\"c\",\"exp\":1000}",
	    JWT_E_AUDIENCE },
	{ "the beginning of one", "{\"iss\":\"i\",\"aud\":\"\",\"exp\":1000}",
	    JWT_E_AUDIENCE },
	{ "audience a number", "{\"iss\":\"i\",\"aud\":1,\"exp\":1000}",
	    JWT_E_CLAIMS },
	{ "audiences of numbers", "{\"iss\":\"i\",\"aud\":[1],\"exp\":1000}",
	    JWT_E_AUDIENCE },
	{ "a claim twice", CLAIMS(",\"aud\":\"b\""), JWT_E_SHAPE },
	{ "not an object", "[1]", JWT_E_SHAPE },
	{ "not JSON", "hello", JWT_E_SHAPE },
};

static void test_claims(void **state)
{
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	json_t *key = key_make("ES256", NULL);

	(void)state;
	assert_int_equal(jwt_keys_new(&keys), 0);
	key_publish(keys, key);
	for (size_t i = 0; i < N_ELEMS(claims_row); i++) {
		char *token = token_make(
		    key, "{\"alg\":\"ES256\"}", claims_row[i].claims);
		int r = check(keys, token, &usual);

		if (r != claims_row[i].want)
			fail_msg("%s: %s", claims_row[i].label, jwt_problem(r));
		free(token);
	}
	json_decref(key);
}

static void test_no_audience_wanted(void **state)
{
	struct jwt_expect expect = { .now = 900 };
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	json_t *key = key_make("ES256", NULL);
	char *with = token_make(key, "{\"alg\":\"ES256\"}", CLAIMS(""));
	char *without =
	    token_make(key, "{\"alg\":\"ES256\"}", "{\"exp\":1000}");

	(void)state;
	assert_int_equal(jwt_keys_new(&keys), 0);
	key_publish(keys, key);
	assert_int_equal(check(keys, with, &expect), JWT_E_AUDIENCE);
	assert_int_equal(check(keys, without, &expect), 0);
	free(with);
	free(without);
	json_decref(key);
}

static void test_algorithms_expected(void **state)
{
	static const char *const only[] = { "RS256" };
	struct jwt_expect expect = usual;
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	json_t *key = key_make("RS256", NULL);
	char *rs = token_make(key, "{\"alg\":\"RS256\"}", CLAIMS(""));
	char *ps;

	(void)state;
	assert_true(jwt_algorithm_known("PS256"));
	assert_false(jwt_algorithm_known("HS256"));
	assert_false(jwt_algorithm_known("none"));
	json_object_del(key, "alg");
	ps = token_make(key, "{\"alg\":\"PS256\"}", CLAIMS(""));
	assert_int_equal(jwt_keys_new(&keys), 0);
	key_publish(keys, key);
	expect.algorithms = only;
	expect.n_algorithms = 1;
	assert_int_equal(check(keys, rs, &expect), 0);
	assert_int_equal(check(keys, ps, &expect), JWT_E_ALGORITHM);
	assert_int_equal(check(keys, ps, &usual), 0);
	free(rs);
	free(ps);
	json_decref(key);
}

static const struct {
	const char *label, *header;
	int want;
} header_row[] = {
	{ "a kid that no key has: the keys without one",
	    "{\"alg\":\"ES256\",\"kid\":\"zzz\"}", 0 },
	{ "critical", "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}",
	    JWT_E_ALGORITHM },
	{ "payload not encoded", "{\"alg\":\"ES256\",\"b64\":true}",
	    JWT_E_ALGORITHM },
	{ "a key of its own",
	    "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}", 0 },
};

static void test_headers(void **state)
{
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	json_t *key = key_make("ES256", NULL);

	(void)state;
	assert_int_equal(jwt_keys_new(&keys), 0);
	key_publish(keys, key);
	for (size_t i = 0; i < N_ELEMS(header_row); i++) {
		char *token = token_make(key, header_row[i].header, CLAIMS(""));
		int r = check(keys, token, &usual);

		if (r != header_row[i].want)
			fail_msg("%s: %s", header_row[i].label, jwt_problem(r));
		free(token);
	}
	json_decref(key);
}

/* Two keys with names, one without: who may be used for what. */
static void test_kid(void **state)
{
	static const struct {
		const char *label;
		size_t signer;
		const char *kid;
		int want;
	} row[] = {
		{ "named", 0, "one", 0 },
		{ "the other's name", 0, "two", JWT_E_SIGNATURE },
		{ "no name for a named key", 0, NULL, JWT_E_SIGNATURE },
		{ "unknown name for a named key", 0, "x", JWT_E_SIGNATURE },
		{ "no name", 2, NULL, 0 },
		{ "unknown name", 2, "x", 0 },
		{ "a taken name", 2, "one", JWT_E_SIGNATURE },
	};
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	json_t *key[3] = { key_make("ES256", "one"), key_make("ES256", "two"),
		key_make("ES256", NULL) };

	(void)state;
	assert_int_equal(jwt_keys_new(&keys), 0);
	for (size_t i = 0; i < 3; i++)
		key_publish(keys, key[i]);
	for (size_t i = 0; i < N_ELEMS(row); i++) {
		char header[80], *token;
		int r;

		snprintf(header, sizeof(header),
		    row[i].kid ? "{\"alg\":\"ES256\",\"kid\":\"%s\"}"
			       : "{\"alg\":\"ES256\"}",
		    row[i].kid);
		token = token_make(key[row[i].signer], header, CLAIMS(""));
		r = check(keys, token, &usual);
		if (r != row[i].want)
			fail_msg("%s: %s", row[i].label, jwt_problem(r));
		free(token);
	}
	for (size_t i = 0; i < 3; i++)
		json_decref(key[i]);
}

/* Each way to lie about algorithm and key ends with its own outcome. The
 * signatures are other bytes: none of these gets as far as looking at one. */
static const struct {
	const char *label, *header, *rest;
	int want;
} lie_row[] = {
	{ "none, no signature", "{\"alg\":\"none\"}", "", JWT_E_UNSIGNED },
	{ "none, a signature", "{\"alg\":\"none\"}", "AAAA", JWT_E_UNSIGNED },
	{ "None", "{\"alg\":\"NoNe\",\"kid\":\"rsa\"}", "", JWT_E_UNSIGNED },
	{ "HMAC with the public key", "{\"alg\":\"HS256\",\"kid\":\"rsa\"}",
	    "AAAA", JWT_E_SYMMETRIC },
	{ "HMAC, longer", "{\"alg\":\"HS512\"}", "AAAA", JWT_E_SYMMETRIC },
	{ "an algorithm that we do not take", "{\"alg\":\"ES512\"}", "AAAA",
	    JWT_E_ALGORITHM },
	{ "none named", "{\"kid\":\"rsa\"}", "AAAA", JWT_E_ALGORITHM },
	{ "a number", "{\"alg\":256}", "AAAA", JWT_E_ALGORITHM },
	{ "a key that is not known", "{\"alg\":\"RS256\",\"kid\":\"x\"}",
	    "AAAA", JWT_E_KID },
	{ "no key named", "{\"alg\":\"RS256\"}", "AAAA", JWT_E_KID },
	{ "a key of another type", "{\"alg\":\"ES256\",\"kid\":\"rsa\"}",
	    "AAAA", JWT_E_KEY },
	{ "a key of another curve", "{\"alg\":\"ES384\",\"kid\":\"ec\"}",
	    "AAAA", JWT_E_KEY },
	{ "its key, no signature", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "",
	    JWT_E_SHAPE },
	{ "its key, a wrong signature", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}",
	    "AAAA", JWT_E_SIGNATURE },
};

static void test_lies(void **state)
{
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;

	(void)state;
	assert_int_equal(jwt_keys_new(&keys), 0);
	add_jwks(keys,
	    "{\"kid\":\"rsa\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":"
	    "\"" RFC_RSA_N "\"},{\"kid\":\"ec\"," RFC_EC_MEMBERS "}");
	for (size_t i = 0; i < N_ELEMS(lie_row); i++) {
		const char *header = lie_row[i].header;
		json_t *coded = jose_b64_enc(header, strlen(header));
		char token[400];
		int r;

		snprintf(token, sizeof(token), "%s." RFC_PAYLOAD ".%s",
		    json_string_value(coded), lie_row[i].rest);
		json_decref(coded);
		r = check(keys, token, &usual);
		if (r != lie_row[i].want)
			fail_msg("%s: %s", lie_row[i].label, jwt_problem(r));
	}
}

static void test_shapes(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a.b", "e30.e30.",
		".e30.e30", "e30..e30", "e30.e30.e30.e30", "e30=.e30.e30",
		"e30.e30.e30\n", "e 0.e30.e30", "e.e30.e30", "WzFd.e30.e30" };
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	char large[JWT_MOST + 10];

	(void)state;
	assert_int_equal(jwt_keys_new(&keys), 0);
	add_jwks(keys, RFC_EC);
	for (size_t i = 0; i < N_ELEMS(bad); i++)
		if (check(keys, bad[i], &usual) != JWT_E_SHAPE)
			fail_msg("taken as a shape: %s", bad[i]);
	assert_int_equal(check(keys, "e30.e30.e30", &usual), JWT_E_ALGORITHM);
	memset(large, 'A', sizeof(large));
	large[4] = large[8] = '.';
	large[JWT_MOST + 1] = '\0';
	assert_int_equal(check(keys, large, &usual), JWT_E_SHAPE);
}

/* Every changed character of a good token ends in a refusal. */
static void test_flips(void **state)
{
	static const struct jwt_expect in_time = { .issuer = "joe",
		.now = 1300819380 };
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	char token[] = RFC_ES256;
	size_t step = test_stride(23);

	(void)state;
	assert_int_equal(jwt_keys_new(&keys), 0);
	add_jwks(keys, RFC_EC);
	for (size_t i = 0; i + 2 < sizeof(token); i += step) {
		char was = token[i];

		token[i] = was == 'A' ? 'B' : 'A';
		if (!check(keys, token, &in_time))
			fail_msg("taken with another character at %zu", i);
		token[i] = was;
	}
}

static const struct {
	const char *label, *keys;
	int want;
	size_t n;
} set_row[] = {
	{ "one", RFC_EC, 0, 1 },
	{ "kinds that we do not use are skipped",
	    RFC_EC ",{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}", 0,
	    1 },
	{ "for encryption: skipped",
	    RFC_EC ",{\"use\":\"enc\",\"kty\":\"RSA\",\"n\":\"" RFC_RSA_N
		   "\",\"e\":\"AQAB\"}",
	    0, 1 },
	{ "an algorithm that is not its type's",
	    "{\"alg\":\"HS256\",\"kty\":\"RSA\",\"n\":\"" RFC_RSA_N
	    "\",\"e\":\"AQAB\"}",
	    -EINVAL, 0 },
	{ "a short RSA key",
	    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNg\"}",
	    -EINVAL, 0 },
	{ "a point that is not on the curve",
	    "{\"kty\":\"EC\",\"crv\":\"P-256\","
	    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}",
	    -EINVAL, 0 },
	{ "symmetric", RFC_EC ",{\"kty\":\"oct\",\"k\":\"AAAA\"}", -EINVAL, 0 },
	{ "private",
	    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"AAAA\",\"x\":\"AA\","
	    "\"y\":\"AA\"}",
	    -EINVAL, 0 },
	{ "empty", "", -EINVAL, 0 },
	{ "no objects", "1,\"x\",null", -EINVAL, 0 },
};

static void test_sets(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(set_row); i++) {
		CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
		struct fault f = FAULT_NONE;
		char text[4096];
		int r;

		assert_int_equal(jwt_keys_new(&keys), 0);
		snprintf(
		    text, sizeof(text), "{\"keys\":[%s]}", set_row[i].keys);
		r = jwt_keys_add_jwks(keys, text, strlen(text), &f);
		if (r != set_row[i].want ||
		    jwt_keys_count(keys) != set_row[i].n)
			fail_msg("%s: got %d, %s", set_row[i].label, r, f.text);
		assert_int_equal(!r, !f.text[0]);
	}
}

static void test_set_limit(void **state)
{
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	struct fault f = FAULT_NONE;
	static const char one[] = "{\"keys\":[" RFC_EC "]}";

	(void)state;
	assert_int_equal(jwt_keys_new(&keys), 0);
	for (size_t i = 0; i < JWT_KEYS_MOST; i++)
		assert_int_equal(
		    jwt_keys_add_jwks(keys, one, sizeof(one) - 1, &f), 0);
	assert_int_equal(
	    jwt_keys_add_jwks(keys, one, sizeof(one) - 1, &f), -EINVAL);
	assert_int_equal(jwt_keys_count(keys), JWT_KEYS_MOST);
}

static char *pem_of(EVP_PKEY *key, bool secret)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text, *copy;
	long n;

	assert_true(secret ? PEM_write_bio_PrivateKey(
				 out, key, NULL, NULL, 0, NULL, NULL)
			   : PEM_write_bio_PUBKEY(out, key));
	n = BIO_get_mem_data(out, &text);
	copy = strndup(text, (size_t)n);
	BIO_free(out);
	return copy;
}

static void test_pem(void **state)
{
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	struct fault f = FAULT_NONE;
	EVP_PKEY *ec = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(2048);
	char *pem[3] = { pem_of(ec, false), pem_of(rsa, false),
		pem_of(ec, true) };
	json_t *jwk = jose_openssl_jwk_from_EVP_PKEY(NULL, ec);
	char *token =
	    token_make(jwk, "{\"alg\":\"ES256\",\"kid\":\"any\"}", CLAIMS(""));
	char both[4096];

	(void)state;
	assert_int_equal(jwt_keys_new(&keys), 0);
	snprintf(both, sizeof(both), "%s%s", pem[0], pem[1]);
	assert_int_equal(jwt_keys_add_pem(keys, both, strlen(both), &f), 0);
	assert_int_equal(jwt_keys_count(keys), 2);
	assert_int_equal(check(keys, token, &usual), 0);
	assert_int_equal(
	    jwt_keys_add_pem(keys, pem[2], strlen(pem[2]), &f), -EINVAL);
	assert_int_equal(jwt_keys_add_pem(keys, "x", 1, &f), -EINVAL);
	assert_int_equal(jwt_keys_count(keys), 2);
	for (size_t i = 0; i < 3; i++)
		free(pem[i]);
	free(token);
	json_decref(jwk);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
}

static void test_claim(void **state)
{
	static const struct {
		const char *name, *want;
	} row[] = {
		{ "sub", "s" },
		{ "a.b/c", "odd" },
		{ "/sub", "s" },
		{ "/kubernetes.io/namespace", "team-a" },
		{ "/kubernetes.io/pod/uid", "7" },
		{ "/a.b~1c", "odd" },
		{ "/t~0", "tilde" },
		{ "kubernetes.io/namespace", NULL },
		{ "/kubernetes.io/none", NULL },
		{ "/sub/deeper", NULL },
		{ "/t~2", NULL },
		{ "/t~", NULL },
		{ "", NULL },
		{ "/", NULL },
	};
	json_t *claims = json_pack("{ss ss ss s{ss s{ss}}}", "sub", "s",
	    "a.b/c", "odd", "t~", "tilde", "kubernetes.io", "namespace",
	    "team-a", "pod", "uid", "7");

	(void)state;
	for (size_t i = 0; i < N_ELEMS(row); i++) {
		const char *text =
		    json_string_value(jwt_claim(claims, row[i].name));

		if ((text == NULL) != (row[i].want == NULL) ||
		    (text && strcmp(text, row[i].want)))
			fail_msg("%s: got %s", row[i].name, text);
	}
	json_decref(claims);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_algorithms_expected),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_no_audience_wanted),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_kid),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_set_limit),
		cmocka_unit_test(test_pem),
		cmocka_unit_test(test_claim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
