/* broker/quota.h: how much of the broker one source may use: requests a second,
 * and streams at once. Pure: sources and a time in, verdicts out.
 *
 * A source is an address, or a pod that the cluster has named.
 *
 * Whoever is let in holds a ticket and gives it back when its stream ends.
 */
#pragma once
#include "base/bucket.h"
#include "net/address.h"

struct quota;
struct quota_source;

/* Who is counted; to be made by these only, since it is compared as bytes. */
enum { QUOTA_NAME_MOST = 64 };
struct quota_who {
	char kind;
	char name[QUOTA_NAME_MOST];
};
/** quota_who_address() - an address as net/address.h counts it
 * quota_who_pod() - @uid: QUOTA_NAME_MOST bytes count */
void quota_who_address(
    struct quota_who *out, const struct address_source *source);
void quota_who_pod(struct quota_who *out, const char *uid);

struct quota_rules {
	struct bucket_rule rate;
	unsigned streams;
	size_t sources; /* remembered */
};
/* from broker/limits.h */
extern const struct quota_rules quota_rules;

/* All zero: none. Moved by copying it and leaving the old one unused. */
struct quota_ticket {
	struct quota *quota;
	struct quota_source *source;
};

enum quota_verdict {
	QUOTA_WELCOME,
	QUOTA_RATE,    /* too many requests in a short time */
	QUOTA_STREAMS, /* too many at once */
	QUOTA_FULL,    /* too many sources at once, or no memory */
};

/** quota_new() - @rules is copied
 * Return: 0; -ENOMEM. */
MUST_USE int quota_new(struct quota **out, const struct quota_rules *rules);
/** quota_free() - INVARIANT: every ticket has come back; NULL is fine */
void quota_free(struct quota *q);

/** quota_enter() - a request of @who at @now_ms
 * @ticket: filled in for QUOTA_WELCOME only
 * @retry_ms: for QUOTA_RATE, when the next one will be let in */
enum quota_verdict quota_enter(struct quota *q, const struct quota_who *who,
    uint64_t now_ms, struct quota_ticket *ticket, uint32_t *retry_ms);
/** quota_leave() - give a ticket back; repeatable */
void quota_leave(struct quota_ticket *ticket);

/** quota_sources(), quota_streams() - remembered; in use */
size_t quota_sources(const struct quota *q);
size_t quota_streams(const struct quota *q);
