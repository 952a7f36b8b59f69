/* devstore/rooms.c: rows into rooms, kind by kind: namespaces before what is in
 * them, mounts before their contents, tokens when all is there that they name.
 *
 * Rows of a kind come in the order in which they were made, so parents come
 * before their children.
 */
#include "devstore/rooms.h"
#include "devstore/mounts.h"

void rooms_clear(struct rooms *r)
{
	wraps_free(r->wraps);
	spaces_free(r->spaces);
	token_set_free(r->tokens);
	*r = (struct rooms){ .tokens = NULL };
}

/* What a row is put into. */
struct restoring {
	struct rooms *rooms;
	const struct rooms_options *o;
	enum keep_kind kind;
};

static int on_room(void *ctx, const struct keep_row *row)
{
	struct restoring *r = ctx;

	return spaces_restore(r->rooms->spaces, r->kind, row);
}

static int on_wrap(void *ctx, const struct keep_row *row)
{
	struct restoring *r = ctx;

	return wraps_restore(r->rooms->wraps, row);
}

static bool is_old_root(const struct restoring *r, const struct keep_row *row)
{
	return !strcmp(object_text(row->value, "path"), "auth/token/root") &&
	       !secret_equal(r->o->root_token, row->name, strlen(row->name));
}

/* The root token is the one in its file: another one, and with it its children,
 * is over. */
static int on_token(void *ctx, const struct keep_row *row)
{
	struct restoring *r = ctx;
	struct space *space =
	    spaces_of(r->rooms->spaces, object_text(row->value, "space"));

	if (!space)
		return -EINVAL;
	if (is_old_root(r, row)) {
		keep_remove(&(struct keep_at){ .keep = r->o->keep }, KEEP_TOKEN,
		    row->name);
		return 0;
	}
	return token_restore(r->rooms->tokens, space, row, r->o->now_ms);
}

static int restore(
    struct rooms *rooms, const struct rooms_options *o, struct fault *fault)
{
	struct restoring r = { .rooms = rooms, .o = o };
	int e = 0;

	for (; r.kind < KEEP_KINDS && !e; r.kind++) {
		keep_row_fn fn = r.kind == KEEP_TOKEN  ? on_token
				 : r.kind == KEEP_WRAP ? on_wrap
						       : on_room;

		e = keep_each(o->keep, r.kind, fn, &r, fault);
	}
	if (!e && !spaces_root(rooms->spaces))
		return fault_set(fault, -EINVAL,
		    "put a copy of before in its place, or begin with another "
		    "--store",
		    "the store's file is damaged: it has no root namespace");
	return e;
}

static int root_token_make(struct rooms *r, const struct rooms_options *o)
{
	struct token_order order = {
		.id = o->root_token,
		.space = spaces_root(r->spaces),
		.path = "auth/token/root",
		.display_name = "root",
		.policies = { "root" },
		.n_policies = 1,
	};
	struct token *t;

	if (token_find(r->tokens, secret_bytes(o->root_token),
		secret_size(o->root_token), o->now_ms))
		return 0;
	return ERR_FOLD(token_make(&t, r->tokens, &order, o->now_ms));
}

static int fill(
    struct rooms *r, const struct rooms_options *o, struct fault *fault)
{
	int e = token_set_new(&r->tokens, o->random);

	if (!e)
		e = wraps_new(&r->wraps, o->random, o->keep);
	if (!e)
		e = spaces_new(
		    &r->spaces, &(struct spaces_options){ .tokens = r->tokens,
				    .random = o->random,
				    .keep = o->keep });
	if (!e && o->keep && !keep_is_empty(o->keep))
		e = restore(r, o, fault);
	else if (!e)
		e = spaces_begin(r->spaces, o->now_ms);
	if (!e)
		e = root_token_make(r, o);
	return e;
}

int rooms_make(
    struct rooms *out, const struct rooms_options *o, struct fault *fault)
{
	struct rooms r = { .tokens = NULL };
	int e = fill(&r, o, fault);

	if (!e)
		e = keep_commit(o->keep, fault);
	else
		keep_discard(o->keep);
	if (e)
		rooms_clear(&r);
	else
		*out = r;
	return e;
}
