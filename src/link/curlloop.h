/* link/curlloop.h: libcurl's transfers on our loop; inner part of link/web.h.
 */
#pragma once
#include "base/err.h"
#include <curl/curl.h>

struct curlloop;
struct loop;

/* A transfer has ended and was taken out; called from the loop.
 * @private: what the handle has as CURLOPT_PRIVATE */
typedef void (*curlloop_fn)(void *private, CURLcode code);

/** curlloop_open() - @connections_most: more wait; Return: 0; -ENOMEM. */
MUST_USE int curlloop_open(struct curlloop **out, struct loop *loop,
    long connections_most, curlloop_fn fn);
/** curlloop_close() - after everything was taken out; NULL is fine */
void curlloop_close(struct curlloop *c);

/** curlloop_add() - begin; @fn is never called from inside of it
 * Return: 0; -ENOMEM. */
MUST_USE int curlloop_add(struct curlloop *c, CURL *easy);
/** curlloop_remove() - give up a transfer that has not ended */
void curlloop_remove(struct curlloop *c, CURL *easy);
