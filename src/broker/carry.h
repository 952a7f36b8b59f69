/* broker/carry.h: a pod's CONNECT, carried by a tunnel to the bridge.
 *
 * What runs inside is the sealed session (TLS between wrapper and bridge); the
 * broker joins two byte streams and understands nothing of them.
 */
#pragma once
#include "base/metric.h"
#include "broker/quota.h"
#include "broker/way.h"

struct carry;
struct loop;

struct carry_counts {
	uint64_t open, total;	      /* sessions joined, now and in all */
	uint64_t asked_again;	      /* on a second tunnel */
	struct metric_histogram join; /* from CONNECT until joined */
};

/** carry_new() - @way is borrowed
 * Return: 0; -ENOMEM. */
MUST_USE int carry_new(
    struct carry **out, struct loop *loop, const struct way *way);
/** carry_free() - every session is cut; NULL is fine */
void carry_free(struct carry *c);

/** carry_connect() - @pod: a CONNECT stream, taken; @ticket: moved */
void carry_connect(
    struct carry *c, struct http_stream *pod, struct quota_ticket ticket);

const struct carry_counts *carry_counts(const struct carry *c);
/** carry_bytes() - carried so far, of sessions that go on too */
uint64_t carry_bytes(const struct carry *c, enum way_direction to);
