/* wire/http1head.h: heads of HTTP/1.1: request targets, and how heads are
 * written (RFC 9112). Pure functions.
 */
#pragma once
#include "base/buf.h"
#include "wire/httphead.h"

/** http1_target_read() - from a request target in any form (RFC 9112, 3.2), the
 * authority and target of @head, whose method is set already
 * @raw: is cut up where it is in absolute form
 * @scheme: of the connection
 * Return: NULL; or why the peer is refused. */
MUST_USE const struct http_refusal *http1_target_read(struct http_head *head,
    const struct http_framing *framing, char *raw, const char *scheme);

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
