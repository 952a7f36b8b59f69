/* bridge/proxy.h: a client's request to the store and the answer back.
 *
 * The same handler serves a tunnel (stock clients, through the broker) and a
 * sealed session (the wrapper): judge, receive the body, ask the store, answer.
 * What the store answers as JSON passes with its status; what it refuses gets
 * the hop's name put before the store's own words; what is no answer of a store
 * is 502, 503 or 504 with the fault's text.
 */
#pragma once
#include "bridge/policy.h"
#include "bridge/store.h"
#include "net/http.h"

struct proxy;

enum {
	PROXY_CALLS_MOST = 1024, /* requests under way; more: 503 */
	PROXY_BODY_MS = 10000,	 /* for a request's body to come */
};

/** proxy_new() - @policy and @store are borrowed */
MUST_USE int proxy_new(
    struct proxy **out, const struct policy *policy, struct store *store);
/** proxy_free() - gives up what is under way */
void proxy_free(struct proxy *p);
/** proxy_handle() - an httpd_fn; @ctx is the proxy */
void proxy_handle(
    void *ctx, struct http_stream *s, const struct http_head *head);
struct metric_table *proxy_metrics(struct proxy *p);
/** proxy_refused() - how many for that reason, so far */
uint64_t proxy_refused(const struct proxy *p, enum policy_reason reason);
