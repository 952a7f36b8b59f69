/* wire/httphead.h: what a head may hold, in either version (RFC 9110).
 *
 * A head is gathered part by part, in the pieces that a parser gives, into one
 * growing block with the limits of wire/http.h. It is wiped as it is freed:
 * heads carry tokens.
 */
#pragma once
#include "wire/http.h"

/* A part is an offset into the text; 0 is no part, and reads as "". */
struct http_gather {
	char *text; /* NULL while nothing has been gathered */
	size_t used, room;
	size_t counted; /* bytes of names and values */
	uint32_t method, scheme, authority, target;
	size_t n_fields;
	uint32_t names[HTTP_FIELDS_MAX], values[HTTP_FIELDS_MAX];
};

enum {
	HTTP_GATHER_E_FIELDS = 1, /* HTTP_FIELDS_MAX */
	HTTP_GATHER_E_HEAD,	  /* HTTP_HEAD_MAX */
	HTTP_GATHER_E_TARGET,	  /* HTTP_TARGET_MAX */
};

/** http_gather_deinit() - wipe and free; repeatable; a zeroed one is empty */
void http_gather_deinit(struct http_gather *g);
/** http_gather_part() - append to method, scheme, authority or target, which
 * must be the part begun last
 * Return: 0; HTTP_GATHER_E_*; -ENOMEM. */
MUST_USE int http_gather_part(
    struct http_gather *g, uint32_t *part, const void *bytes, size_t n);
/** http_gather_field() - a further field, nameless so far
 * http_gather_name(), _value() - append to the last field's name, in lower
 * case, or to its value
 * Return: 0; HTTP_GATHER_E_*; -ENOMEM. */
MUST_USE int http_gather_field(struct http_gather *g);
MUST_USE int http_gather_name(
    struct http_gather *g, const void *bytes, size_t n);
MUST_USE int http_gather_value(
    struct http_gather *g, const void *bytes, size_t n);
/** http_gather_text() - a part as text; "" when it never came */
const char *http_gather_text(const struct http_gather *g, uint32_t part);
/** http_gather_fields() - all fields, values without white space around them
 * @to: HTTP_FIELDS_MAX of them; borrows from @g */
void http_gather_fields(struct http_gather *g, struct http_field *to);

/** http_is_token() - RFC 9110, 5.6.2 */
bool http_is_token(const char *text);
/** http_is_value() - a field value: no control character but HTAB, no white
 * space at either end */
bool http_is_value(const char *text);
/** http_is_authority() - host or host:port, without user information
 * @port: a port must be there (CONNECT) */
bool http_is_authority(const char *text, bool port);
/** http_is_target() - origin form ('/'…, visible ASCII, no '#') or "*" */
bool http_is_target(const char *text);
/** http_is_connection_field() - speaks of the connection, not of the message */
bool http_is_connection_field(const char *name);
/** http_read_length() - Content-Length: 1 to 18 digits, nothing else
 * Return: 0; -EINVAL. */
MUST_USE int http_read_length(const char *text, int64_t *length);

/* Why a peer is refused: what a server answers, what is counted and said. */
struct http_refusal {
	int status;
	enum http_limit limit;
	const char *text;
};

#define HTTP_REFUSAL(name, status_, text_)                                     \
	static const struct http_refusal name = { .status = (status_),         \
		.limit = HTTP_LIMIT_PROTOCOL,                                  \
		.text = (text_) }

/** http_gather_refusal() - for HTTP_GATHER_E_* */
const struct http_refusal *http_gather_refusal(int code);

struct http_framing {
	const char *host; /* borrowed from the fields; NULL: none */
	int64_t length;	  /* -1: none given */
	bool old;	  /* HTTP/1.0 */
	bool chunked;
	bool close;    /* the peer will not use the connection further */
	bool expected; /* waits for 100 Continue */
};

/** http_framing_read() - from the fields of @head, which is left with those
 * that speak of the message
 * @minor: of the HTTP version, 0 or 1
 * @fields: the array behind head->fields
 * Return: NULL; or why the peer is refused. */
MUST_USE const struct http_refusal *http_framing_read(struct http_framing *out,
    struct http_head *head, struct http_field *fields, int minor);

/** http_head_check() - may this head be sent?
 * Return: 0; -EINVAL. */
MUST_USE int http_head_check(
    const struct http_head *head, enum http_end from, bool ended);
/** http_is_bodiless() - an answer that never has a body on the wire: 204, 304
 */
bool http_is_bodiless(int status);
