/* wrapper/fetchtask.h: one secret: which requests to send for it, and what the
 * answers mean.
 *
 * Pure but for handing values over: requests out, answers in.
 *
 *   STRAIGHT  (read) the values of MOUNT/data/…, as it is written
 *   MOUNT     which mount serves the path? (is it KV v2?)
 *   METADATA  (check) which version is the newest?
 *   DATA      the values
 *   LEASE     (renew) the lease's renewal
 */
#pragma once
#include "wire/vault.h"
#include "wrapper/handoff.h"

enum fetchtask_step {
	FETCHTASK_STRAIGHT,
	FETCHTASK_MOUNT,
	FETCHTASK_METADATA,
	FETCHTASK_DATA,
	FETCHTASK_LEASE,
	FETCHTASK_DONE,
};

struct fetchtask {
	const struct handoff_job *job; /* borrowed */
	size_t index, first_field;
	enum fetchtask_step step;
	struct vault_mount mount;
	bool has_mount;
	struct handoff_reply reply; /* at the end */
	char lease[HANDOFF_LEASE_MOST + 1];
	struct fault fault;
};

/** fetchtask_init() - task number @index of @job; DONE at once when its verb is
 * SKIP */
void fetchtask_init(
    struct fetchtask *t, const struct handoff_job *job, size_t index);
/** fetchtask_call() - the request to send now
 * Return: 0; -EINVAL, -ENOMEM: t->step is DONE and t->reply a fault. */
MUST_USE int fetchtask_call(struct fetchtask *t, struct vault_call *out);

/** fetchtask_needs_token() - would a refusal of the request under way be the
 * end? (a mount or a version that may not be asked for is not) */
bool fetchtask_needs_token(const struct fetchtask *t);

struct fetchtask_answer {
	const char *store; /* for words: where it came from */
	int status;
	const char *content_type;
	const void *body;
	size_t n;
};
/** fetchtask_answer() - go on to the next step
 * @send: is called for each value before the task is DONE; it may be called for
 * values of a task that then fails. Return of it: 0; -errno.
 * At DONE, t->reply is what to say last: SECRET or FAULT. */
typedef int (*fetchtask_send_fn)(
    void *ctx, size_t item, const struct secret *value);
void fetchtask_answer(struct fetchtask *t, const struct fetchtask_answer *a,
    fetchtask_send_fn send, void *ctx);
/** fetchtask_fail() - no answer came: DONE, with @fault */
void fetchtask_fail(struct fetchtask *t, bool retry, const struct fault *fault);
