/* net/tunnel.h: a mutually authenticated TLS 1.3 session over a leg, carrying
 * HTTP/2. doc/wire/tunnel.md is the specification.
 *
 * Who dialled, who is TLS server and who sends requests are three separate
 * facts. In the tunnel between bridge and broker the bridge is TLS server and
 * answers requests, on every route. The peer is accepted by the role in its URI
 * SAN and by its realm, never by "chains to the root" alone.
 *
 * A tunnel set (net/tunnelset.h) keeps tunnels alive over a route.
 */
#pragma once
#include "base/fault.h"
#include "net/http.h"
#include "net/httpd.h"
#include "net/tls.h"
#include "pki/identity.h"

#define TUNNEL_ALPN	   "pharos-tunnel/1"
#define TUNNEL_SEALED_ALPN "pharos-sealed/1"
#define TUNNEL_BRIDGE_NAME "bridge.pharos"

struct tunnel;

struct tunnel_events {
	void (*up)(void *ctx, struct tunnel *t);
	/* last call; the struct is freed after it. @fault: why; @was_up */
	void (*gone)(void *ctx, struct tunnel *t, const struct fault *fault,
	    bool was_up);
	/* instead of `up` and `gone`, last call: the handshake was that of a
	 * guest (tunnel_trust.guest), and no tunnel comes of it. @leg: TLS,
	 * OPEN, the callee's. NULL: no context has guests. */
	void (*guest)(void *ctx, struct tunnel *t, struct leg *leg);
};

/* Whom a tunnel trusts: a holder of a certificate of @identity's CA, in its
 * realm, with role @peer_role and, where names are given, one of these. */
struct tunnel_trust {
	const struct identity *identity; /* our own; borrowed */
	enum tls_end end;
	enum role peer_role;
	const char *const *peer_names; /* borrowed; 0 of them: any name */
	size_t n_peer_names;
	/* the last word, at each handshake: is who is named so let in? NULL:
	 * whoever is good is */
	bool (*admit)(void *admit_ctx, const char *name);
	void *admit_ctx;
	const char *guest; /* TLS_SERVER: the protocol of peers that have no
			      certificate yet; borrowed; NULL: such a peer is
			      refused */
};
/** tunnel_context() - the TLS context of tunnels, for either end
 * @trust: borrowed, must outlive the context and its legs.
 * Return: 0; -errno with @fault. */
MUST_USE int tunnel_context(struct tls_context **out,
    const struct tunnel_trust *trust, struct fault *fault);
/** tunnel_boot_context() - (the broker's) for boot sessions (wire/boot.h): we
 * show no certificate, and the peer must be a bridge of @ca's realm, as in a
 * tunnel
 * @ca: counted up; NULL: it is not known yet, and anybody will do, to make six
 * words with (wire/bootwords.h)
 * Return: 0; -errno with @fault. */
MUST_USE int tunnel_boot_context(
    struct tls_context **out, X509 *ca, struct fault *fault);

struct tunnel_config {
	struct tls_context *context; /* counted up; its end is the TLS end */
	struct httpd *handlers;	     /* serve the peer's requests with these;
					NULL: this end sends requests */
	const struct tunnel_events *events;
	void *ctx;
};
/** tunnel_open() - over @leg, which is taken, also on failure
 * Handshake within 10 s; pings after 15 s of silence; two unanswered end it.
 * Return: 0; -ENOMEM. */
MUST_USE int tunnel_open(
    struct tunnel **out, struct leg *leg, const struct tunnel_config *config);
/** tunnel_close() - orderly: takes no more streams, those that run may end for
 * @ms; `gone` comes. tunnel_cut() - at once; `gone` does not come */
void tunnel_close(struct tunnel *t, unsigned ms);
void tunnel_cut(struct tunnel *t);
/** tunnel_http() - to send requests on; NULL unless up and asking */
struct http_conn *tunnel_http(const struct tunnel *t);
/** tunnel_peer() - the peer's name from its URI SAN; "" until up */
const char *tunnel_peer(const struct tunnel *t);
