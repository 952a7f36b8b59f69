/* wire/connect.h: CONNECT (RFC 9110, 9.3.6) in HTTP/1.1 (RFC 9112), with Basic
 * (RFC 7617): the request to a proxy and the head of its reply, both ends.
 *
 * A reply's head has at most CONNECT_HEAD_MOST bytes, and nothing behind it is
 * read (connect_need): after a 2xx the next byte is the target's. Lines end in
 * CRLF.
 */
#pragma once
#include "base/err.h"

enum {
	CONNECT_HEAD_MOST = 8192,
	CONNECT_HOST_MOST = 255,
	CONNECT_LOGIN_MOST = 1024, /* bytes of the user, and of the password */
	CONNECT_REASON_MOST = 80,
};

struct connect_request {
	char host[CONNECT_HOST_MOST + 1]; /* no brackets */
	uint16_t port;
	bool login; /* Basic, with these: */
	char user[CONNECT_LOGIN_MOST + 1], password[CONNECT_LOGIN_MOST + 1];
};

struct connect_reply {
	int status;
	char reason[CONNECT_REASON_MOST + 1]; /* safe to show; cut; may be "" */
};

enum {
	CONNECT_E_LENGTH = 1, /* the head is too long */
	CONNECT_E_FORM,	      /* not HTTP/1, or not as it must be */
};

/** connect_need() - how many bytes to read next so as never to read too far
 * @reply: of the head of a reply; else of a request
 * @have: bytes that have come, at @bytes
 * @need: set to how many more to read; 0: the head is complete
 * Return: 0; CONNECT_E_*, as soon as it is known. */
MUST_USE int connect_need(
    bool reply, const void *bytes, size_t have, size_t *need);

/** connect_write_request() - into @to of @room bytes; CONNECT_HEAD_MOST is
 * always enough. The caller wipes it, if there is a login.
 * Return: 0; -ENOBUFS; -EINVAL: a host or login that cannot be sent. */
MUST_USE int connect_write_request(
    const struct connect_request *q, void *to, size_t room, size_t *used);
/** connect_read_request() - a complete head of exactly @n bytes
 * Return: 0; CONNECT_E_*. */
MUST_USE int connect_read_request(
    struct connect_request *out, const void *bytes, size_t n);

/** connect_write_reply() - status line and empty line
 * Return: 0; -ENOBUFS. */
MUST_USE int connect_write_reply(
    const struct connect_reply *p, void *to, size_t room, size_t *used);
/** connect_read_reply() - a complete head of exactly @n bytes
 * Return: 0; CONNECT_E_*. */
MUST_USE int connect_read_reply(
    struct connect_reply *out, const void *bytes, size_t n);
