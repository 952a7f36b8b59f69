/* bridge/sealed.h: the bridge's end of sealed sessions: TLS 1.3 with the
 * wrapper, inside a CONNECT stream of a tunnel, and HTTP/2 inside that.
 *
 * The wrapper shows no certificate; it logs in with its token, in here. The
 * broker, which carries the stream, sees TLS records. doc/wire/tunnel.md.
 */
#pragma once
#include "base/fault.h"
#include "base/metric.h"
#include "net/httpd.h"
#include "pki/identity.h"

enum { SEALED_SESSIONS_MOST = 1024, SEALED_SHAKE_MS = 10000 };

struct sealed;

struct sealed_counts {
	uint64_t open; /* in their handshake; later they are the httpd's */
	uint64_t total, failed, refused;
	struct metric_histogram handshake; /* of those that went well */
};

/** sealed_new() - @identity is shown to wrappers, NULL: that of the first
 * sealed_renew(), which comes before any stream; @inside serves them; both are
 * borrowed
 * Return: 0; -errno with @fault. */
MUST_USE int sealed_new(struct sealed **out, const struct identity *identity,
    struct httpd *inside, struct fault *fault);
/** sealed_free() - handshakes are given up; NULL is fine */
/** sealed_context() - the TLS context for @identity
 * sealed_renew() - use it (it is taken) for sessions from now on
 * Return: 0; -errno with @fault. */
MUST_USE int sealed_context(struct tls_context **out,
    const struct identity *identity, struct fault *fault);
void sealed_renew(struct sealed *s, struct tls_context *tls);
void sealed_free(struct sealed *s);
/** sealed_accept() - a CONNECT request: takes the stream; another target than
 * bridge.pharos:443 is refused */
void sealed_accept(
    struct sealed *s, struct http_stream *stream, const struct http_head *head);
const struct sealed_counts *sealed_counts(const struct sealed *s);
