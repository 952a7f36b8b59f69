/* net/tlscontext.h: what a TLS leg needs of its context; inner part of
 * net/tls.h. */
#pragma once
#include "net/tls.h"
#include <openssl/ssl.h>

struct tls_context {
	size_t references;
	SSL_CTX *ssl;
	BIO_METHOD *bio;
	enum tls_end end;
	enum tls_trust trust;
	char *hop;
	uint8_t *alpn;	 /* as on the wire: length, bytes, … */
	char *alpn_text; /* the same with a NUL after each and no length: a name
			    stands at the offset of its length in alpn */
	unsigned n_alpn;
	int guest; /* where in alpn the name of tls_config.guest is; or -1 */
	bool alpn_optional;
	X509 *ca; /* for faults; the first of several */
	uint8_t pin[32];
	int (*check)(void *check_ctx, X509 *leaf, struct fault *fault);
	void *check_ctx;
	int64_t expiry;
};

/* Why the callbacks of a context refused a peer. It is the application data of
 * an SSL, so that a callback finds where to say it. */
struct tls_verdict {
	enum tls_failure failure;
	struct fault *fault; /* on the heap; NULL: no callback has refused */
};

/** tls_context_alpn() - the configured name that is these @n bytes, as a C
 * string; "" if there is none */
const char *tls_context_alpn(
    const struct tls_context *c, const uint8_t *name, unsigned n);
