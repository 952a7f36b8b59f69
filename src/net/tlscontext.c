/* net/tlscontext.c: one SSL_CTX from one tls_config.
 *
 * All trust is decided in one callback, on_verify(): by the chain, or by the
 * pin, and then by the configuration's own check. What it refuses it says in
 * the verdict of the session, in words; OpenSSL's own codes are not enough for
 * a person.
 *
 * ALPN is decided in two: a client that offers protocols of which we have none
 * is refused while we choose; one that offers none at all never gets there, so
 * on_hello() looks for the extension before anything else is done for it. The
 * server's CertificateRequest comes after this choice (RFC 8446, 4.3.2), so it
 * can depend on it: who is given the guests' protocol is not asked.
 */
#include "net/tlscontext.h"
#include "net/tlsbio.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "pki/identity.h"
#include "pki/verify.h"

#include <openssl/err.h>
#include <time.h>

enum {
	SECURITY_LEVEL = 2,	/* 112 bits */
	CHAIN_MOST = 32 * 1024, /* a peer's certificates */
};

static void refuse(SSL *ssl, enum tls_failure why, const struct fault *fault)
{
	struct tls_verdict *v = SSL_get_app_data(ssl);

	v->failure = why;
	free(v->fault);
	v->fault = malloc(sizeof(*fault));
	if (v->fault)
		*v->fault = *fault;
}

static int check_pin(
    const struct tls_context *c, X509 *leaf, struct fault *fault)
{
	CLEANUP(openssl_free_p) uint8_t *spki = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);
	uint8_t hash[32];

	if (n < 0 ||
	    !EVP_Digest(spki, (size_t)n, hash, NULL, EVP_sha256(), NULL))
		return fault_set(fault, -EACCES, NULL, "out of memory");
	if (!memcmp(hash, c->pin, sizeof(hash)))
		return 0;
	return fault_set(fault, -EACCES,
	    "if the peer got a new key, give its new pin; if not, somebody is "
	    "in between",
	    "wrong key: the peer's public key does not match the pin");
}

static int check_peer(
    const struct tls_context *c, X509_STORE_CTX *ctx, struct fault *fault)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
	int r = 0;

	if (c->trust == TLS_TRUST_PIN)
		r = check_pin(c, leaf, fault);
	else if (X509_verify_cert(ctx) != 1)
		return verify_fault(fault, ctx, c->ca);
	if (!r && c->check)
		r = c->check(c->check_ctx, leaf, fault);
	X509_STORE_CTX_set_error(ctx, r ? X509_V_ERR_CERT_REJECTED : X509_V_OK);
	return r;
}

static int on_verify(X509_STORE_CTX *chain, void *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
	    chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct fault fault = FAULT_NONE;

	if (!check_peer(ctx, chain, &fault))
		return 1;
	refuse(ssl, TLS_FAILURE_TRUST, &fault);
	return 0;
}

/* Where in c->alpn these @n bytes are a name; -1: nowhere. */
static int find_alpn(
    const struct tls_context *c, const uint8_t *name, unsigned n)
{
	for (unsigned i = 0; i < c->n_alpn; i += c->alpn[i] + 1u)
		if (c->alpn[i] == n && !memcmp(c->alpn + i + 1, name, n))
			return (int)i;
	return -1;
}

const char *tls_context_alpn(
    const struct tls_context *c, const uint8_t *name, unsigned n)
{
	int i = find_alpn(c, name, n);

	return i < 0 ? "" : c->alpn_text + i;
}

/* Said each time, for or against: after a HelloRetryRequest the client's second
 * hello is chosen from anew, and may offer something else. */
static void ask_for_certificate(SSL *ssl, bool ask)
{
	SSL_set_verify(ssl,
	    ask ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
		: SSL_VERIFY_NONE,
	    NULL);
}

/* OpenSSL has checked that @offer is well-formed; our preference counts. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *n_out,
    const unsigned char *offer, unsigned n_offer, void *ctx)
{
	const struct tls_context *c = ctx;
	int best = -1;

	for (unsigned i = 0; i < n_offer; i += offer[i] + 1u) {
		int found = find_alpn(c, offer + i + 1, offer[i]);

		if (found >= 0 && (best < 0 || found < best))
			best = found;
	}
	if (best < 0)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	if (c->guest >= 0)
		ask_for_certificate(ssl, best != c->guest);
	*out = c->alpn + best + 1;
	*n_out = c->alpn[best];
	return SSL_TLSEXT_ERR_OK;
}

static int on_hello(SSL *ssl, int *alert, void *ctx)
{
	const unsigned char *bytes;
	struct fault fault;
	size_t n;

	(void)ctx;
	if (SSL_client_hello_get0_ext(ssl,
		TLSEXT_TYPE_application_layer_protocol_negotiation, &bytes, &n))
		return SSL_CLIENT_HELLO_SUCCESS;
	fault_set(&fault, -EPROTO,
	    "the client is no program of ours, or a proxy is in between",
	    "the client named no protocol (ALPN)");
	refuse(ssl, TLS_FAILURE_ALPN, &fault);
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

static int out_of_memory(struct fault *fault)
{
	ERR_clear_error();
	return fault_set(fault, -ENOMEM, NULL, "out of memory");
}

/* The names as on the wire: each with its length before it. */
static int pack_alpn(struct tls_context *c, const char *const *names)
{
	size_t n = 0;

	for (const char *const *name = names; *name; name++)
		n += 1 + strlen(*name);
	c->alpn = malloc(n);
	c->alpn_text = malloc(n);
	if (!c->alpn || !c->alpn_text)
		return -ENOMEM;
	for (const char *const *name = names; *name; name++) {
		size_t size = strlen(*name);

		INVARIANT(size > 0 && size < 256);
		c->alpn[c->n_alpn] = (uint8_t)size;
		memcpy(c->alpn + c->n_alpn + 1, *name, size);
		memcpy(c->alpn_text + c->n_alpn, *name, size + 1);
		c->n_alpn += 1 + (unsigned)size;
	}
	return 0;
}

static int set_alpn(struct tls_context *c, const struct tls_config *config)
{
	const char *const *names = config->alpn;

	c->guest = -1;
	if (!names || !names[0])
		return 0;
	if (pack_alpn(c, names))
		return -ENOMEM;
	if (config->guest)
		c->guest = find_alpn(c, (const uint8_t *)config->guest,
		    (unsigned)strlen(config->guest));
	if (c->end == TLS_CLIENT)
		return SSL_CTX_set_alpn_protos(c->ssl, c->alpn, c->n_alpn)
			   ? -ENOMEM
			   : 0;
	SSL_CTX_set_alpn_select_cb(c->ssl, on_alpn, c);
	if (!c->alpn_optional)
		SSL_CTX_set_client_hello_cb(c->ssl, on_hello, c);
	return 0;
}

/* AES-128 with SHA-256 costs a handshake some five percent less than AES-256
 * with SHA-384. The server's order counts, but for a client that has ChaCha20
 * first: such machines lack AES in hardware. */
static int set_light(SSL_CTX *ssl)
{
	SSL_CTX_set_options(
	    ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	return SSL_CTX_set_ciphersuites(ssl,
		   "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
		   "TLS_AES_256_GCM_SHA384")
		   ? 0
		   : -ENOMEM;
}

static int set_protocol(SSL_CTX *ssl, bool allow_12)
{
	SSL_CTX_set_options(ssl,
	    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(ssl, 0);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* one message a call: what a call may write in answer is bounded */
	SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
	SSL_CTX_set_max_cert_list(ssl, CHAIN_MOST);
	return SSL_CTX_set_num_tickets(ssl, 0) &&
		       SSL_CTX_set_min_proto_version(
			   ssl, allow_12 ? TLS1_2_VERSION : TLS1_3_VERSION) &&
		       SSL_CTX_set1_groups_list(ssl, "X25519:P-256") &&
		       SSL_CTX_set_cipher_list(ssl, TLS_CIPHERS_12)
		   ? 0
		   : -ENOMEM;
}

static int check_dates(X509 *leaf, const char *file, struct fault *fault)
{
	char date[VERIFY_DATE_MOST];

	if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0) {
		verify_date_text(date, X509_get0_notAfter(leaf));
		return fault_set(fault, -EINVAL, "renew it",
		    "%s: the certificate expired on %s", file, date);
	}
	if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0) {
		verify_date_text(date, X509_get0_notBefore(leaf));
		return fault_set(fault, -EINVAL, "check this machine's clock",
		    "%s: the certificate is not valid before %s", file, date);
	}
	return 0;
}

static int64_t expiry_of(X509 *leaf)
{
	struct tm tm;

	return ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) ? timegm(&tm)
							      : INT64_MAX;
}

struct own {
	X509 *leaf;
	EVP_PKEY *key;
	STACK_OF(X509) * chain;
	const char *file; /* where the certificate is from */
};

static int use_own(
    struct tls_context *c, const struct own *own, struct fault *fault)
{
	int r = check_dates(own->leaf, own->file, fault);

	if (r)
		return r;
	if (!SSL_CTX_use_cert_and_key(
		c->ssl, own->leaf, own->key, own->chain, 1)) {
		fault_set(fault, -EINVAL,
		    "have it issued again, with a key of "
		    "the kind " PKI_KEYS_ALLOWED,
		    "%s: TLS cannot use the certificate: %s", own->file,
		    ERR_reason_error_string(ERR_peek_error()));
		ERR_clear_error();
		return -EINVAL;
	}
	c->expiry = expiry_of(own->leaf);
	return 0;
}

static int use_files(
    struct tls_context *c, const struct tls_config *config, struct fault *fault)
{
	CLEANUP(x509_stack_p) STACK_OF(X509) *chain = NULL;
	CLEANUP(x509_p) X509 *leaf = NULL;
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	int r;

	if ((r = pki_load_certs(&chain, config->cert_file, fault)) ||
	    (r = pki_load_key(&key, config->key_file, fault)))
		return r;
	leaf = sk_X509_shift(chain);
	r = X509_check_private_key(leaf, key);
	ERR_clear_error();
	if (!r)
		return fault_set(fault, -EINVAL,
		    "give the certificate and the key that were made together",
		    "the key %s does not belong to the certificate %s",
		    config->key_file, config->cert_file);
	return use_own(
	    c, &(struct own){ leaf, key, chain, config->cert_file }, fault);
}

static int set_own(
    struct tls_context *c, const struct tls_config *config, struct fault *fault)
{
	const struct identity *id = config->identity;

	c->expiry = INT64_MAX;
	if (id)
		return use_own(c,
		    &(struct own){ id->leaf, id->key, NULL, "our identity" },
		    fault);
	if (config->cert_file || config->key_file)
		return use_files(c, config, fault);
	INVARIANT(config->end == TLS_CLIENT);
	return 0;
}

static int trust_cas(
    struct tls_context *c, const struct tls_config *config, struct fault *fault)
{
	X509_STORE *store = SSL_CTX_get_cert_store(c->ssl);
	CLEANUP(x509_stack_p) STACK_OF(X509) *cas = NULL;
	int r;

	/* a CA that was given is trusted, whoever signed it */
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	if (config->ca) {
		X509_up_ref(config->ca);
		c->ca = config->ca;
		return X509_STORE_add_cert(store, c->ca) ? 0 : -ENOMEM;
	}
	r = pki_load_certs(&cas, config->ca_file, fault);
	if (r)
		return r;
	for (int i = 0; i < sk_X509_num(cas); i++)
		if (!X509_STORE_add_cert(store, sk_X509_value(cas, i)))
			return out_of_memory(fault);
	c->ca = sk_X509_shift(cas);
	return 0;
}

static int set_trust(
    struct tls_context *c, const struct tls_config *config, struct fault *fault)
{
	int r = 0;

	c->trust = config->trust;
	c->check = config->check;
	c->check_ctx = config->check_ctx;
	switch (c->trust) {
	case TLS_TRUST_NOBODY:
		INVARIANT(config->end == TLS_SERVER);
		return 0;
	case TLS_TRUST_ANYBODY:
		INVARIANT(config->end == TLS_CLIENT && !config->check);
		return 0; /* SSL_VERIFY_NONE, as a context is made */
	case TLS_TRUST_SYSTEM:
		if (!SSL_CTX_set_default_verify_paths(c->ssl))
			r = out_of_memory(fault);
		break;
	case TLS_TRUST_CA:
		r = trust_cas(c, config, fault);
		break;
	case TLS_TRUST_PIN:
		memcpy(c->pin, config->pin, sizeof(c->pin));
		break;
	}
	SSL_CTX_set_verify(
	    c->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(c->ssl, on_verify, c);
	return r;
}

int tls_context_new(struct tls_context **out, const struct tls_config *config,
    struct fault *fault)
{
	CLEANUP(tls_context_freep)
	struct tls_context *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return out_of_memory(fault);
	c->references = 1;
	c->end = config->end;
	c->alpn_optional = config->alpn_optional && c->end == TLS_SERVER;
	c->hop = strdup(config->hop);
	c->bio = tlsbio_method();
	c->ssl = SSL_CTX_new(
	    c->end == TLS_SERVER ? TLS_server_method() : TLS_client_method());
	if (!c->hop || !c->bio || !c->ssl ||
	    set_protocol(c->ssl, config->allow_12) ||
	    (config->is_outer && set_light(c->ssl)) || set_alpn(c, config))
		return out_of_memory(fault);
	r = set_own(c, config, fault);
	if (!r)
		r = set_trust(c, config, fault);
	if (r) {
		fault_wrap(fault, "%s", c->hop);
		return r;
	}
	*out = STEAL(c);
	return 0;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
	c->references++;
	return c;
}

void tls_context_free(struct tls_context *c)
{
	if (!c || --c->references)
		return;
	SSL_CTX_free(c->ssl);
	BIO_meth_free(c->bio);
	X509_free(c->ca);
	free(c->alpn);
	free(c->alpn_text);
	free(c->hop);
	free(c);
}

void tls_context_freep(struct tls_context **c)
{
	tls_context_free(*c);
	*c = NULL;
}

bool tls_context_is_shared(const struct tls_context *c)
{
	return c->references > 1;
}

enum tls_end tls_context_end(const struct tls_context *c)
{
	return c->end;
}

int64_t tls_context_expiry(const struct tls_context *c)
{
	return c->expiry;
}
