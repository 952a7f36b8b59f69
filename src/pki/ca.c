#include "pki/ca.h"
#include "pki/altname.h"
#include "pki/cleanup.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

enum { SERIAL_BITS = 127, BACKDATE_SECONDS = 300, HOST_MOST = 253 };

struct extension {
	int nid;
	const char *value; /* as in openssl's x509v3_config(5) */
};

static const struct extension ca_extensions[] = {
	{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
	{ NID_key_usage, "critical,keyCertSign" },
	{ NID_subject_key_identifier, "hash" },
	{ NID_authority_key_identifier, "keyid:always" },
};

static const struct extension leaf_extensions[] = {
	{ NID_basic_constraints, "critical,CA:FALSE" },
	{ NID_key_usage, "critical,digitalSignature" },
	{ NID_subject_key_identifier, "hash" },
	{ NID_authority_key_identifier, "keyid:always" },
};

static const struct extension role_usage = { NID_ext_key_usage,
	"serverAuth,clientAuth" };
static const struct extension server_usage = { NID_ext_key_usage,
	"serverAuth" };

/* Leave no old entry in OpenSSL's queue, where a later SSL call would find it;
 * what makes these calls fail is want of memory. */
static int out_of_memory(void)
{
	ERR_clear_error();
	return -ENOMEM;
}

int pki_key_new(EVP_PKEY **out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (!key)
		return out_of_memory();
	*out = key;
	return 0;
}

/* Return: its NID; NID_undef: it is on none that has a name. */
static int curve_of(EVP_PKEY *key)
{
	char group[32] = "";

	return EVP_PKEY_get_group_name(key, group, sizeof(group), NULL)
		   ? OBJ_sn2nid(group)
		   : NID_undef;
}

static bool curve_allowed(EVP_PKEY *key)
{
	int curve = curve_of(key);

	return curve == NID_X9_62_prime256v1 || curve == NID_secp384r1;
}

bool pki_key_is_p256(EVP_PKEY *key)
{
	bool yes = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
		   curve_of(key) == NID_X9_62_prime256v1;

	ERR_clear_error();
	return yes;
}

static bool rsa_allowed(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key), exponent_bits;
	BIGNUM *exponent = NULL;

	if (bits < 2048 || bits > 4096 ||
	    !EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent))
		return false;
	exponent_bits = BN_num_bits(exponent);
	BN_free(exponent);
	return exponent_bits <= 32;
}

bool pki_key_allowed(EVP_PKEY *key)
{
	bool yes = false;

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_EC:
		yes = curve_allowed(key);
		break;
	case EVP_PKEY_ED25519:
		yes = true;
		break;
	case EVP_PKEY_RSA:
		yes = rsa_allowed(key);
		break;
	}
	ERR_clear_error();
	return yes;
}

const EVP_MD *pki_key_digest(EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_ED25519:
		return NULL;
	case EVP_PKEY_EC:
		return EVP_PKEY_get_bits(key) > 256 ? EVP_sha384()
						    : EVP_sha256();
	default:
		return EVP_sha256();
	}
}

static int set_serial(X509 *cert)
{
	BIGNUM *n = BN_new();
	int ok = n &&
		 BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
		 BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));

	BN_free(n);
	return ok;
}

static int set_common_name(X509_NAME *subject, const char *name)
{
	return X509_NAME_add_entry_by_NID(subject, NID_commonName,
	    MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
}

static int add_extensions(
    X509 *cert, X509 *issuer, const struct extension *list, size_t n)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	for (size_t i = 0; i < n; i++) {
		X509_EXTENSION *e =
		    X509V3_EXT_conf_nid(NULL, &ctx, list[i].nid, list[i].value);
		int ok = e && X509_add_ext(cert, e, -1);

		X509_EXTENSION_free(e);
		if (!ok)
			return 0;
	}
	return 1;
}

/* What a CA and a leaf have in common; @issuer is @cert itself for a CA. */
static int fill_common(
    X509 *cert, X509 *issuer, EVP_PKEY *key, const char *common_name)
{
	return X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
	       set_common_name(X509_get_subject_name(cert), common_name) &&
	       X509_set_issuer_name(cert, X509_get_subject_name(issuer)) &&
	       X509_set_pubkey(cert, key) &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_SECONDS);
}

int pki_ca_new(X509 **out, EVP_PKEY *key, const char *common_name, int days)
{
	CLEANUP(x509_p) X509 *cert = X509_new();
	size_t n = strlen(common_name);

	if (days < 1 || days > PKI_DAYS_MOST || !n || n > 64)
		return -EINVAL;
	if (!cert || !fill_common(cert, cert, key, common_name) ||
	    !X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL) ||
	    !add_extensions(
		cert, cert, ca_extensions, N_ELEMS(ca_extensions)) ||
	    !X509_sign(cert, key, pki_key_digest(key)))
		return out_of_memory();
	*out = STEAL(cert);
	return 0;
}

/* Letters, digits, '-' and '.', as RFC 1123 has it; no empty label. */
static bool dns_ok(const char *host)
{
	size_t n = strlen(host);

	return n > 0 && n <= HOST_MOST &&
	       strspn(host,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789.-") == n &&
	       host[0] != '.' && host[0] != '-' && host[n - 1] != '.' &&
	       !strstr(host, "..");
}

static int add_names(X509 *cert, X509 *ca, const struct pki_order *order)
{
	CLEANUP(names_p) GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct subject subject = { .role = order->role };
	char uri[ROLE_URI_MOST];
	int ok;

	memcpy(subject.name, order->name, strlen(order->name) + 1);
	if (!names || realm_of(subject.realm, ca))
		return 0;
	subject_print(&subject, uri);
	ok = order->role == ROLE_NONE || altname_push(names, GEN_URI, uri);
	if (order->role == ROLE_BRIDGE)
		ok = ok && altname_push(names, GEN_DNS, PKI_BRIDGE_HOST);
	for (size_t i = 0; i < order->n_hosts; i++)
		ok = ok && altname_push_host(names, order->hosts[i]);
	return ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0,
			 X509V3_ADD_DEFAULT) > 0;
}

static int check_hosts(const struct pki_order *order, struct fault *fault)
{
	if (order->n_hosts > PKI_HOSTS_MOST)
		return fault_set(fault, -EINVAL, NULL,
		    "expected at most %d host names, got %zu", PKI_HOSTS_MOST,
		    order->n_hosts);
	for (size_t i = 0; i < order->n_hosts; i++) {
		bool good = altname_is_address(order->hosts[i]) ||
			    dns_ok(order->hosts[i]);

		if (!good)
			return fault_set(fault, -EINVAL,
			    "give the name alone, without port or wildcard",
			    "expected a host name or an IP address, got \"%s\"",
			    order->hosts[i]);
	}
	return 0;
}

static int check_order(const struct pki_order *order, struct fault *fault)
{
	if (order->role >= ROLE_COUNT)
		return fault_set(fault, -EINVAL,
		    "the roles are bridge, broker and pipe",
		    "a certificate needs a role");
	if (order->role == ROLE_NONE && !order->n_hosts)
		return fault_set(fault, -EINVAL,
		    "give the names by which its clients reach it, with --host",
		    "a server's certificate without a role needs a host name");
	if (!role_name_ok(order->name))
		return fault_set(fault, -EINVAL, NULL,
		    "expected a name of 1 to %d characters out of a-z, 0-9, "
		    "'.' and '-', got \"%s\"",
		    ROLE_NAME_MOST, order->name);
	if (order->seconds < 1 || order->seconds > PKI_SECONDS_MOST)
		return fault_set(fault, -EINVAL,
		    "certificates are renewed, not long-lived",
		    "expected a life of 1 second to 90 days, got %lld seconds",
		    (long long)order->seconds);
	return check_hosts(order, fault);
}

static int check_issuer(X509 *ca, EVP_PKEY *ca_key,
    const struct pki_order *order, struct fault *fault)
{
	time_t end = time(NULL) + (time_t)order->seconds;
	int matches = X509_check_private_key(ca, ca_key);

	ERR_clear_error();
	if (!matches)
		return fault_set(fault, -EINVAL,
		    "give the key that was made "
		    "with this CA certificate",
		    "the CA's key does not belong to the CA's certificate");
	if (X509_check_ca(ca) != 1)
		return fault_set(fault, -EINVAL,
		    "give the CA's certificate, not one that it issued",
		    "the issuer is not a CA (basicConstraints lacks CA:TRUE)");
	if (X509_cmp_time(X509_get0_notAfter(ca), &end) < 0)
		return fault_set(fault, -EINVAL,
		    "ask for a shorter life, or make a new CA",
		    "the certificate would outlive its CA");
	return 0;
}

int pki_issue(X509 **out, X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *public_key,
    const struct pki_order *order, struct fault *fault)
{
	const struct extension *usage =
	    order->role == ROLE_NONE ? &server_usage : &role_usage;
	CLEANUP(x509_p) X509 *cert = NULL;
	int r = check_order(order, fault);

	if (!r)
		r = check_issuer(ca, ca_key, order, fault);
	if (r)
		return r;
	if (!pki_key_allowed(public_key))
		return fault_set(fault, -EINVAL, NULL,
		    "expected a public key of the kind " PKI_KEYS_ALLOWED);
	cert = X509_new();
	if (!cert || !fill_common(cert, ca, public_key, order->name) ||
	    !X509_gmtime_adj(X509_getm_notAfter(cert), order->seconds) ||
	    !add_extensions(
		cert, ca, leaf_extensions, N_ELEMS(leaf_extensions)) ||
	    !add_extensions(cert, ca, usage, 1) ||
	    !add_names(cert, ca, order) ||
	    !X509_sign(cert, ca_key, pki_key_digest(ca_key)))
		return fault_set(fault, out_of_memory(), NULL, "out of memory");
	*out = STEAL(cert);
	return 0;
}

int pki_csr_new(X509_REQ **out, EVP_PKEY *key, const char *name)
{
	CLEANUP(request_p) X509_REQ *request = NULL;

	if (!role_name_ok(name))
		return -EINVAL;
	request = X509_REQ_new();
	if (!request || !X509_REQ_set_version(request, X509_REQ_VERSION_1) ||
	    !set_common_name(X509_REQ_get_subject_name(request), name) ||
	    !X509_REQ_set_pubkey(request, key) ||
	    !X509_REQ_sign(request, key, pki_key_digest(key)))
		return out_of_memory();
	*out = STEAL(request);
	return 0;
}

static const char csr_hint[] = "make one with `pharos pki request`, or with "
			       "openssl req -new";

static int csr_read(X509_REQ **out, EVP_PKEY **out_key, const void *pem,
    size_t n, struct fault *fault)
{
	CLEANUP(request_p) X509_REQ *request = NULL;
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(bio_p) BIO *bio = NULL;
	int good;

	if (n > PKI_CSR_MOST)
		return fault_set(fault, -EINVAL, csr_hint,
		    "certificate request: expected at most %d bytes, got %zu",
		    PKI_CSR_MOST, n);
	bio = BIO_new_mem_buf(pem, (int)n);
	if (bio)
		request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	if (request)
		key = X509_REQ_get_pubkey(request);
	ERR_clear_error();
	if (!key)
		return fault_set(fault, -EINVAL, csr_hint,
		    "certificate request: expected PEM with BEGIN CERTIFICATE "
		    "REQUEST and a key of a known kind");
	if (!pki_key_allowed(key))
		return fault_set(fault, -EINVAL, csr_hint,
		    "certificate request: expected a key of the "
		    "kind " PKI_KEYS_ALLOWED);
	good = X509_REQ_verify(request, key);
	ERR_clear_error();
	if (good != 1)
		return fault_set(fault, -EINVAL, csr_hint,
		    "certificate request: its signature is not its key's");
	*out = STEAL(request);
	*out_key = STEAL(key);
	return 0;
}

int pki_csr_key(EVP_PKEY **out, const void *pem, size_t n, struct fault *fault)
{
	CLEANUP(request_p) X509_REQ *request = NULL;

	return csr_read(&request, out, pem, n, fault);
}

int pki_csr_clean(char **out, EVP_PKEY **out_key, const void *pem, size_t n,
    struct fault *fault)
{
	CLEANUP(request_p) X509_REQ *request = NULL;
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	int r = csr_read(&request, &key, pem, n, fault);

	if (!r)
		r = pki_csr_pem(out, request);
	if (!r)
		*out_key = STEAL(key);
	return r;
}

/* What was printed into @bio, as a string of the heap. */
static int text_of(char **out, BIO *bio)
{
	char *bytes = NULL, *text;
	long n = BIO_get_mem_data(bio, &bytes);

	text = strndup(bytes, (size_t)n);
	if (!text)
		return -ENOMEM;
	*out = text;
	return 0;
}

int pki_cert_pem(char **out, X509 *cert)
{
	CLEANUP(bio_p) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || !PEM_write_bio_X509(bio, cert))
		return out_of_memory();
	return text_of(out, bio);
}

int pki_csr_pem(char **out, X509_REQ *request)
{
	CLEANUP(bio_p) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || !PEM_write_bio_X509_REQ(bio, request))
		return out_of_memory();
	return text_of(out, bio);
}

int pki_key_pem(struct secret **out, EVP_PKEY *key)
{
	/* wiped when it is freed, unlike BIO_s_mem */
	CLEANUP(bio_p) BIO *bio = BIO_new(BIO_s_secmem());
	char *bytes = NULL;
	long n;

	if (!bio ||
	    !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		return out_of_memory();
	n = BIO_get_mem_data(bio, &bytes);
	return secret_from(out, bytes, (size_t)n);
}
