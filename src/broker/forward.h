/* broker/forward.h: pass-through: a pod's request to the store, sent to the
 * bridge as it is, and the answer brought back. The broker sees both.
 *
 * Of the fields, those of the store's API cross and no others. The bridge has
 * the allow-list; nothing is judged here, and nothing is tried again.
 */
#pragma once
#include "base/metric.h"
#include "broker/quota.h"
#include "broker/way.h"

struct forward;
struct loop;

struct forward_counts {
	uint64_t open, total;		/* requests sent to the bridge */
	struct metric_histogram answer; /* until the answer's head */
};

/** forward_new() - @way is borrowed
 * Return: 0; -ENOMEM. */
MUST_USE int forward_new(
    struct forward **out, struct loop *loop, const struct way *way);
/** forward_free() - every request is cut; NULL is fine */
void forward_free(struct forward *f);

struct forward_request {
	const struct http_head *head; /* borrowed for the call */
	bool hide_authorization;      /* it was meant for the broker */
	struct quota_ticket ticket;   /* moved */
};
/** forward_send() - @pod: taken */
void forward_send(struct forward *f, struct http_stream *pod,
    const struct forward_request *request);

const struct forward_counts *forward_counts(const struct forward *f);
/** forward_bytes() - of bodies so far, of requests that go on too; @f may be
 * NULL */
uint64_t forward_bytes(const struct forward *f, enum way_direction to);
