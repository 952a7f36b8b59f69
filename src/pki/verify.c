#include "pki/verify.h"
#include "base/hex.h"
#include "pki/cleanup.h"
#include "pki/role.h"
#include <openssl/err.h>
#include <stdio.h>

enum { SECURITY_LEVEL = 2 }; /* 112 bits: RSA 2048, no SHA-1 */

void verify_date_text(char out[VERIFY_DATE_MOST], const ASN1_TIME *t)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm) ||
	    !strftime(out, VERIFY_DATE_MOST, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(out, VERIFY_DATE_MOST, "a date that is none");
}

int64_t verify_seconds(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) ? timegm(&tm) : INT64_MIN;
}

void verify_name_text(char out[VERIFY_NAME_MOST], const X509_NAME *name)
{
	CLEANUP(bio_p) BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (bio && name &&
	    X509_NAME_print_ex(bio, name, 0,
		XN_FLAG_ONELINE & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0)
		n = BIO_read(bio, out, VERIFY_NAME_MOST - 1);
	out[n > 0 ? n : 0] = 0;
}

/* The names that a certificate is good for, for the text of a mismatch. */
static void alternative_names_text(char *out, size_t room, X509 *cert)
{
	CLEANUP(names_p)
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	CLEANUP(bio_p) BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	for (int i = 0; bio && i < sk_GENERAL_NAME_num(names); i++) {
		GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		BIO_puts(bio, i ? ", " : "");
		GENERAL_NAME_print(bio, name);
	}
	if (bio)
		n = BIO_read(bio, out, (int)room - 1);
	out[n > 0 ? n : 0] = 0;
	if (n <= 0)
		snprintf(out, room, "no name");
}

static int fault_dates(struct fault *f, X509 *cert, int depth, bool expired)
{
	const char *which = depth ? "the CA certificate" : "the certificate";
	char name[VERIFY_NAME_MOST], date[VERIFY_DATE_MOST];

	verify_name_text(name, X509_get_subject_name(cert));
	verify_date_text(date,
	    expired ? X509_get0_notAfter(cert) : X509_get0_notBefore(cert));
	if (expired)
		return fault_set(f, -EACCES,
		    "renew it; if the date is in the future, set this "
		    "machine's clock",
		    "%s \"%s\" expired on %s", which, name, date);
	return fault_set(f, -EACCES, "set the clocks of both machines",
	    "%s \"%s\" is not valid before %s", which, name, date);
}

static int fault_issuer(struct fault *f, X509 *cert, X509 *ca)
{
	char issuer[VERIFY_NAME_MOST], wanted[VERIFY_NAME_MOST];
	char short_realm[2 * 6 + 1] = "";
	uint8_t realm[REALM_SIZE];

	verify_name_text(issuer, X509_get_issuer_name(cert));
	if (!ca)
		return fault_set(f, -EACCES,
		    "if this server is meant, give its CA certificate: "
		    "--beacon-ca for a beacon, --broker-ca for a broker",
		    "expected a certificate issued by one of the system's "
		    "roots, got one issued by \"%s\"",
		    issuer);
	verify_name_text(wanted, X509_get_subject_name(ca));
	if (!realm_of(realm, ca))
		hex_encode(short_realm, realm, 6);
	return fault_set(f, -EACCES,
	    "give both sides the same CA certificate; its info hash is shown "
	    "by `pharos pki info-hash`",
	    "wrong CA: expected a certificate signed by \"%s\" (info hash "
	    "%s...), got one issued by \"%s\"",
	    wanted, short_realm, issuer);
}

static int fault_name(struct fault *f, X509_STORE_CTX *ctx, X509 *cert)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	char *address = X509_VERIFY_PARAM_get1_ip_asc(param);
	const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
	char names[256]; /* of a broker's, its role too */

	alternative_names_text(names, sizeof(names), cert);
	fault_set(f, -EACCES,
	    "check the address that was given, or have the "
	    "certificate issued for this name",
	    "wrong name: expected a certificate for %s, got one for %s",
	    host      ? host
	    : address ? address
		      : "this server",
	    names);
	OPENSSL_free(address);
	return -EACCES;
}

static int fault_purpose(struct fault *f, X509 *cert, int depth)
{
	uint32_t usage = X509_get_extended_key_usage(cert);
	const char *seen = "neither";

	if (depth)
		return fault_set(f, -EACCES, "give the CA's certificate",
		    "the issuer may not sign certificates");
	if (usage & XKU_SSL_SERVER)
		seen = "serverAuth only";
	else if (usage & XKU_SSL_CLIENT)
		seen = "clientAuth only";
	return fault_set(f, -EACCES,
	    "have it issued with both extended key usages",
	    "wrong use: expected the extended key usages serverAuth and "
	    "clientAuth, got %s",
	    seen);
}

int verify_fault(struct fault *f, X509_STORE_CTX *ctx, X509 *ca)
{
	int error = X509_STORE_CTX_get_error(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);

	if (!f)
		return -EACCES;
	if (!cert)
		cert = X509_STORE_CTX_get0_cert(ctx);
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return fault_dates(f, cert, depth, true);
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return fault_dates(f, cert, depth, false);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
		return fault_issuer(f, cert, ca);
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return fault_name(f, ctx, cert);
	case X509_V_ERR_INVALID_PURPOSE:
		return fault_purpose(f, cert, depth);
	default:
		return fault_set(f, -EACCES, NULL,
		    "the certificate was refused: %s",
		    X509_verify_cert_error_string(error));
	}
}

/* OpenSSL takes a trusted certificate that is no CA as an issuer in some cases,
 * and a CA as a leaf in all; we take neither. */
static int check_kinds(const struct verify_order *o, struct fault *fault)
{
	if (X509_check_ca(o->ca) != 1)
		return fault_set(fault, -EACCES,
		    "give the CA's certificate, not one that it issued",
		    "the issuer is not a CA (basicConstraints lacks CA:TRUE)");
	if (X509_check_ca(o->leaf) != 0)
		return fault_set(fault, -EACCES,
		    "give a certificate that the CA issued, not the CA's own",
		    "expected the certificate of a peer, got that of a CA");
	return 0;
}

static void set_terms(X509_STORE_CTX *ctx, const struct verify_order *o)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_depth(param, 0); /* no intermediates */
	if (o->purpose)
		X509_VERIFY_PARAM_set_purpose(param, o->purpose);
	if (o->now)
		X509_VERIFY_PARAM_set_time(param, (time_t)o->now);
}

int verify_leaf(const struct verify_order *order, struct fault *fault)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r = -ENOMEM;

	if (store && ctx && X509_STORE_add_cert(store, order->ca) &&
	    X509_STORE_CTX_init(ctx, store, order->leaf, NULL)) {
		set_terms(ctx, order);
		r = check_kinds(order, fault);
		if (!r && X509_verify_cert(ctx) != 1)
			r = verify_fault(fault, ctx, order->ca);
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return r;
}
