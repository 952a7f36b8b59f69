/* devstore/reply.h: an answer in the making, in OpenBao's shapes. */
#pragma once
#include "base/secret.h"
#include <jansson.h>

struct reply {
	int status;	 /* 200 until said otherwise */
	bool nothing;	 /* 204: no body */
	bool bare;	 /* data alone, without the envelope (sys/health) */
	const char *raw; /* data is a text, and this its content type */
	bool flat;	 /* data's members stand beside it too (most of sys/) */
	json_t *data;	 /* or NULL */
	json_t *auth;	 /* or NULL */
	json_t *wrap_info; /* or NULL */
	json_t *warnings;  /* array or NULL */
	json_t *errors;	   /* array; set: this is all that there is */
};

void reply_clear(struct reply *r);
/** reply_give() - 200 with @data (taken; NULL is "no memory") */
void reply_give(struct reply *r, json_t *data);
void reply_auth(struct reply *r, json_t *auth);
void reply_warn(struct reply *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** reply_raw() - 200 with @text (taken) as it is */
void reply_raw(struct reply *r, const char *content_type, json_t *text);
/** reply_keys() - a listing; 404 for an empty one. @keys is taken */
void reply_keys(struct reply *r, json_t *keys);
/** reply_done() - 204, unless there is a warning to carry */
void reply_done(struct reply *r);
/** reply_fail() - `{"errors":["…"]}` */
void reply_fail(struct reply *r, int status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/** reply_missing() - 404 `{"errors":[]}` */
void reply_missing(struct reply *r);
/** reply_unsupported() - 405, this path knows the method not
 * reply_denied() - 403, a good token may not do this
 * reply_full() - a table is full: 500 with words */
void reply_unsupported(struct reply *r);
void reply_denied(struct reply *r);
void reply_full(struct reply *r, const char *what);

/** reply_print() - the body
 * @body: NULL when there is none (204)
 * Return: 0; -ENOMEM. */
MUST_USE int reply_print(
    const struct reply *r, const char *request_id, struct secret **body);

/** time_text() - @ms since 1970 as RFC 3339 with a fraction, UTC */
enum { TIME_TEXT_MOST = 40 };
void time_text(char to[TIME_TEXT_MOST], int64_t ms);
