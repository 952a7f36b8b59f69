/* net/httpc.h: a small HTTP client: whole requests, whole answers. */
#pragma once
#include "base/fault.h"
#include "net/http.h"

struct httpc_call;

struct httpc_answer {
	int status;
	char *body; /* on the heap, NUL-terminated; the callee frees it */
	size_t n_body;
	/* a few fields that callers need, "" when absent */
	char content_type[80], retry_after[24];
};

/* @answer: NULL with @fault when there is none. Called once, from the loop. */
typedef void (*httpc_fn)(
    void *ctx, struct httpc_answer *answer, const struct fault *fault);

struct httpc_request {
	const char *method, *authority, *target;
	const struct http_field *fields;
	size_t n_fields;
	const void *body; /* copied; may be NULL */
	size_t n_body;
	size_t most; /* of the answer's body */
	unsigned ms; /* for everything */
};

/** httpc_send() - over an open client connection
 * @out: valid until @fn is called.
 * Return: 0; HTTP_E_BUSY, HTTP_E_OVER; -EINVAL; -ENOMEM. */
MUST_USE int httpc_send(struct httpc_call **out, struct http_conn *conn,
    const struct httpc_request *request, httpc_fn fn, void *ctx);
void httpc_cancel(struct httpc_call *c);
