/* net/tls.h: TLS 1.3 over any leg, as a leg.
 *
 * A context is made once from a configuration and shared by its legs; it is
 * counted, so a leg keeps the context that it was made with when a newer one
 * takes its place. TLS 1.3 only (HTTPS towards pods and stores also 1.2 where
 * tls_config.allow_12 says so), no tickets, no resumption, no early data,
 * read-ahead off (what follows a close_notify must stay below). Buffers are
 * blocks of the loop's pool, borrowed only while bytes are in flight.
 *
 * The handshake runs by itself. The leg is OPENING until it is done; then
 * LEG_WRITE holds. A leg that fails says which hop in leg_fault(), with the
 * peer's reason (unknown CA, expired, wrong name, alert) in plain words.
 * An end without close_notify is -ECONNRESET, never a clean end.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "net/leg.h"
#include <openssl/types.h>

struct tls_context;
struct identity; /* pki/identity.h */

/* Where TLS 1.2 is allowed, keys are made for each session there too: with the
 * key of a certificate alone what was recorded cannot be read. */
#define TLS_CIPHERS_12 "ECDHE+AESGCM:ECDHE+CHACHA20"

enum tls_end { TLS_SERVER, TLS_CLIENT };
enum tls_trust {
	TLS_TRUST_NOBODY, /* a server that asks for no client certificate */
	TLS_TRUST_SYSTEM, /* the system's roots, and the server's name; the
			     roots' folder is read when a peer is verified,
			     so isolation has to leave it readable */
	TLS_TRUST_CA,	  /* ca_file or ca, and the server's name if given */
	TLS_TRUST_PIN, /* SHA-256 of the leaf's SPKI; name and chain unused */
	TLS_TRUST_ANYBODY, /* a client that cannot know yet: the owner looks at
			      tls_leg_peer(), which has its key; `check` is not
			      called */
};

struct tls_config {
	enum tls_end end;
	const char *hop;	 /* "outer TLS with the beacon"; for faults */
	const char *const *alpn; /* NULL-terminated, by preference; a server
				    refuses a client that offers none of it,
				    a client a server that picks none; NULL:
				    ALPN is not used */
	const char *guest;  /* of a server, one of `alpn`: a client that gets
			       this one is asked for no certificate; NULL: each
			       is, as `trust` says */
	bool alpn_optional; /* a server takes a client that offers nothing at
			       all: HTTPS, where that means HTTP/1.1 */
	const char *cert_file, *key_file; /* PEM chain and key, or, */
	const struct identity *identity;  /* instead, a loaded one; or none */
	enum tls_trust trust;
	const char *ca_file; /* PEM, may hold several */
	X509 *ca;	     /* instead of ca_file; counted up */
	const uint8_t *pin;  /* 32 bytes */
	bool allow_12;	     /* TLS 1.2 too */
	bool is_outer;	     /* carries what is encrypted end to end: the cipher
				that costs least comes first */
	/* Called once the chain is good (TLS_TRUST_PIN: the pin); the last word
	 * on the peer. Return 0 or -EACCES with @fault. May be NULL. @check_ctx
	 * outlives the context. */
	int (*check)(void *check_ctx, X509 *leaf, struct fault *fault);
	void *check_ctx;
};

/** tls_context_new() - read the files, check that key and certificate belong
 * together and that the certificate is valid now
 * Return: 0; -errno or -EINVAL with @fault naming file and remedy. */
MUST_USE int tls_context_new(struct tls_context **out,
    const struct tls_config *config, struct fault *fault);
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_free(struct tls_context *c); /* one reference */
void tls_context_freep(struct tls_context **c);
/** tls_context_is_shared() - does anybody hold it but the caller? */
bool tls_context_is_shared(const struct tls_context *c);
/** tls_context_end() - which end its legs are */
enum tls_end tls_context_end(const struct tls_context *c);
/** tls_context_expiry() - notAfter of the own certificate, seconds since 1970;
 * INT64_MAX without one */
int64_t tls_context_expiry(const struct tls_context *c);

/** tls_leg_open() - start TLS over @lower, which is taken (also on failure)
 * @name: for a client, the server's name or address (SNI, and the name that is
 *        verified); NULL for none. "host:port" is not a name.
 * Return: 0; -EINVAL: @name cannot be a name; -ENOMEM. */
MUST_USE int tls_leg_open(struct leg **out, struct leg *lower,
    struct tls_context *context, const char *name);

/** tls_leg_release() - give the leg up while it is OPENING and has read nothing
 * of the peer: the bytes that come were not meant for it
 * Return: the leg below, which is the caller's again, without a handler. */
MUST_USE struct leg *tls_leg_release(struct leg *leg);

/* ---- while the leg has not shed TLS both ways */

/** tls_leg_alpn() - what was agreed, "" if nothing; valid once OPEN */
const char *tls_leg_alpn(const struct leg *leg);
/** tls_leg_export() - RFC 5705/8446 exporter with empty context
 * Return: 0; -EPROTO: not OPEN. */
MUST_USE int tls_leg_export(
    const struct leg *leg, const char *label, uint8_t out[32]);
/** tls_leg_peer() - the peer's certificate, borrowed; NULL if it showed none */
X509 *tls_leg_peer(const struct leg *leg);
/** tls_leg_check() - is the peer who showed a certificate still good for the
 * configuration's `check`? It was asked when the certificate came, and the
 * peer chooses how long after that the handshake is done.
 * Return: 0; -EACCES with @fault, also if the peer showed none. */
MUST_USE int tls_leg_check(const struct leg *leg, struct fault *fault);
/** tls_leg_is() - is this a TLS leg? */
bool tls_leg_is(const struct leg *leg);

/** tls_leg_agree_shed() - both ends know that either may shed this TLS
 * (leg_shed_out(), leg_shed_in()): its close_notify is then where raw bytes
 * begin, and not the end. A TLS leg over this one sheds it by itself: as soon
 * as its own handshake is done, at the end of a record. */
void tls_leg_agree_shed(struct leg *leg);

/* Classes of handshake failures, for counters. Whoever opens TLS with a
 * deadline and one outcome uses net/shake.h. */
enum tls_failure {
	TLS_FAILURE_NOT_TLS, /* plain HTTP, garbage */
	TLS_FAILURE_VERSION, /* no TLS version in common */
	TLS_FAILURE_ALPN,    /* no protocol in common, or none offered */
	TLS_FAILURE_CLOSED,  /* the peer went before the end */
	TLS_FAILURE_TRUST, /* a certificate was refused, by us or by the peer */
	TLS_FAILURE_TIMEOUT, /* the deadline of net/shake.h */
	TLS_FAILURE_OTHER,
	TLS_FAILURE_COUNT
};
enum tls_failure tls_leg_failure(const struct leg *leg);
const char *tls_failure_name(enum tls_failure f);
