/* pki/cleanup.h: OpenSSL's objects as locals that free themselves, for
 * CLEANUP(); as free_p() and close_p() in base/err.h. */
#pragma once
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static inline void x509_p(X509 **p)
{
	X509_free(*p);
}
static inline void x509_stack_p(STACK_OF(X509) * *p)
{
	sk_X509_pop_free(*p, X509_free);
}
static inline void request_p(X509_REQ **p)
{
	X509_REQ_free(*p);
}
static inline void key_p(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}
static inline void digest_ctx_p(EVP_MD_CTX **p)
{
	EVP_MD_CTX_free(*p);
}
static inline void bio_p(BIO **p)
{
	BIO_free(*p);
}
static inline void names_p(GENERAL_NAMES **p)
{
	GENERAL_NAMES_free(*p);
}
static inline void openssl_free_p(void *ptr)
{
	void *p;

	memcpy(&p, ptr, sizeof(p));
	OPENSSL_free(p);
}
