/* devstore/reply.c: answers in OpenBao's shapes. */
#include "devstore/reply.h"
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void reply_clear(struct reply *r)
{
	json_decref(r->data);
	json_decref(r->auth);
	json_decref(r->wrap_info);
	json_decref(r->warnings);
	json_decref(r->errors);
	*r = (struct reply){ .status = 200 };
}

void reply_fail(struct reply *r, int status, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	reply_clear(r);
	r->status = status;
	r->errors = json_pack("[s]", text);
	if (!r->errors) /* not UTF-8: a client's bytes in it */
		r->errors = json_pack("[s]", "invalid request");
}

void reply_missing(struct reply *r)
{
	reply_clear(r);
	r->status = 404;
	r->errors = json_array();
}

void reply_unsupported(struct reply *r)
{
	reply_fail(r, 405, "1 error occurred:\n\t* unsupported operation\n\n");
}

void reply_denied(struct reply *r)
{
	reply_fail(r, 403, "1 error occurred:\n\t* permission denied\n\n");
}

void reply_full(struct reply *r, const char *what)
{
	reply_fail(r, 500,
	    "this development store is full: it holds no more %s", what);
}

void reply_give(struct reply *r, json_t *data)
{
	if (!data) {
		reply_fail(r, 500, "internal error: no memory");
		return;
	}
	json_decref(r->data);
	r->data = data;
}

void reply_raw(struct reply *r, const char *content_type, json_t *text)
{
	reply_give(r, text);
	if (!r->errors)
		r->raw = content_type;
}

void reply_keys(struct reply *r, json_t *keys)
{
	if (json_array_size(keys))
		reply_give(r, json_pack("{sO}", "keys", keys));
	else
		reply_missing(r);
	json_decref(keys);
}

void reply_auth(struct reply *r, json_t *auth)
{
	if (!auth) {
		reply_fail(r, 500, "internal error: no memory");
		return;
	}
	json_decref(r->auth);
	r->auth = auth;
}

void reply_warn(struct reply *r, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!r->warnings)
		r->warnings = json_array();
	json_array_append_new(r->warnings, json_string(text));
}

void reply_done(struct reply *r)
{
	r->nothing = !r->warnings;
	r->status = r->nothing ? 204 : 200;
}

/* A member that is null where there is nothing. */
static json_t *or_null(json_t *j)
{
	return j ? json_incref(j) : json_null();
}

static json_t *envelope(const struct reply *r, const char *request_id)
{
	json_t *j = json_pack("{ss ss sb si so so so so}", "request_id",
	    request_id, "lease_id", "", "renewable", 0, "lease_duration", 0,
	    "data", or_null(r->data), "wrap_info", or_null(r->wrap_info),
	    "warnings", or_null(r->warnings), "auth", or_null(r->auth));

	if (j && r->flat && json_object_update_missing(j, r->data)) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static int sink(const char *bytes, size_t n, void *s)
{
	return secret_append(s, bytes, n) ? -1 : 0;
}

int reply_print(
    const struct reply *r, const char *request_id, struct secret **body)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	json_t *j;
	int e;

	*body = NULL;
	if (r->nothing)
		return 0;
	if (r->raw)
		return secret_from(body, json_string_value(r->data),
		    json_string_length(r->data));
	if (r->errors)
		j = json_pack("{sO}", "errors", r->errors);
	else
		j = r->bare ? or_null(r->data) : envelope(r, request_id);
	e = j ? secret_new(&s, json_dumpb(j, NULL, 0, JSON_COMPACT) + 1)
	      : -ENOMEM;
	if (!e && json_dump_callback(j, sink, s, JSON_COMPACT))
		e = -ENOMEM;
	if (!e)
		e = secret_append(s, "\n", 1);
	json_decref(j);
	if (!e)
		*body = STEAL(s);
	return e;
}

void time_text(char to[TIME_TEXT_MOST], int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(to, TIME_TEXT_MOST, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to + n, TIME_TEXT_MOST - n, ".%03dZ", (int)(ms % 1000));
}
