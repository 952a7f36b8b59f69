/* wrapper/schedule.h: when the next fetch is due, and what it is to do.
 *
 * Pure: it is told the time and random numbers, and remembers versions, leases
 * and the session. Times are milliseconds of one clock that does not jump.
 */
#pragma once
#include "wrapper/batch.h"

enum {
	SCHEDULE_BACKOFF_FIRST_MS = 500,
	SCHEDULE_BACKOFF_MOST_MS = 30 * 1000,
	SCHEDULE_RETRY_MOST_MS = 60 * 1000, /* of what the peer may ask for */
	SCHEDULE_ATTEMPT_MS = 20 * 1000,    /* for one fetch */
};
#define SCHEDULE_NEVER UINT64_MAX

struct schedule_secret {
	uint64_t version, made; /* as struct handoff_task has them */
	char lease[HANDOFF_LEASE_MOST + 1];
	uint64_t lease_ms; /* as first given */
	uint64_t due_ms;   /* of the lease; SCHEDULE_NEVER: let it end */
	uint64_t until_ms; /* its end */
	bool renewable;
};

struct schedule {
	const struct plan *plan; /* borrowed */
	uint64_t poll_ms;
	uint64_t give_up_ms; /* without the first values */
	bool have;	     /* the first values have come */
	unsigned failures;   /* in a row */
	uint64_t retry_due_ms, poll_due_ms;
	bool session; /* one is held */
	bool session_renewable;
	bool anew; /* the session has run out: leases end with it */
	uint64_t session_ms, session_due_ms; /* NEVER: it does not end */
	struct schedule_secret secrets[PLAN_SECRETS_MAX];
};

/** schedule_init() - at start; the first fetch is due at once
 * @poll_ms: between looks for new versions. @deadline_ms: for the first values
 */
void schedule_init(struct schedule *s, const struct plan *plan,
    uint64_t poll_ms, uint64_t deadline_ms, uint64_t now);

/** schedule_due() - when the next fetch is to start; SCHEDULE_NEVER */
uint64_t schedule_due(const struct schedule *s);
/** schedule_job() - what it is to do: verbs, versions, leases, session and
 * deadline are filled into @job, the rest of it is left alone. Without
 * job->session a session that is held has run out and is to be dropped. */
void schedule_job(struct schedule *s, uint64_t now, struct handoff_job *job);

/** schedule_done() - a batch is over without a fault of the whole
 * @random: for the jitter */
void schedule_done(
    struct schedule *s, const struct batch *b, uint64_t now, uint32_t random);
/** schedule_failed() - a fetch has failed
 * @retry_ms: what the peer asked for, or 0 */
void schedule_failed(
    struct schedule *s, uint32_t retry_ms, uint64_t now, uint32_t random);
/** schedule_given_up() - the deadline for the first values is over */
bool schedule_given_up(const struct schedule *s, uint64_t now);
