/* wire/changes.c: a few changes in a store, all of them or none.
 *
 * A store has no transactions, so this is what comes nearest: each thing that
 * is to be written is looked at first, and when a step fails, the ones before
 * it are undone in reverse: what was not there is deleted, and what was there
 * is written again where that can be told from what was read. What cannot be
 * undone is said, step by step.
 *
 *   LOOKING   GET of a thing that is to be written
 *   DOING     POST or DELETE
 *   UNDOING   from the last step that may have been done to the first
 *   OVER, FAILED
 *
 * A call without an answer may have been done, so it is undone like one that
 * was. A call that the store has refused was not done. Removing is never
 * undone, since whoever removes wants it gone, and can say so again.
 *
 * Somebody else may change the same thing between the look and the write; who
 * administers grants by two hands at once gets the later one's.
 */
#include "wire/changes.h"
#include "wire/json.h"
#include <stdio.h>

enum state { LOOKING, DOING, UNDOING, OVER, FAILED, STATE_COUNT };

static const bool allowed[STATE_COUNT][STATE_COUNT] = {
	[LOOKING] = { [DOING] = true, [UNDOING] = true, [FAILED] = true },
	[DOING] = { [LOOKING] = true,
	    [DOING] = true,
	    [UNDOING] = true,
	    [OVER] = true,
	    [FAILED] = true },
	[UNDOING] = { [UNDOING] = true, [FAILED] = true },
};

struct step {
	char what[CHANGES_WHAT_MOST], path[VAULT_PATH_MOST];
	struct vault_call call;
	enum changes_kind kind;
	enum changes_outcome outcome;
	const char *member;
	bool was_there;
	json_t *old; /* { member: … }; NULL: there is none */
};

struct changes {
	struct step steps[CHANGES_STEPS_MOST];
	size_t n, at;
	enum state state;
	struct vault_call now; /* of LOOKING and UNDOING */
};

int changes_new(struct changes **out)
{
	struct changes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->state = DOING; /* with nothing in it, changes_call() is NULL */
	*out = p;
	return 0;
}

void changes_free(struct changes *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		vault_call_clear(&p->steps[i].call);
		json_decref(p->steps[i].old);
	}
	vault_call_clear(&p->now);
	free(p);
}

void changes_freep(struct changes **p)
{
	changes_free(*p);
}

static void changes_move(struct changes *p, enum state to)
{
	INVARIANT(allowed[p->state][to]);
	p->state = to;
}

/* ---- going forward ------------------------------------------------------- */

/* Of a call that is not a step's own: to look, or to undo. */
static int aim(
    struct changes *p, const char *method, const char *path, const json_t *body)
{
	vault_call_clear(&p->now);
	return vault_call_plain(&p->now, method, path, body);
}

/* Begin with the step that p->at names. */
static int begin(struct changes *p)
{
	const struct step *s = &p->steps[p->at];

	if (p->at == p->n) {
		changes_move(p, OVER);
		return 0;
	}
	if (s->kind == CHANGES_REMOVE) {
		changes_move(p, DOING);
		return 0;
	}
	changes_move(p, LOOKING);
	return aim(p, "GET", s->path, NULL);
}

int changes_add(struct changes *p, const struct changes_order *order)
{
	JSON *body = order->body;
	struct step *s = &p->steps[p->n];
	int r;

	if (p->n == CHANGES_STEPS_MOST)
		return -E2BIG;
	if (strlen(order->path) >= sizeof(s->path))
		return -EINVAL;
	if (order->kind == CHANGES_WRITE && !body)
		return -ENOMEM; /* the caller had none to make it */
	r = vault_call_plain(&s->call,
	    order->kind == CHANGES_WRITE ? "POST" : "DELETE", order->path,
	    body);
	if (r)
		return r;
	s->kind = order->kind;
	s->member = order->member;
	(void)snprintf(s->what, sizeof(s->what), "%s", order->what);
	(void)snprintf(s->path, sizeof(s->path), "%s", order->path);
	return p->n++ ? 0 : begin(p);
}

const struct vault_call *changes_call(const struct changes *p)
{
	switch (p->state) {
	case LOOKING:
	case UNDOING:
		return &p->now;
	case DOING:
		return p->n ? &p->steps[p->at].call : NULL;
	default:
		return NULL;
	}
}

/* ---- going back ---------------------------------------------------------- */

/* Is there a way to make it as it was? */
static int aim_undo(struct changes *p, const struct step *s)
{
	if (!s->was_there)
		return aim(p, "DELETE", s->path, NULL);
	return s->old ? aim(p, "POST", s->path, s->old) : -ENOENT;
}

/* To the next step before p->at that is to be undone; what cannot be is left.
 */
static int go_back(struct changes *p)
{
	while (p->at > 0) {
		struct step *s = &p->steps[--p->at];
		int r;

		if (s->outcome != CHANGES_LEFT || s->kind == CHANGES_REMOVE)
			continue;
		r = aim_undo(p, s);
		if (r == -ENOENT)
			continue;
		changes_move(p, UNDOING);
		return r;
	}
	changes_move(p, FAILED);
	return 0;
}

/* @p->at was refused, or nobody knows: what may have been done is left, until
 * it is undone. */
static int fail(struct changes *p, bool unknown)
{
	int r;

	for (size_t i = 0; i < p->at; i++)
		if (p->steps[i].kind == CHANGES_WRITE)
			p->steps[i].outcome = CHANGES_LEFT;
	p->steps[p->at].outcome = unknown ? CHANGES_LEFT : CHANGES_REFUSED;
	p->at++;
	r = go_back(p);
	return r ? r : CHANGES_E_REFUSED;
}

/* ---- answers ------------------------------------------------------------- */

/* What a read of nothing is: other things that are 404 have words. */
static bool says_nothing(int status, const void *body, size_t n)
{
	char words[FAULT_TEXT_MAX];

	return status == 404 && !vault_errors(words, sizeof(words), body, n);
}

/* Keep of @body what it takes to write it again. */
static void keep_old(struct step *s, const void *body, size_t n)
{
	JSON *j = json_read_object(body, n, 0);
	json_t *value = json_object_get(json_object_get(j, "data"), s->member);

	if (value)
		s->old = json_pack("{sO}", s->member, value);
}

static int looked(struct changes *p, int status, const void *body, size_t n)
{
	struct step *s = &p->steps[p->at];

	if (status != 200 && !says_nothing(status, body, n))
		return fail(p, false);
	s->was_there = status == 200;
	if (s->was_there && s->member)
		keep_old(s, body, n);
	changes_move(p, DOING);
	return 0;
}

static int done(struct changes *p, int status)
{
	if (status / 100 != 2)
		return fail(p, !status || status >= 500);
	p->steps[p->at++].outcome = CHANGES_DONE;
	return begin(p);
}

int changes_answer(struct changes *p, int status, const void *body, size_t n)
{
	INVARIANT(changes_call(p));
	if (p->state == LOOKING)
		return looked(p, status, body, n);
	if (p->state == DOING)
		return done(p, status);
	if (status / 100 == 2)
		p->steps[p->at].outcome = CHANGES_UNDONE;
	return go_back(p);
}

/* ---- showing ------------------------------------------------------------- */

size_t changes_size(const struct changes *p)
{
	return p->n;
}

void changes_step(struct changes_step *out, const struct changes *p, size_t i)
{
	const struct step *s = &p->steps[i];

	INVARIANT(i < p->n);
	*out = (struct changes_step){ .what = s->what,
		.method = s->call.method,
		.path = s->path,
		.body = s->call.body,
		.outcome = s->outcome,
		.replaced = s->was_there };
}

const char *changes_right(const char *method)
{
	static const char *const rights[][2] = {
		{ "GET", "read" },
		{ "LIST", "list" },
		{ "DELETE", "delete" },
		{ "POST", "create, update" },
	};

	for (size_t i = 0; i < N_ELEMS(rights); i++)
		if (!strcmp(rights[i][0], method))
			return rights[i][1];
	return "sudo";
}
