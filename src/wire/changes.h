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
	CHANGES_WAITS_MOST = 100, /* that a store may ask for, for one call */
	CHANGES_WAIT_MS = 100,	  /* each */
};

enum changes_kind {
	CHANGES_WRITE,	/* POST; what is there is replaced */
	CHANGES_MAKE,	/* POST, unless it is there already */
	CHANGES_ADD,	/* POST that makes one more, and does not look */
	CHANGES_READ,	/* GET; it has to be there */
	CHANGES_ASK,	/* POST that makes nothing and is answered */
	CHANGES_REMOVE, /* DELETE, which is not undone */
};

enum changes_outcome {
	CHANGES_WAITS,	 /* not done */
	CHANGES_DONE,	 /* done */
	CHANGES_THERE,	 /* was there already, or was read or asked */
	CHANGES_UNDONE,	 /* done, and then undone: it is as before */
	CHANGES_LEFT,	 /* done, perhaps, and not undone */
	CHANGES_REFUSED, /* the store has not done it */
	CHANGES_UNFIT,	 /* what is there is of another kind */
	CHANGES_OUTCOME_COUNT,
};

/* All texts are copied unless they are constant. */
struct changes_order {
	enum changes_kind kind;
	const char *what;	/* for people: "policy team-a.web" */
	const char *name_space; /* of the store, in place of the caller's own;
				   "": its root; NULL: the caller's */
	const char *path;	/* without /v1/ */
	json_t *body;		/* counted down; of what is POSTed */
	const char *member;	/* constant, of CHANGES_WRITE: of what a read
				   answers, that by which the old is written
				   again; NULL: it cannot be */
	const char *look;	/* where to see if it is there; NULL: @path */
	const char *undo;	/* what to DELETE to undo it; NULL: @path. Of
				   CHANGES_ADD, to POST @handle to; NULL: it
				   cannot be */
	const char *handle;	/* constant, of CHANGES_ADD: of what is answered
				   that by which it is undone */
	/* is what a look has found good? Then it stays as it is, and otherwise
	 * CHANGES_WRITE replaces it, and CHANGES_MAKE fails. NULL: never,
	 * always.
	 * @data: of the answer. @body: that would be POSTed */
	bool (*fits)(const json_t *data, json_t *body);
	size_t within; /* 1 + the step whose undoing undoes this; 0: none */
};

MUST_USE int changes_new(struct changes **out);
void changes_free(struct changes *p);
void changes_freep(struct changes **p);

/** changes_add() - one step more; also once it is over and has not failed: it
 * goes on from there
 * Return: 0; -EINVAL: the path cannot be one; -E2BIG; -ENOMEM. */
MUST_USE int changes_add(struct changes *p, const struct changes_order *order);

/** changes_call() - the call that is next; NULL: it is over
 * Borrowed until changes_answer().
 * changes_where() - its namespace, as in the order */
const struct vault_call *changes_call(const struct changes *p);
const char *changes_where(const struct changes *p);
/** changes_answer() - what the store said to it
 * @status: of HTTP; 0: no answer came, so that nobody knows if it was done
 * Return: 0; CHANGES_E_REFUSED, CHANGES_E_UNFIT (what is there is of another
 * kind): this is what they failed at; what was done is now undone, so go on
 * until changes_call() is NULL; CHANGES_E_AGAIN: the store is not ready: ask
 * the same again in CHANGES_WAIT_MS; -ENOMEM: give it up. */
enum {
	CHANGES_E_REFUSED = 1,
	CHANGES_E_UNFIT,
	CHANGES_E_AGAIN,
	CHANGES_E_MISSING,
};
MUST_USE int changes_answer(
    struct changes *p, int status, const void *body, size_t n);
/** changes_compare() - is what step @i would make there? Nothing is done
 * @status, @body: what reading its look (changes_step()) has answered
 * Return: 0; CHANGES_E_MISSING; CHANGES_E_UNFIT: it is otherwise;
 * CHANGES_E_REFUSED: that cannot be told. */
MUST_USE int changes_compare(
    const struct changes *p, size_t i, int status, const void *body, size_t n);
/** changes_fail() - the caller has to give up, between two calls: undo all that
 * is done */
void changes_fail(struct changes *p);

/** changes_data() - what was answered to step @i when it was done, or found:
 * its "data"; NULL: nothing. Borrowed. */
const json_t *changes_data(const struct changes *p, size_t i);

/* A step, for showing it. All borrowed. */
struct changes_step {
	const char *what, *method, *path, *name_space;
	const char *look;	   /* NULL: it is done without one */
	const struct secret *body; /* NULL: none */
	enum changes_kind kind;
	enum changes_outcome outcome;
	bool replaced; /* something was there before */
};
size_t changes_size(const struct changes *p);
void changes_step(struct changes_step *out, const struct changes *p, size_t i);

/** changes_right() - which rights of the store a call takes: "create, update"
 */
const char *changes_right(const char *method);
