/* wire/plan.h: changes to be made in a store: calls in order, and how what was
 * done is undone when a later one fails.
 *
 * Pure: it says which call is next and is told the answer. `pharos source` runs
 * it, and prints it where nothing is to be done. Making the same changes twice
 * is fine.
 */
#pragma once
#include "wire/vault.h"

struct plan;

enum {
	PLAN_STEPS_MOST = 32,
	PLAN_WHAT_MOST = 300,
};

enum plan_kind {
	PLAN_WRITE,  /* POST; what is there is replaced */
	PLAN_REMOVE, /* DELETE, which is not undone */
};

enum plan_outcome {
	PLAN_WAITS,   /* not done */
	PLAN_DONE,    /* done */
	PLAN_UNDONE,  /* done, and then undone: it is as before */
	PLAN_LEFT,    /* done, perhaps, and not undone */
	PLAN_REFUSED, /* the store has not done it */
	PLAN_OUTCOME_COUNT,
};

struct plan_order {
	enum plan_kind kind;
	const char *what;   /* for people: "policy team-a.web" */
	const char *path;   /* without /v1/ */
	json_t *body;	    /* counted down; of PLAN_WRITE */
	const char *member; /* constant: of what a read answers, that by which
			       the old is written again; NULL: it cannot be */
};

MUST_USE int plan_new(struct plan **out);
void plan_free(struct plan *p);
void plan_freep(struct plan **p);

/** plan_add() - one step more; before the first plan_answer()
 * Return: 0; -EINVAL: the path cannot be one; -E2BIG; -ENOMEM. */
MUST_USE int plan_add(struct plan *p, const struct plan_order *order);

/** plan_call() - the call that is next; NULL: it is over
 * Borrowed until plan_answer(). */
const struct vault_call *plan_call(const struct plan *p);
/** plan_answer() - what the store said to it
 * @status: of HTTP; 0: no answer came, so that nobody knows if it was done
 * Return: 0; PLAN_E_REFUSED: this is what the plan failed at; what was done is
 * now undone, so go on until plan_call() is NULL; -ENOMEM: give it up. */
enum { PLAN_E_REFUSED = 1 };
MUST_USE int plan_answer(
    struct plan *p, int status, const void *body, size_t n);

/* A step, for showing it. All borrowed. */
struct plan_step {
	const char *what, *method, *path;
	const struct secret *body; /* NULL: none */
	enum plan_outcome outcome;
	bool replaced; /* something was there before */
};
size_t plan_size(const struct plan *p);
void plan_step(struct plan_step *out, const struct plan *p, size_t i);

/** plan_right() - which rights of the store a call takes: "create, update" */
const char *plan_right(const char *method);
