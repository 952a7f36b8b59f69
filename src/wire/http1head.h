/* wire/http1head.h: heads of HTTP/1.1: what their fields say about framing, and
 * how they are written (RFC 9112). Pure functions.
 */
#pragma once
#include "base/buf.h"
#include "wire/http.h"

/* Why a peer is refused: what a server answers, what is counted and said. */
struct http1_refusal {
	int status;
	enum http_limit limit;
	const char *text;
};

struct http1_framing {
	const char *host; /* borrowed from the fields; NULL: none */
	int64_t length;	  /* -1: none given */
	bool old;	  /* HTTP/1.0 */
	bool chunked;
	bool close;    /* the peer will not use the connection further */
	bool expected; /* waits for 100 Continue */
};

/** http1_framing_read() - from the fields of @head, which is left with those
 * that speak of the message
 * @minor: of the HTTP version, 0 or 1
 * @fields: the array behind head->fields
 * Return: NULL; or why the peer is refused. */
MUST_USE const struct http1_refusal *http1_framing_read(
    struct http1_framing *out, struct http_head *head,
    struct http_field *fields, int minor);

/** http1_target_read() - from a request target in any form (RFC 9112, 3.2), the
 * authority and target of @head, whose method is set already
 * @raw: is cut up where it is in absolute form
 * @scheme: of the connection
 * Return: NULL; or why the peer is refused. */
MUST_USE const struct http1_refusal *http1_target_read(struct http_head *head,
    const struct http1_framing *framing, char *raw, const char *scheme);

/* How our own message is framed. */
struct http1_writing {
	int64_t length; /* -1: no Content-Length */
	bool chunked, close;
};
/** http1_write_request(), _response() - the head, appended to @out whole
 * Return: 0; -ENOBUFS; -ENOMEM. */
MUST_USE int http1_write_request(struct buf *out, const struct http_head *head,
    const struct http1_writing *writing);
MUST_USE int http1_write_response(struct buf *out, const struct http_head *head,
    const struct http1_writing *writing);
