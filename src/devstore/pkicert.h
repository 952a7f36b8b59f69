/* devstore/pkicert.h: certificates and revocation lists as the store's PKI
 * engine makes them: everything in them is named by the caller.
 */
#pragma once
#include "base/secret.h"
#include <jansson.h>
#include <openssl/x509v3.h>

enum { PKICERT_SERIAL_SIZE = 20, PKICERT_SERIAL_TEXT = 60 };

struct pkicert_order {
	uint8_t serial[PKICERT_SERIAL_SIZE];
	const char *common_name; /* NULL: none, the alternative names count */
	const json_t *dns, *uris, *addresses; /* texts, or NULL */
	int64_t from_s, until_s;	      /* since 1970 */
	const char *usage;		      /* as x509v3_config(5) */
	const char *extended_usage;	      /* the same; NULL: none */
	bool is_ca;
	int path_length; /* of a CA; -1: none stated */
};
/** pkicert_make() - sign @public_key
 * @ca: NULL: @order is for the CA itself, and @ca_key signs its own
 * Return: 0; -ENOMEM. */
MUST_USE int pkicert_make(X509 **out, X509 *ca, EVP_PKEY *ca_key,
    EVP_PKEY *public_key, const struct pkicert_order *order);
/** pkicert_key_new() - @type "ec", "rsa" or "ed25519"; @bits 0: the usual
 * Return: 0; -EINVAL: no such kind; -ENOMEM. */
MUST_USE int pkicert_key_new(EVP_PKEY **out, const char *type, int64_t bits);
/** pkicert_key_type() - "ec", "rsa", "ed25519" */
const char *pkicert_key_type(EVP_PKEY *key);
/** pkicert_pem() - as JSON text without the last newline; NULL: no memory */
json_t *pkicert_pem(X509 *cert);
/** pkicert_key_pem() - a private key, to be kept; NULL: no memory */
json_t *pkicert_key_pem(EVP_PKEY *key);
/** pkicert_read(), pkicert_key_read() - what those two wrote
 * Return: 0; -EINVAL; -ENOMEM. */
MUST_USE int pkicert_read(X509 **out, const char *pem);
MUST_USE int pkicert_key_read(EVP_PKEY **out, const char *pem);
/** pkicert_serial() - "65:02:25:…" */
void pkicert_serial(char to[PKICERT_SERIAL_TEXT], X509 *cert);

struct pkicert_revoked {
	X509 *cert;
	int64_t at_s;
};
/** pkicert_crl() - PEM as JSON text, good for three days; NULL: no memory */
json_t *pkicert_crl(X509 *ca, EVP_PKEY *ca_key,
    const struct pkicert_revoked *list, size_t n, int64_t now_s);
