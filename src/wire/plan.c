/* wire/plan.c: a few changes in a store, all of them or none.
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
#include "wire/plan.h"
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
	char what[PLAN_WHAT_MOST], path[VAULT_PATH_MOST];
	struct vault_call call;
	enum plan_kind kind;
	enum plan_outcome outcome;
	const char *member;
	bool was_there;
	json_t *old; /* { member: … }; NULL: there is none */
};

struct plan {
	struct step steps[PLAN_STEPS_MOST];
	size_t n, at;
	enum state state;
	struct vault_call now; /* of LOOKING and UNDOING */
};

int plan_new(struct plan **out)
{
	struct plan *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->state = DOING; /* with nothing in it, plan_call() is NULL */
	*out = p;
	return 0;
}

void plan_free(struct plan *p)
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

void plan_freep(struct plan **p)
{
	plan_free(*p);
}

static void plan_move(struct plan *p, enum state to)
{
	INVARIANT(allowed[p->state][to]);
	p->state = to;
}

/* ---- going forward ------------------------------------------------------- */

/* Of a call that is not a step's own: to look, or to undo. */
static int aim(
    struct plan *p, const char *method, const char *path, const json_t *body)
{
	vault_call_clear(&p->now);
	return vault_call_plain(&p->now, method, path, body);
}

/* Begin with the step that p->at names. */
static int begin(struct plan *p)
{
	const struct step *s = &p->steps[p->at];

	if (p->at == p->n) {
		plan_move(p, OVER);
		return 0;
	}
	if (s->kind == PLAN_REMOVE) {
		plan_move(p, DOING);
		return 0;
	}
	plan_move(p, LOOKING);
	return aim(p, "GET", s->path, NULL);
}

int plan_add(struct plan *p, const struct plan_order *order)
{
	JSON *body = order->body;
	struct step *s = &p->steps[p->n];
	int r;

	if (p->n == PLAN_STEPS_MOST)
		return -E2BIG;
	if (strlen(order->path) >= sizeof(s->path))
		return -EINVAL;
	if (order->kind == PLAN_WRITE && !body)
		return -ENOMEM; /* the caller had none to make it */
	r = vault_call_plain(&s->call,
	    order->kind == PLAN_WRITE ? "POST" : "DELETE", order->path, body);
	if (r)
		return r;
	s->kind = order->kind;
	s->member = order->member;
	(void)snprintf(s->what, sizeof(s->what), "%s", order->what);
	(void)snprintf(s->path, sizeof(s->path), "%s", order->path);
	return p->n++ ? 0 : begin(p);
}

const struct vault_call *plan_call(const struct plan *p)
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
static int aim_undo(struct plan *p, const struct step *s)
{
	if (!s->was_there)
		return aim(p, "DELETE", s->path, NULL);
	return s->old ? aim(p, "POST", s->path, s->old) : -ENOENT;
}

/* To the next step before p->at that is to be undone; what cannot be is left.
 */
static int go_back(struct plan *p)
{
	while (p->at > 0) {
		struct step *s = &p->steps[--p->at];
		int r;

		if (s->outcome != PLAN_LEFT || s->kind == PLAN_REMOVE)
			continue;
		r = aim_undo(p, s);
		if (r == -ENOENT)
			continue;
		plan_move(p, UNDOING);
		return r;
	}
	plan_move(p, FAILED);
	return 0;
}

/* @p->at was refused, or nobody knows: what may have been done is left, until
 * it is undone. */
static int fail(struct plan *p, bool unknown)
{
	int r;

	for (size_t i = 0; i < p->at; i++)
		if (p->steps[i].kind == PLAN_WRITE)
			p->steps[i].outcome = PLAN_LEFT;
	p->steps[p->at].outcome = unknown ? PLAN_LEFT : PLAN_REFUSED;
	p->at++;
	r = go_back(p);
	return r ? r : PLAN_E_REFUSED;
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

static int looked(struct plan *p, int status, const void *body, size_t n)
{
	struct step *s = &p->steps[p->at];

	if (status != 200 && !says_nothing(status, body, n))
		return fail(p, false);
	s->was_there = status == 200;
	if (s->was_there && s->member)
		keep_old(s, body, n);
	plan_move(p, DOING);
	return 0;
}

static int done(struct plan *p, int status)
{
	if (status / 100 != 2)
		return fail(p, !status || status >= 500);
	p->steps[p->at++].outcome = PLAN_DONE;
	return begin(p);
}

int plan_answer(struct plan *p, int status, const void *body, size_t n)
{
	INVARIANT(plan_call(p));
	if (p->state == LOOKING)
		return looked(p, status, body, n);
	if (p->state == DOING)
		return done(p, status);
	if (status / 100 == 2)
		p->steps[p->at].outcome = PLAN_UNDONE;
	return go_back(p);
}

/* ---- showing ------------------------------------------------------------- */

size_t plan_size(const struct plan *p)
{
	return p->n;
}

void plan_step(struct plan_step *out, const struct plan *p, size_t i)
{
	const struct step *s = &p->steps[i];

	INVARIANT(i < p->n);
	*out = (struct plan_step){ .what = s->what,
		.method = s->call.method,
		.path = s->path,
		.body = s->call.body,
		.outcome = s->outcome,
		.replaced = s->was_there };
}

const char *plan_right(const char *method)
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
