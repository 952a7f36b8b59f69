/* pki/testpki.h: certificates for tests: good ones as the product issues them,
 * and bad ones made by hand. Header only; included by tests and fuzz targets,
 * never by the product. Failures end the test program. */
#pragma once
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "pki/identity.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>

struct testpki_ca {
	X509 *cert;
	EVP_PKEY *key;
};

static inline struct testpki_ca testpki_ca_new(const char *name)
{
	struct testpki_ca ca = { 0 };

	INVARIANT(!pki_key_new(&ca.key));
	INVARIANT(!pki_ca_new(&ca.cert, ca.key, name, 365));
	return ca;
}

static inline void testpki_ca_free(struct testpki_ca *ca)
{
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	*ca = (struct testpki_ca){ 0 };
}

/** testpki_identity() - issued by @ca; @host: one more name, or NULL */
static inline struct identity *testpki_identity(const struct testpki_ca *ca,
    enum role role, const char *name, const char *host)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(x509_p) X509 *leaf = NULL;
	struct pki_order order = {
		.role = role,
		.name = name,
		.hosts = &host,
		.n_hosts = host ? 1 : 0,
		.seconds = 3600,
	};
	struct identity *id = NULL;

	INVARIANT(!pki_key_new(&key));
	INVARIANT(!pki_issue(&leaf, ca->cert, ca->key, key, &order, NULL));
	INVARIANT(!identity_new(&id, leaf, key, ca->cert, NULL));
	return id;
}

/* A certificate as it should not be; zeros mean: as it should. */
struct testpki_forgery {
	const char *names;    /* subjectAltName as in x509v3_config(5); "REALM"
				 in it is replaced by the CA's realm */
	const char *usage;    /* extendedKeyUsage; NULL: both; "": none */
	const char *basic;    /* basicConstraints; NULL: critical,CA:FALSE */
	long from, to;	      /* seconds from now; both 0: an hour each way */
	EVP_PKEY *key;	      /* public key; NULL: a new P-256 one */
	const EVP_MD *digest; /* NULL: as the issuer's key has it */
};

static inline void testpki_extend(
    X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	INVARIANT(e && X509_add_ext(cert, e, -1));
	X509_EXTENSION_free(e);
}

static inline void testpki_name(
    X509 *cert, const struct testpki_ca *ca, const char *names)
{
	char text[2048], realm[2 * REALM_SIZE + 1], *at = text;
	uint8_t bytes[REALM_SIZE];

	INVARIANT(!realm_of(bytes, ca->cert));
	for (size_t i = 0; i < REALM_SIZE; i++)
		sprintf(realm + 2 * i, "%02x", bytes[i]);
	while (*names) {
		INVARIANT((size_t)(at - text) + sizeof(realm) < sizeof(text));
		if (!strncmp(names, "REALM", 5)) {
			at += sprintf(at, "%s", realm);
			names += 5;
		} else {
			*at++ = *names++;
		}
	}
	*at = 0;
	testpki_extend(cert, ca->cert, NID_subject_alt_name, text);
}

/** testpki_forge() - issued by @ca, whatever @ca is
 * @key: the private key, owned by the caller; may be NULL with f->key */
static inline X509 *testpki_forge(const struct testpki_ca *ca,
    const struct testpki_forgery *f, EVP_PKEY **key)
{
	X509 *cert = X509_new();
	EVP_PKEY *own = f->key;
	bool dated = f->from || f->to;
	const char *name =
	    f->basic && strstr(f->basic, "TRUE") ? "forged CA" : "forged";

	if (!own)
		INVARIANT(!pki_key_new(&own));
	else
		EVP_PKEY_up_ref(own);
	INVARIANT(cert && X509_set_version(cert, X509_VERSION_3));
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName,
	    MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(ca->cert));
	X509_set_pubkey(cert, own);
	X509_gmtime_adj(X509_getm_notBefore(cert), dated ? f->from : -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), dated ? f->to : 3600);
	testpki_extend(cert, ca->cert, NID_basic_constraints,
	    f->basic ? f->basic : "critical,CA:FALSE");
	if (!f->usage || f->usage[0])
		testpki_extend(cert, ca->cert, NID_ext_key_usage,
		    f->usage ? f->usage : "serverAuth,clientAuth");
	if (f->names)
		testpki_name(cert, ca, f->names);
	INVARIANT(X509_sign(
	    cert, ca->key, f->digest ? f->digest : pki_key_digest(ca->key)));
	if (key)
		*key = own;
	else
		EVP_PKEY_free(own);
	return cert;
}

/** testpki_write() - @text as a new file of mode @mode */
static inline void testpki_write(
    const char *path, const char *text, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	INVARIANT(fd >= 0 && !fchmod(fd, mode));
	INVARIANT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static inline void testpki_write_cert(const char *path, X509 *cert)
{
	char *pem = NULL;

	INVARIANT(!pki_cert_pem(&pem, cert));
	testpki_write(path, pem, 0644);
	free(pem);
}

static inline void testpki_write_key(const char *path, EVP_PKEY *key)
{
	struct secret *pem = NULL;

	INVARIANT(!pki_key_pem(&pem, key));
	testpki_write(path, secret_bytes(pem), 0600);
	secret_free(pem);
}
