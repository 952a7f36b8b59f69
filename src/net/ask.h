/* net/ask.h: one CONNECT on a tunnel: the stream's leg, or what the peer said
 * instead.
 */
#pragma once
#include "net/http.h"

struct ask;

enum {
	ASK_BODY_MS = 5000,   /* for the reasons of an answer that is no, */
	ASK_BODY_MOST = 4096, /* of which so many bytes are read */
};

struct ask_answer {
	struct leg *leg;   /* it is open, and the callee's; or NULL: */
	int status;	   /* the peer refused with this one; or 0: */
	enum http_why why; /* the stream ended without an answer, */
	bool late;	   /* or none came in time */
	unsigned retry_s;  /* of a refusal: what Retry-After says, or 0 */
	char *body;	   /* of a refusal: its body, NUL-terminated, on
			      the heap; the callee may STEAL() it; or NULL */
	size_t n_body;
};

/* Called once, from the loop; @answer is borrowed but for the leg. */
typedef void (*ask_fn)(void *ctx, struct ask_answer *answer);

/** ask_open() - send CONNECT @authority on @conn, which speaks HTTP/2
 * @ms: for the head of the answer. @out: valid until @fn is called.
 * Return: 0; HTTP_E_BUSY, HTTP_E_OVER, -EINVAL, -ENOMEM as
 * http_conn_request(). */
MUST_USE int ask_open(struct ask **out, struct http_conn *conn,
    const char *authority, unsigned ms, ask_fn fn, void *ctx);
/** ask_early() - bytes that go along, before the answer; who refuses drops them
 * Return: how many were taken; -EAGAIN, -EPIPE as leg_write(), and -EPIPE once
 * the answer's head is here. */
MUST_USE ssize_t ask_early(struct ask *a, const void *bytes, size_t n);
/** ask_conn() - what was asked; NULL once the answer's head is here, or @fn is
 * about to be told that there is none */
struct http_conn *ask_conn(const struct ask *a);
/** ask_cancel() - reset the stream; @fn is not called; NULL is fine */
void ask_cancel(struct ask *a);
