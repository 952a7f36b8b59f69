/* net/httpd.h: an HTTP server: legs in, requests to handlers by a table.
 *
 * One httpd serves one table of routes on any number of legs: plain TCP, TLS
 * (ALPN decides the version: "h2", else HTTP/1.1), a tunnel. Limits:
 * connections at once, and for one source (net/address.h); a TCP connection
 * over them is closed right after accept, before it costs a handshake, and
 * counted.
 */
#pragma once
#include "base/fault.h"
#include "net/http.h"
#include "net/tls.h"

struct httpd;

/* @s is the handler's: it answers with http_stream_respond() or
 * http_stream_answer(), reads the body from http_stream_leg(), and ends the
 * stream (see net/http.h). @head is borrowed for the call. */
typedef void (*httpd_fn)(
    void *ctx, struct http_stream *s, const struct http_head *head);

struct httpd_route {
	const char *method; /* NULL for every method but CONNECT; "GET" is
			       HEAD's too */
	const char *path;   /* exact, or a prefix when it ends in "*";
			       NULL with method "CONNECT" */
	httpd_fn fn;
};

struct httpd_config {
	const struct httpd_route *routes; /* first match wins; borrowed */
	size_t n_routes;
	void *ctx;
	size_t connections_max; /* 0: 1024 */
	size_t source_max;	/* for one source; 0: 256 */
	uint32_t streams_max;	/* of a connection; 0: 128 */
	/* what a service manager calls the socket of the first httpd_listen()
	 * (net/activation.h); NULL: it has none */
	const char *activation;
};

MUST_USE int httpd_new(
    struct httpd **out, struct loop *loop, const struct httpd_config *config);
/** httpd_free() - stops listening and cuts every connection; handlers that
 * still hold a stream end it as usual */
void httpd_free(struct httpd *h);
/** httpd_drain() - stop listening; connections take no more requests, those
 * that run may end for @ms; httpd_connections() says when nobody is left */
void httpd_drain(struct httpd *h, unsigned ms);
/** httpd_renew() - show newcomers @tls (counted up) where httpd_listen() got
 * one, or was to get one later */
void httpd_renew(struct httpd *h, struct tls_context *tls);
/** httpd_listen() - serve on an address; @tls (counted up) or NULL for plain
 * Return: 0; -errno with @fault. */
MUST_USE int httpd_listen(struct httpd *h, const char *address,
    struct tls_context *tls, struct fault *fault);
/** httpd_listen_later() - the same for TLS whose certificate is to come:
 * whoever connects is closed, as at a limit, until httpd_renew() brings it */
MUST_USE int httpd_listen_later(
    struct httpd *h, const char *address, struct fault *fault);
/** httpd_serve() - serve one more leg, which is taken; @version as agreed */
void httpd_serve(struct httpd *h, struct leg *leg, enum http_version version);
/** httpd_dispatch() - hand a request of somebody else's connection to the
 * routes: 404 when none has the path, 405 when none has the method */
void httpd_dispatch(
    struct httpd *h, struct http_stream *s, const struct http_head *head);
size_t httpd_connections(const struct httpd *h);
/** httpd_refused() - connections closed at a limit, so far */
uint64_t httpd_refused(const struct httpd *h);
/** httpd_address() - of the first httpd_listen(), with the real port; or NULL
 */
const char *httpd_address(const struct httpd *h);
