/* wire/changes.c: a few changes in a store, all of them or none.
 *
 * A store has no transactions, so this is what comes nearest: each thing that
 * is to be written is looked at first, and when a step fails, the ones before
 * it are undone in reverse: what was not there is deleted, and what was there
 * is written again where that can be told from what was read. What cannot be
 * undone is said, step by step.
 *
 *   LOOKING   GET of a thing that is to be written
 *   DOING     POST, GET or DELETE
 *   UNDOING   from the last step that may have been done to the first
 *   OVER, FAILED
 *
 * A call without an answer may have been done, so it is undone like one that
 * was. A call that the store has refused was not done. Removing is never
 * undone, since whoever removes wants it gone, and can say so again. What
 * stands within a thing that goes as a whole (a mount, a namespace) goes with
 * it, and takes no call of its own.
 *
 * Steps may be added once all before them are done, since what a later one
 * says may be in an earlier one's answer; a failure there undoes them all.
 *
 * Somebody else may change the same thing between the look and the write; who
 * administers grants by two hands at once gets the later one's.
 */
#include "wire/changes.h"
#include "wire/json.h"
#include <stdio.h>

enum state { LOOKING, DOING, UNDOING, OVER, FAILED, STATE_COUNT };

static const bool allowed[STATE_COUNT][STATE_COUNT] = {
	[LOOKING] = { [LOOKING] = true,
	    [DOING] = true,
	    [UNDOING] = true,
	    [OVER] = true,
	    [FAILED] = true },
	[DOING] = { [LOOKING] = true,
	    [DOING] = true,
	    [UNDOING] = true,
	    [OVER] = true,
	    [FAILED] = true },
	[UNDOING] = { [UNDOING] = true, [FAILED] = true },
	[OVER] = { [LOOKING] = true,
	    [DOING] = true,
	    [UNDOING] = true,
	    [FAILED] = true },
};

/* What is done with each kind. */
static const struct {
	const char *method;
	bool looks, has_body, keeps; /* keeps: what is answered */
	bool changes;		     /* anything in the store */
} kinds[] = {
	[CHANGES_WRITE] = { "POST", true, true, false, true },
	[CHANGES_MAKE] = { "POST", true, true, true, true },
	[CHANGES_ADD] = { "POST", false, true, true, true },
	[CHANGES_READ] = { "GET", false, false, true, false },
	[CHANGES_ASK] = { "POST", false, true, true, false },
	[CHANGES_REMOVE] = { "DELETE", false, false, false, true },
};

struct step {
	char what[CHANGES_WHAT_MOST], path[VAULT_PATH_MOST];
	char *name_space, *look, *undo; /* NULL: as the order says */
	struct vault_call call;
	enum changes_kind kind;
	enum changes_outcome outcome;
	const char *member, *handle;
	bool (*fits)(const json_t *data, json_t *body);
	size_t within;
	bool was_there;
	json_t *old;  /* { member: … }; NULL: there is none */
	json_t *data; /* that was answered; or NULL */
};

struct changes {
	struct step steps[CHANGES_STEPS_MOST];
	size_t n, at;
	enum state state;
	struct vault_call now; /* of LOOKING and UNDOING */
	unsigned waited;       /* times, for the call that is next */
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

static void step_clear(struct step *s)
{
	vault_call_clear(&s->call);
	json_decref(s->old);
	json_decref(s->data);
	free(s->name_space);
	free(s->look);
	free(s->undo);
	*s = (struct step){ .within = 0 };
}

void changes_free(struct changes *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		step_clear(&p->steps[i]);
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

	p->waited = 0;
	if (p->at == p->n) {
		changes_move(p, OVER);
		return 0;
	}
	if (!kinds[s->kind].looks) {
		changes_move(p, DOING);
		return 0;
	}
	changes_move(p, LOOKING);
	return aim(p, "GET", s->look ? s->look : s->path, NULL);
}

/* NULL stays NULL. */
static int copy(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

static int fill(struct step *s, const struct changes_order *order)
{
	int r = vault_call_plain(
	    &s->call, kinds[order->kind].method, order->path, order->body);

	if (!r)
		r = copy(&s->name_space, order->name_space);
	if (!r)
		r = copy(&s->look, order->look);
	if (!r)
		r = copy(&s->undo, order->undo);
	s->kind = order->kind;
	s->member = order->member;
	s->handle = order->handle;
	s->fits = order->fits;
	s->within = order->within;
	(void)snprintf(s->what, sizeof(s->what), "%s", order->what);
	(void)snprintf(s->path, sizeof(s->path), "%s", order->path);
	return r;
}

int changes_add(struct changes *p, const struct changes_order *order)
{
	JSON *body = order->body;
	struct step *s = &p->steps[p->n];
	int r;

	INVARIANT(p->state != UNDOING && p->state != FAILED);
	INVARIANT(order->within <= p->n);
	if (p->n == CHANGES_STEPS_MOST)
		return -E2BIG;
	if (strlen(order->path) >= sizeof(s->path))
		return -EINVAL;
	if (kinds[order->kind].has_body && !body)
		return -ENOMEM; /* the caller had none to make it */
	r = fill(s, order);
	if (r) {
		step_clear(s);
		return r;
	}
	p->n++;
	return p->n == 1 || p->state == OVER ? begin(p) : 0;
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

const char *changes_where(const struct changes *p)
{
	INVARIANT(changes_call(p));
	return p->steps[p->at].name_space;
}

/* ---- going back ---------------------------------------------------------- */

/* Of what was added, by the handle that the store gave it. */
static int aim_take_back(struct changes *p, const struct step *s)
{
	const json_t *handle = json_object_get(s->data, s->handle);
	JSON *body =
	    s->undo && handle ? json_pack("{sO}", s->handle, handle) : NULL;

	return body ? aim(p, "POST", s->undo, body) : -ENOENT;
}

/* Is there a way to make it as it was? */
static int aim_undo(struct changes *p, const struct step *s)
{
	if (s->kind == CHANGES_ADD)
		return aim_take_back(p, s);
	if (!s->was_there)
		return aim(p, "DELETE", s->undo ? s->undo : s->path, NULL);
	return s->old ? aim(p, "POST", s->path, s->old) : -ENOENT;
}

/* Does the thing that it stands in go, and it with that? */
static bool goes_with_another(const struct changes *p, const struct step *s)
{
	return s->within && p->steps[s->within - 1].outcome == CHANGES_LEFT &&
	       !p->steps[s->within - 1].was_there;
}

/* To the next step before p->at that is to be undone; what cannot be is left.
 */
static int go_back(struct changes *p)
{
	p->waited = 0;
	while (p->at > 0) {
		struct step *s = &p->steps[--p->at];
		int r;

		if (s->outcome != CHANGES_LEFT || s->kind == CHANGES_REMOVE ||
		    goes_with_another(p, s))
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

/* What was done before p->at is left, until it is undone. */
static void leave(struct changes *p)
{
	for (size_t i = 0; i < p->at; i++)
		if (p->steps[i].outcome == CHANGES_DONE &&
		    p->steps[i].kind != CHANGES_REMOVE)
			p->steps[i].outcome = CHANGES_LEFT;
}

/* @p->at came to @outcome, and that is the end. Return: @code, or -ENOMEM. */
static int fail(struct changes *p, enum changes_outcome outcome, int code)
{
	int r;

	leave(p);
	p->steps[p->at].outcome = outcome;
	p->at++;
	r = go_back(p);
	return r ? r : code;
}

void changes_fail(struct changes *p)
{
	INVARIANT(p->state != UNDOING && p->state != FAILED);
	leave(p);
	if (go_back(p)) {
		p->at = 0; /* no memory: what is done is left */
		changes_move(p, FAILED);
	}
}

/* p->at is undone, and what stands within it. */
static int undone(struct changes *p, bool done)
{
	if (done)
		p->steps[p->at].outcome = CHANGES_UNDONE;
	for (size_t i = p->at + 1; done && i < p->n; i++) {
		struct step *s = &p->steps[i];

		if (s->within && s->outcome == CHANGES_LEFT &&
		    p->steps[s->within - 1].outcome == CHANGES_UNDONE)
			s->outcome = CHANGES_UNDONE;
	}
	return go_back(p);
}

/* ---- answers ------------------------------------------------------------- */

/* An answer's status and words. */
struct said {
	int status;
	size_t n_words;
	char words[FAULT_TEXT_MAX];
};

static bool begins(const struct said *said, int status, const char *words)
{
	return said->status == status &&
	       !strncmp(said->words, words, strlen(words));
}

/* What a read of nothing is: other things that are 404 have words, and some
 * rooms of the store say it in words alone. */
static bool says_nothing(const struct said *said)
{
	return (said->status == 404 && !said->n_words) ||
	       begins(said, 400, "No secret engine mount at ") ||
	       begins(said, 400, "No auth engine at ") ||
	       begins(said, 400, "no default issuer currently configured");
}

/* A new mount of KV version 2 takes a moment; so does a namespace that goes. */
static bool says_later(const struct said *said)
{
	return begins(said, 400, "Upgrading from non-versioned") ||
	       (said->status == 400 &&
		   strstr(said->words, "containing child namespaces"));
}

static json_t *data_of(const void *body, size_t n)
{
	JSON *j = body ? json_read_object(body, n, 0) : NULL;

	return json_incref(json_object_get(j, "data"));
}

/* Keep of @body what it takes to write it again. */
static void keep_old(struct step *s, const json_t *data)
{
	json_t *value = json_object_get(data, s->member);

	if (value)
		s->old = json_pack("{sO}", s->member, value);
}

static bool fits(const struct step *s, const json_t *data)
{
	JSON *body = json_read_object(
	    secret_bytes(s->call.body), secret_size(s->call.body), 0);

	return s->fits ? s->fits(data, body) : s->kind == CHANGES_MAKE;
}

static int looked(struct changes *p, const struct said *said, json_t *found)
{
	struct step *s = &p->steps[p->at];
	JSON *data = found;
	bool good;

	if (said->status != 200 && !says_nothing(said))
		return fail(p, CHANGES_REFUSED, CHANGES_E_REFUSED);
	s->was_there = said->status == 200;
	if (s->was_there && s->member)
		keep_old(s, data);
	good = s->was_there && fits(s, data);
	if (!good && s->was_there && s->kind == CHANGES_MAKE)
		return fail(p, CHANGES_UNFIT, CHANGES_E_UNFIT);
	if (!good) {
		changes_move(p, DOING);
		p->waited = 0;
		return 0;
	}
	s->data = STEAL(data);
	s->outcome = CHANGES_THERE;
	p->at++;
	return begin(p);
}

static int done(struct changes *p, const struct said *said, json_t *answered)
{
	struct step *s = &p->steps[p->at];
	JSON *data = answered;
	bool unknown = !said->status || said->status >= 500;
	bool changed = kinds[s->kind].changes;

	if (said->status / 100 != 2)
		return fail(p,
		    unknown && changed ? CHANGES_LEFT : CHANGES_REFUSED,
		    CHANGES_E_REFUSED);
	if (kinds[s->kind].keeps)
		s->data = STEAL(data);
	s->outcome = changed ? CHANGES_DONE : CHANGES_THERE;
	p->at++;
	return begin(p);
}

/* A namespace that is still going, and cannot be used or made again yet. */
static bool is_going(const json_t *data)
{
	return json_is_true(json_object_get(data, "tainted"));
}

int changes_answer(struct changes *p, int status, const void *body, size_t n)
{
	struct said said = { .status = status };
	JSON *data = data_of(body, n);

	INVARIANT(changes_call(p));
	said.n_words = vault_errors(said.words, sizeof(said.words), body, n);
	if ((says_later(&said) || (p->state == LOOKING && is_going(data))) &&
	    p->waited++ < CHANGES_WAITS_MOST)
		return CHANGES_E_AGAIN;
	if (p->state == LOOKING)
		return looked(p, &said, STEAL(data));
	if (p->state == DOING)
		return done(p, &said, STEAL(data));
	return undone(p, status / 100 == 2);
}

const json_t *changes_data(const struct changes *p, size_t i)
{
	INVARIANT(i < p->n);
	return p->steps[i].data;
}

int changes_compare(
    const struct changes *p, size_t i, int status, const void *body, size_t n)
{
	const struct step *s = &p->steps[i];
	struct said said = { .status = status };
	JSON *data = data_of(body, n);

	INVARIANT(i < p->n && kinds[s->kind].looks);
	said.n_words = vault_errors(said.words, sizeof(said.words), body, n);
	if (says_nothing(&said))
		return CHANGES_E_MISSING;
	if (status != 200)
		return CHANGES_E_REFUSED;
	return fits(s, data) ? 0 : CHANGES_E_UNFIT;
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
		.name_space = s->name_space,
		.look = !kinds[s->kind].looks ? NULL
			: s->look	      ? s->look
					      : s->path,
		.body = s->call.body,
		.kind = s->kind,
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
