/* wrapper/batch.h: the replies of one fetch, put together and checked.
 *
 * Nothing of a batch counts before it is over: a fetch that dies half-way
 * changes nothing. The fetching process is ours, but it speaks with the
 * outside, so what it says is checked like anything from outside.
 */
#pragma once
#include "wrapper/handoff.h"
#include "wrapper/value.h"

enum batch_outcome {
	BATCH_OPEN,	 /* nothing said yet */
	BATCH_FRESH,	 /* all its values are there */
	BATCH_UNCHANGED, /* what is held is still right */
	BATCH_FAILED,	 /* see its fault */
};

struct batch_secret {
	enum handoff_verb asked;
	enum batch_outcome outcome;
	uint64_t version, made;
	char lease[HANDOFF_LEASE_MOST + 1];
	uint32_t lease_s;
	bool renewable;
	struct fault fault; /* BATCH_FAILED */
	enum handoff_hop hop;
	bool retry;
};

struct batch {
	const struct plan *plan; /* borrowed */
	struct value values[PLAN_ITEMS_MAX];
	struct value session; /* the token, if one was handed back */
	uint32_t session_s;
	bool session_renewable, session_fresh;
	bool over;	    /* DONE, or a fault of the whole */
	bool lingers;	    /* DONE, but it gives its token up yet */
	struct fault fault; /* of the whole; code 0: none */
	enum handoff_hop hop;
	bool retry;
	uint32_t retry_ms;
	struct batch_secret secrets[]; /* one for each path of the plan */
};

/** batch_new() - empty, for the tasks of @job
 * Return: 0; -ENOMEM. */
MUST_USE int batch_new(
    struct batch **out, const struct plan *plan, const struct handoff_job *job);
void batch_free(struct batch *b);
void batch_freep(struct batch **b);

/** batch_take() - one packet, with the descriptor that came with it or -1
 * @fd: taken, also on failure
 * Return: 0; HANDOFF_E_FORMAT: it does not say what may be said now; -errno. */
MUST_USE int batch_take(struct batch *b, const void *bytes, size_t n, int fd);
