#include "pki/identity.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/secret.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "pki/verify.h"
#include <openssl/err.h>
#include <openssl/pem.h>

enum { KEY_FILE_MOST = 64 * 1024, CERT_FILE_MOST = 1024 * 1024 };

/* What file_read() or secret_read_file() answered, as our code and with a
 * remedy in any case. */
static int cannot_read(
    struct fault *fault, int code, const char *file, size_t most)
{
	char hint[] = "check the path and who owns the file; `pharos pki "
		      "issue` writes a certificate with its key";
	int r = code < 0 ? code : -EINVAL;

	file_fault(fault, code, file, most);
	if (!fault)
		return r;
	fault->code = r;
	if (!fault->hint[0])
		memcpy(fault->hint, hint, sizeof(hint));
	return r;
}

/* Is there nothing left but the end of the file? */
static bool only_end_was_seen(void)
{
	unsigned long e = ERR_peek_last_error();
	bool end = ERR_GET_LIB(e) == ERR_LIB_PEM &&
		   ERR_GET_REASON(e) == PEM_R_NO_START_LINE;

	ERR_clear_error();
	return end;
}

static int parse_certs(
    STACK_OF(X509) * certs, BIO *bio, const char *file, struct fault *fault)
{
	for (;;) {
		X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

		if (!cert)
			break;
		if (!sk_X509_push(certs, cert)) {
			X509_free(cert);
			return -ENOMEM;
		}
	}
	if (only_end_was_seen() && sk_X509_num(certs) > 0)
		return 0;
	return fault_set(fault, -EINVAL,
	    "give a file that begins with -----BEGIN CERTIFICATE-----",
	    "%s: expected certificates in PEM, certificate %d cannot be read",
	    file, sk_X509_num(certs) + 1);
}

int pki_load_certs(STACK_OF(X509) * *out, const char *file, struct fault *fault)
{
	CLEANUP(x509_stack_p) STACK_OF(X509) *certs = NULL;
	CLEANUP(free_p) char *text = NULL;
	CLEANUP(bio_p) BIO *bio = NULL;
	size_t n;
	int r = file_read(&text, &n, file, CERT_FILE_MOST);

	if (r)
		return cannot_read(fault, r, file, CERT_FILE_MOST);
	certs = sk_X509_new_null();
	bio = BIO_new_mem_buf(text, (int)n);
	if (!certs || !bio)
		return -ENOMEM;
	ERR_clear_error();
	r = parse_certs(certs, bio, file, fault);
	if (!r)
		*out = STEAL(certs);
	return r;
}

int pki_load_cert(X509 **out, const char *file, struct fault *fault)
{
	CLEANUP(x509_stack_p) STACK_OF(X509) *certs = NULL;
	int r = pki_load_certs(&certs, file, fault);

	if (!r)
		*out = sk_X509_shift(certs);
	return r;
}

/* Never ask a person on the terminal; remember that one would have been. */
static int no_passphrase(char *to, int room, int writing, void *asked)
{
	(void)to;
	(void)room;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

int pki_read_cert(X509 **out, const char *pem, struct fault *fault)
{
	bool asked = false;
	CLEANUP(bio_p) BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert =
	    bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, &asked) : NULL;

	ERR_clear_error();
	if (!bio)
		return -ENOMEM;
	if (!cert)
		return fault_set(fault, -EINVAL, NULL,
		    "expected a certificate in PEM, found none");
	*out = cert;
	return 0;
}

static int parse_key(
    EVP_PKEY **out, BIO *bio, const char *file, struct fault *fault)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	bool asked = false;

	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
	ERR_clear_error();
	if (asked)
		return fault_set(fault, -EINVAL,
		    "a daemon cannot type it; store the key without, in a "
		    "file of mode 0600 (openssl pkey)",
		    "%s: the private key is locked by a passphrase", file);
	if (!key)
		return fault_set(fault, -EINVAL,
		    "give a file with -----BEGIN PRIVATE KEY-----; perhaps "
		    "the files of key and certificate were swapped",
		    "%s: expected a private key in PEM, found none", file);
	if (!pki_key_allowed(key))
		return fault_set(fault, -EINVAL, "make a new key",
		    "%s: expected a key of the kind " PKI_KEYS_ALLOWED, file);
	*out = STEAL(key);
	return 0;
}

int pki_load_key(EVP_PKEY **out, const char *file, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	CLEANUP(bio_p) BIO *bio = NULL;
	int r = secret_read_file(&text, file, KEY_FILE_MOST);

	if (r)
		return cannot_read(fault, r, file, KEY_FILE_MOST);
	bio = BIO_new_mem_buf(secret_bytes(text), (int)secret_size(text));
	return bio ? parse_key(out, bio, file, fault) : -ENOMEM;
}

static int check_realm(const uint8_t realm[REALM_SIZE], const struct subject *s,
    struct fault *fault)
{
	char expected[2 * REALM_SIZE + 1], seen[2 * REALM_SIZE + 1];

	if (!memcmp(realm, s->realm, REALM_SIZE))
		return 0;
	hex_encode(expected, realm, REALM_SIZE);
	hex_encode(seen, s->realm, REALM_SIZE);
	return fault_set(fault, -EACCES,
	    "the realm is the CA's info hash; have the certificate issued "
	    "again by this CA",
	    "wrong realm: expected a certificate for realm %s, got %s",
	    expected, seen);
}

int pki_expect(const struct expectation *e, X509 *leaf, int64_t now,
    struct subject *seen, struct fault *fault)
{
	struct verify_order order = {
		.ca = e->ca,
		.leaf = leaf,
		.purpose = e->as_server ? X509_PURPOSE_SSL_SERVER
					: X509_PURPOSE_SSL_CLIENT,
		.now = now,
	};
	uint8_t realm[REALM_SIZE];
	struct subject subject;
	int r = verify_leaf(&order, fault);

	if (r)
		return r;
	if (subject_of(&subject, leaf, fault))
		return -EACCES;
	r = realm_of(realm, e->ca);
	if (!r)
		r = check_realm(realm, &subject, fault);
	if (r)
		return r;
	if (subject.role != e->role)
		return fault_set(fault, -EACCES,
		    "check which file was given to which program",
		    "wrong role: expected a certificate with role %s, got %s "
		    "(\"%s\")",
		    role_text(e->role), role_text(subject.role), subject.name);
	*seen = subject;
	return 0;
}

/* The key usage that a role needs: the bridge is the TLS server in every
 * session, brokers are clients. */
static int role_purpose(enum role role)
{
	switch (role) {
	case ROLE_BRIDGE:
		return X509_PURPOSE_SSL_SERVER;
	case ROLE_BROKER:
		return X509_PURPOSE_SSL_CLIENT;
	default:
		return 0;
	}
}

static int check_identity(struct identity *id, struct fault *fault)
{
	struct verify_order order = { .ca = id->ca, .leaf = id->leaf };
	int matches = X509_check_private_key(id->leaf, id->key), r;

	ERR_clear_error();
	if (!matches)
		return fault_set(fault, -EINVAL,
		    "give the certificate and the key that were made together",
		    "the private key does not belong to the certificate");
	r = realm_of(id->realm, id->ca);
	if (!r)
		r = subject_of(&id->subject, id->leaf, fault);
	if (r)
		return r;
	order.purpose = role_purpose(id->subject.role);
	r = verify_leaf(&order, fault);
	return r ? r : check_realm(id->realm, &id->subject, fault);
}

int identity_new(struct identity **out, X509 *leaf, EVP_PKEY *key, X509 *ca,
    struct fault *fault)
{
	CLEANUP(identity_freep) struct identity *id = calloc(1, sizeof(*id));
	int r;

	if (!id)
		return -ENOMEM;
	X509_up_ref(leaf);
	X509_up_ref(ca);
	EVP_PKEY_up_ref(key);
	id->leaf = leaf;
	id->ca = ca;
	id->key = key;
	r = check_identity(id, fault);
	if (!r)
		*out = STEAL(id);
	return r;
}

int identity_load(struct identity **out, const char *cert_file,
    const char *key_file, const char *ca_file, struct fault *fault)
{
	CLEANUP(x509_p) X509 *leaf = NULL;
	CLEANUP(x509_p) X509 *ca = NULL;
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	int r;

	if ((r = pki_load_cert(&leaf, cert_file, fault)) ||
	    (r = pki_load_key(&key, key_file, fault)) ||
	    (r = pki_load_cert(&ca, ca_file, fault)))
		return r;
	r = identity_new(out, leaf, key, ca, fault);
	if (r)
		fault_wrap(fault, "certificate %s with key %s and CA %s",
		    cert_file, key_file, ca_file);
	return r;
}

int identity_expect(const struct identity *id, enum role role,
    const char *info_hash, struct fault *fault)
{
	char seen[2 * REALM_SIZE + 1];
	uint8_t realm[REALM_SIZE];

	if (id->subject.role != role)
		return fault_set(fault, -EINVAL,
		    "`pharos pki issue --role` makes one of the right role.",
		    "the certificate's role is %s, expected %s",
		    role_text(id->subject.role), role_text(role));
	if (!info_hash)
		return 0;
	if (hex_decode(realm, sizeof(realm), info_hash))
		return fault_set(fault, -EINVAL,
		    "`pharos pki info-hash FILE` prints it for a CA's file.",
		    "--beacon-info-hash: expected 64 hexadecimal "
		    "digits");
	if (!memcmp(realm, id->realm, sizeof(realm)))
		return 0;
	hex_encode(seen, id->realm, sizeof(id->realm));
	return fault_set(fault, -EINVAL,
	    "`pharos pki info-hash FILE` prints the one of the CA's file; is "
	    "the file the bridge's CA?",
	    "--beacon-info-hash is %s, but the CA's is %s", info_hash, seen);
}

void identity_free(struct identity *id)
{
	if (!id)
		return;
	X509_free(id->leaf);
	X509_free(id->ca);
	EVP_PKEY_free(id->key);
	free(id);
}

void identity_freep(struct identity **id)
{
	identity_free(*id);
}
