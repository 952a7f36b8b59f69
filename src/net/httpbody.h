/* net/httpbody.h: bytes on their way out of a stream, for net/httpbody.c and
 * net/httpc.c. They may be a secret, so they are wiped. */
#pragma once
#include "net/http.h"

struct http_upload {
	char *bytes;
	size_t n, sent;
};

/** http_upload_init() - a copy of @bytes
 * Return: 0; -ENOMEM. */
MUST_USE int http_upload_init(
    struct http_upload *u, const void *bytes, size_t n);
void http_upload_deinit(struct http_upload *u); /* repeatable */
/** http_upload_some() - write what @leg takes; the end after the last byte
 * Return: whether there is more to write; -errno. */
MUST_USE int http_upload_some(struct http_upload *u, struct leg *leg);

/** http_collect_upload() - the answer came before the request was out: send the
 * rest while collecting. @u is moved. */
void http_collect_upload(struct http_collect *c, struct http_upload *u);
