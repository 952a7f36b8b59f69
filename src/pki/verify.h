/* pki/verify.h: a leaf against one CA, and in words what is wrong with it. */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include <openssl/types.h>

struct verify_order {
	X509 *ca, *leaf;
	int purpose; /* X509_PURPOSE_SSL_SERVER and the like; 0: any */
	int64_t now; /* seconds since 1970, 0 for the clock */
};

/** verify_leaf() - that @leaf is signed by @ca itself and both are good: times,
 * basicConstraints (the issuer a CA, the leaf none), critical extensions, keys
 * and signatures of at least 112 bits of strength
 * The CA may be self-signed or not; it alone is trusted.
 * @fault: may be NULL; says expected and seen, with the remedy.
 * Return: 0; -EACCES; -ENOMEM. */
MUST_USE int verify_leaf(const struct verify_order *order, struct fault *fault);

/** verify_fault() - what the verification in @ctx failed at
 * @ca: the CA that was expected, or NULL for the system's roots
 * Return: -EACCES. */
int verify_fault(struct fault *f, X509_STORE_CTX *ctx, X509 *ca);

/** verify_date_text() - "2026-11-21 07:51 UTC" */
enum { VERIFY_DATE_MOST = 32 };
void verify_date_text(char out[VERIFY_DATE_MOST], const ASN1_TIME *t);
/** verify_seconds() - since 1970; INT64_MIN for a date that is none */
int64_t verify_seconds(const ASN1_TIME *t);
/** verify_name_text() - a subject or issuer, cut to the room; "" without one */
enum { VERIFY_NAME_MOST = 120 };
void verify_name_text(char out[VERIFY_NAME_MOST], const X509_NAME *name);
