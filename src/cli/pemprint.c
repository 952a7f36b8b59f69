#include "cli/pemprint.h"
#include "pki/cleanup.h"
#include "wire/json.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sodium.h>

enum { NUMBER_MOST = 1024 }; /* bytes of an RSA modulus of 8192 bits */

/* @size: bytes that it takes at least (coordinates keep their zeros). */
static json_t *number_text(EVP_PKEY *key, const char *name, int size)
{
	uint8_t bytes[NUMBER_MOST];
	char text[sodium_base64_ENCODED_LEN(
	    NUMBER_MOST, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
	BIGNUM *number = NULL;
	int n = -1;

	if (EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
	    BN_num_bytes(number) <= NUMBER_MOST) {
		n = BN_num_bytes(number) > size ? BN_num_bytes(number) : size;
		n = BN_bn2binpad(number, bytes, n);
	}
	BN_free(number);
	if (n < 0)
		return NULL;
	sodium_bin2base64(text, sizeof(text), bytes, (size_t)n,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return json_string(text);
}

static json_t *rsa_key(EVP_PKEY *key)
{
	json_t *n = number_text(key, OSSL_PKEY_PARAM_RSA_N, 0);
	json_t *e = number_text(key, OSSL_PKEY_PARAM_RSA_E, 0);

	return json_pack("{ss so so}", "kty", "RSA", "n", n, "e", e);
}

static json_t *ec_key(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);
	json_t *x, *y;

	if (bits != 256 && bits != 384)
		return NULL;
	x = number_text(key, OSSL_PKEY_PARAM_EC_PUB_X, bits / 8);
	y = number_text(key, OSSL_PKEY_PARAM_EC_PUB_Y, bits / 8);
	return json_pack("{ss ss so so}", "kty", "EC", "crv",
	    bits == 256 ? "P-256" : "P-384", "x", x, "y", y);
}

int pemprint(uint8_t out[THUMBPRINT_SIZE], const char *pem)
{
	CLEANUP(bio_p) BIO *bio = BIO_new_mem_buf(pem, -1);
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	JSON *jwk = NULL;

	if (!bio)
		return -ENOMEM;
	key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		jwk = rsa_key(key);
	else if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
		jwk = ec_key(key);
	ERR_clear_error();
	return jwk && !thumbprint_of(out, jwk) ? 0 : -EINVAL;
}
