#include "bridge/podkeys.h"
#include "pki/cleanup.h"
#include "wire/json.h"
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* RFC 7517, appendix A.1 */
#define EC                                                                     \
	"\"kty\":\"EC\",\"crv\":\"P-256\","                                    \
	"\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","               \
	"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""
#define RSA_N                                                                  \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1R" \
	"K7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9" \
	"yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZg" \
	"nYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6We" \
	"Zu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDK" \
	"gw"
/* the curve's generator: a point that everybody can look up */
#define P384_X                                                                 \
	"qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3"
#define P384_Y                                                                 \
	"NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f"

static const struct {
	const char *label, *jwk;
	int type; /* that OpenSSL reads back; 0: left out */
	int bits;
} rows[] = {
	{ "EC P-256", "{" EC "}", EVP_PKEY_EC, 256 },
	{ "with members that do not matter",
	    "{" EC ",\"kid\":\"1\",\"use\":\"sig\",\"alg\":\"ES256\"}",
	    EVP_PKEY_EC, 256 },
	{ "EC P-384",
	    "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" P384_X
	    "\",\"y\":\"" P384_Y "\"}",
	    EVP_PKEY_EC, 384 },
	{ "RSA 2048", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}",
	    EVP_PKEY_RSA, 2048 },
	{ "Ed25519",
	    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHO"
	    "g7hcvPapiMlrwIaaPcHURo\"}",
	    0, 0 },
	{ "a symmetric key", "{\"kty\":\"oct\",\"k\":\"AAAA\"}", 0, 0 },
	{ "no kind", "{\"crv\":\"P-256\"}", 0, 0 },
	{ "a point that is not on the curve",
	    "{\"kty\":\"EC\",\"crv\":\"P-256\","
	    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
	    "\"y\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"}",
	    0, 0 },
	{ "a coordinate too short",
	    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"AQ\"}", 0,
	    0 },
	{ "a curve that the store does not take",
	    "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AQ\",\"y\":\"AQ\"}",
	    0, 0 },
	{ "RSA of 1024 bits and less",
	    "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZw\",\"e\":\"AQAB\"}",
	    0, 0 },
	{ "not base64url", "{\"kty\":\"RSA\",\"n\":\"!\",\"e\":\"AQAB\"}", 0,
	    0 },
	{ "a number too long for its room",
	    "{\"kty\":\"RSA\",\"n\":\"" RSA_N RSA_N RSA_N "\",\"e\":\"AQAB\"}",
	    0, 0 },
	{ "no JSON object", "1", 0, 0 },
};

static int config_of(json_t **out, const char *keys, struct fault *fault)
{
	struct registration r = { .issuer = "https://issuer" };
	int code;

	r.jwks = json_loads(keys, 0, NULL);
	assert_non_null(r.jwks);
	code = podkeys_config(out, &r, fault);
	json_decref(r.jwks);
	return code;
}

static void check_pem(size_t i, const json_t *pem)
{
	CLEANUP(bio_p)
	BIO *bio = BIO_new_mem_buf(json_string_value(pem), -1);
	CLEANUP(key_p) EVP_PKEY *key = NULL;

	assert_non_null(bio);
	key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	if (!key || EVP_PKEY_get_base_id(key) != rows[i].type ||
	    EVP_PKEY_get_bits(key) != rows[i].bits)
		fail_msg("%s: another key", rows[i].label);
}

/* Each beside a key that is good, so that only it is left out. */
static void test_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		JSON *config = NULL;
		const json_t *pems;
		char keys[4096];

		snprintf(keys, sizeof(keys), "{\"keys\":[%s,{" EC "}]}",
		    rows[i].jwk);
		assert_int_equal(config_of(&config, keys, &fault), 0);
		pems = json_object_get(config, "jwt_validation_pubkeys");
		if (json_array_size(pems) != (rows[i].type ? 2 : 1))
			fail_msg("%s: %zu keys", rows[i].label,
			    json_array_size(pems));
		if (rows[i].type)
			check_pem(i, json_array_get(pems, 0));
	}
}

static void test_the_rest_of_the_body(void **state)
{
	JSON *config = NULL;
	const char *issuer;

	(void)state;
	assert_int_equal(config_of(&config, "{\"keys\":[{" EC "}]}", NULL), 0);
	issuer = json_string_value(json_object_get(config, "bound_issuer"));
	assert_string_equal(issuer, "https://issuer");
	assert_int_equal(
	    json_array_size(json_object_get(config, "jwt_supported_algs")), 4);
	assert_int_equal(json_object_size(config), 3);
}

static void test_no_key_that_counts(void **state)
{
	static const char *const sets[] = { "{\"keys\":[]}", "{}",
		"{\"keys\":[{\"kty\":\"oct\"}]}" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(sets); i++) {
		struct fault fault = FAULT_NONE;
		json_t *config;

		assert_int_equal(config_of(&config, sets[i], &fault), -EINVAL);
		assert_non_null(strstr(fault.text, "no key"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_the_rest_of_the_body),
		cmocka_unit_test(test_no_key_that_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
