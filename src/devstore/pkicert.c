/* devstore/pkicert.c: orders into certificates, with OpenSSL. */
#include "devstore/pkicert.h"
#include "base/hex.h"
#include "pki/altname.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

enum { CRL_SECONDS = 3 * 24 * 3600 };

static int out_of_memory(void)
{
	ERR_clear_error();
	return -ENOMEM;
}

int pkicert_key_new(EVP_PKEY **out, const char *type, int64_t bits)
{
	EVP_PKEY *key;

	if (!strcmp(type, "ec") && (!bits || bits == 256))
		key = EVP_EC_gen("P-256");
	else if (!strcmp(type, "ec") && bits == 384)
		key = EVP_EC_gen("P-384");
	else if (!strcmp(type, "rsa") &&
		 (!bits || bits == 2048 || bits == 3072 || bits == 4096))
		key = EVP_RSA_gen(bits ? (unsigned)bits : 2048u);
	else if (!strcmp(type, "ed25519") && !bits)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else
		return -EINVAL;
	if (!key)
		return out_of_memory();
	*out = key;
	return 0;
}

const char *pkicert_key_type(EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_EC:
		return "ec";
	case EVP_PKEY_RSA:
		return "rsa";
	default:
		return "ed25519";
	}
}

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	int ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = e && X509_add_ext(cert, e, -1);
	X509_EXTENSION_free(e);
	return ok;
}

static int push_all(GENERAL_NAMES *names, int type, const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *text = json_string_value(one);

		if (!(type == GEN_IPADD ? altname_push_host(names, text)
					: altname_push(names, type, text)))
			return 0;
	}
	return 1;
}

static int add_names(X509 *cert, const struct pkicert_order *o)
{
	CLEANUP(names_p) GENERAL_NAMES *names = GENERAL_NAMES_new();

	if (!names || !push_all(names, GEN_DNS, o->dns) ||
	    !push_all(names, GEN_URI, o->uris) ||
	    !push_all(names, GEN_IPADD, o->addresses))
		return 0;
	if (!sk_GENERAL_NAME_num(names))
		return 1;
	return X509_add1_ext_i2d(cert, NID_subject_alt_name, names,
		   !o->common_name, X509V3_ADD_DEFAULT) > 0;
}

static int add_extensions(X509 *cert, X509 *ca, const struct pkicert_order *o)
{
	char constraints[40] = "critical,CA:TRUE";

	if (o->path_length >= 0)
		snprintf(constraints, sizeof(constraints),
		    "critical,CA:TRUE,pathlen:%d", o->path_length);
	return add_extension(cert, ca, NID_key_usage, o->usage) &&
	       (!o->extended_usage || add_extension(cert, ca, NID_ext_key_usage,
					  o->extended_usage)) &&
	       (!o->is_ca || add_extension(cert, ca, NID_basic_constraints,
				 constraints)) &&
	       add_extension(cert, ca, NID_subject_key_identifier, "hash") &&
	       add_extension(
		   cert, ca, NID_authority_key_identifier, "keyid:always") &&
	       add_names(cert, o);
}

static int set_serial(X509 *cert, const uint8_t serial[PKICERT_SERIAL_SIZE])
{
	uint8_t positive[PKICERT_SERIAL_SIZE];
	BIGNUM *n;
	int ok;

	memcpy(positive, serial, sizeof(positive));
	positive[0] = (uint8_t)((positive[0] & 0x3f) | 0x40);
	n = BN_bin2bn(positive, sizeof(positive), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
	BN_free(n);
	return ok;
}

static int set_subject(X509 *cert, const char *common_name)
{
	return !common_name ||
	       X509_NAME_add_entry_by_NID(X509_get_subject_name(cert),
		   NID_commonName, MBSTRING_UTF8,
		   (const unsigned char *)common_name, -1, -1, 0);
}

int pkicert_make(X509 **out, X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *public_key,
    const struct pkicert_order *o)
{
	CLEANUP(x509_p) X509 *cert = X509_new();
	X509 *issuer = ca ? ca : cert;

	if (!cert || !X509_set_version(cert, X509_VERSION_3) ||
	    !set_serial(cert, o->serial) ||
	    !set_subject(cert, o->common_name) ||
	    !X509_set_issuer_name(cert, X509_get_subject_name(issuer)) ||
	    !X509_set_pubkey(cert, public_key) ||
	    !ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)o->from_s) ||
	    !ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)o->until_s) ||
	    !add_extensions(cert, issuer, o) ||
	    !X509_sign(cert, ca_key, pki_key_digest(ca_key)))
		return out_of_memory();
	*out = STEAL(cert);
	return 0;
}

static json_t *text_of(const char *text, size_t n)
{
	while (n && text[n - 1] == '\n')
		n--;
	return json_stringn(text, n);
}

json_t *pkicert_pem(X509 *cert)
{
	char *pem = NULL;
	json_t *j;

	if (pki_cert_pem(&pem, cert))
		return NULL;
	j = text_of(pem, strlen(pem));
	free(pem);
	return j;
}

json_t *pkicert_key_pem(EVP_PKEY *key)
{
	CLEANUP(secret_freep) struct secret *pem = NULL;

	if (pki_key_pem(&pem, key))
		return NULL;
	return json_stringn(secret_bytes(pem), secret_size(pem));
}

static int bio_of(BIO **out, const char *pem)
{
	*out = BIO_new_mem_buf(pem, -1);
	return *out ? 0 : out_of_memory();
}

int pkicert_read(X509 **out, const char *pem)
{
	BIO *bio;
	X509 *cert;
	int r = bio_of(&bio, pem);

	if (r)
		return r;
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	ERR_clear_error();
	if (!cert)
		return -EINVAL;
	*out = cert;
	return 0;
}

int pkicert_key_read(EVP_PKEY **out, const char *pem)
{
	char nothing[] = ""; /* in place of a question at the terminal */
	BIO *bio;
	EVP_PKEY *key;
	int r = bio_of(&bio, pem);

	if (r)
		return r;
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, nothing);
	BIO_free(bio);
	ERR_clear_error();
	if (!key)
		return -EINVAL;
	*out = key;
	return 0;
}

void pkicert_serial(char to[PKICERT_SERIAL_TEXT], X509 *cert)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	const uint8_t *bytes = ASN1_STRING_get0_data(serial);
	int n = ASN1_STRING_length(serial);

	INVARIANT(n > 0 && n <= PKICERT_SERIAL_SIZE);
	for (int i = 0; i < n; i++, to += 3) {
		hex_encode(to, &bytes[i], 1);
		to[2] = ':';
	}
	to[-1] = '\0';
}

/* ---- revocation lists --------------------------------------------------- */

static void crl_p(X509_CRL **p)
{
	X509_CRL_free(*p);
}

static int crl_add(X509_CRL *crl, const struct pkicert_revoked *r)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)r->at_s);
	int ok = entry && at &&
		 X509_REVOKED_set_serialNumber(
		     entry, X509_get_serialNumber(r->cert)) &&
		 X509_REVOKED_set_revocationDate(entry, at) &&
		 X509_CRL_add0_revoked(crl, entry);

	ASN1_TIME_free(at);
	if (!ok)
		X509_REVOKED_free(entry);
	return ok;
}

static int crl_times(X509_CRL *crl, int64_t now_s)
{
	ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)now_s);
	ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)(now_s + CRL_SECONDS));
	int ok = now && next && X509_CRL_set1_lastUpdate(crl, now) &&
		 X509_CRL_set1_nextUpdate(crl, next);

	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
	return ok;
}

json_t *pkicert_crl(X509 *ca, EVP_PKEY *ca_key,
    const struct pkicert_revoked *list, size_t n, int64_t now_s)
{
	CLEANUP(crl_p) X509_CRL *crl = X509_CRL_new();
	CLEANUP(bio_p) BIO *bio = BIO_new(BIO_s_mem());
	bool good = crl && bio &&
		    X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
		    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca)) &&
		    crl_times(crl, now_s);
	char *text;
	long size;

	for (size_t i = 0; i < n && good; i++)
		good = crl_add(crl, &list[i]);
	good = good && X509_CRL_sort(crl) &&
	       X509_CRL_sign(crl, ca_key, pki_key_digest(ca_key)) &&
	       PEM_write_bio_X509_CRL(bio, crl);
	ERR_clear_error();
	if (!good)
		return NULL;
	size = BIO_get_mem_data(bio, &text);
	return text_of(text, (size_t)size);
}
