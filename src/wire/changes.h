/* wire/changes.h: changes to be made in a store: calls in order, and how what
 * was done is undone when a later one fails.
 *
 * Pure: it says which call is next and is told the answer. `pharos source` runs
 * it, and prints it where nothing is to be done. Making the same changes twice
 * is fine.
 */
#pragma once
#include "wire/vault.h"

struct changes;

enum {
	CHANGES_STEPS_MOST = 32,
	CHANGES_WHAT_MOST = 300,
};

enum changes_kind {
	CHANGES_WRITE,	/* POST; what is there is replaced */
	CHANGES_REMOVE, /* DELETE, which is not undone */
};

enum changes_outcome {
	CHANGES_WAITS,	 /* not done */
	CHANGES_DONE,	 /* done */
	CHANGES_UNDONE,	 /* done, and then undone: it is as before */
	CHANGES_LEFT,	 /* done, perhaps, and not undone */
	CHANGES_REFUSED, /* the store has not done it */
	CHANGES_OUTCOME_COUNT,
};

struct changes_order {
	enum changes_kind kind;
	const char *what;   /* for people: "policy team-a.web" */
	const char *path;   /* without /v1/ */
	json_t *body;	    /* counted down; of CHANGES_WRITE */
	const char *member; /* constant: of what a read answers, that by which
			       the old is written again; NULL: it cannot be */
};

MUST_USE int changes_new(struct changes **out);
void changes_free(struct changes *p);
void changes_freep(struct changes **p);

/** changes_add() - one step more; before the first changes_answer()
 * Return: 0; -EINVAL: the path cannot be one; -E2BIG; -ENOMEM. */
MUST_USE int changes_add(struct changes *p, const struct changes_order *order);

/** changes_call() - the call that is next; NULL: it is over
 * Borrowed until changes_answer(). */
const struct vault_call *changes_call(const struct changes *p);
/** changes_answer() - what the store said to it
 * @status: of HTTP; 0: no answer came, so that nobody knows if it was done
 * Return: 0; CHANGES_E_REFUSED: this is what they failed at; what was done
 * is now undone, so go on until changes_call() is NULL; -ENOMEM: give it up. */
enum { CHANGES_E_REFUSED = 1 };
MUST_USE int changes_answer(
    struct changes *p, int status, const void *body, size_t n);

/* A step, for showing it. All borrowed. */
struct changes_step {
	const char *what, *method, *path;
	const struct secret *body; /* NULL: none */
	enum changes_outcome outcome;
	bool replaced; /* something was there before */
};
size_t changes_size(const struct changes *p);
void changes_step(struct changes_step *out, const struct changes *p, size_t i);

/** changes_right() - which rights of the store a call takes: "create, update"
 */
const char *changes_right(const char *method);
