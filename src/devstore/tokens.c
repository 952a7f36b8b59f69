/* devstore/tokens.c: auth/token/.
 *
 * Who may ask has been decided before (the path's policy). What is decided here
 * is what a token may give away: a child's policies are among its maker's
 * unless that is root, and only root names the token itself, makes it periodic
 * or an orphan.
 */
#include "devstore/tokens.h"
#include <stdio.h>

static int64_t left_ms(const struct token *t, int64_t now_ms)
{
	return t->expires_ms ? t->expires_ms - now_ms : 0;
}

static json_t *policies_json(const struct token *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n_policies; i++)
		json_array_append_new(list, json_string(t->policies[i]));
	return list;
}

json_t *auth_json(const struct token *t, int64_t now_ms)
{
	json_t *policies = policies_json(t);
	json_t *j = json_pack("{ss ss sO sO sO? sI sb ss ss sb sn sI}",
	    "client_token", secret_bytes(t->id), "accessor", t->accessor,
	    "policies", policies, "token_policies", policies, "metadata",
	    t->meta, "lease_duration",
	    (json_int_t)((left_ms(t, now_ms) + 999) / 1000), "renewable",
	    t->renewable, "entity_id", "", "token_type",
	    t->batch ? "batch" : "service", "orphan", t->orphan,
	    "mfa_requirement", "num_uses", (json_int_t)t->uses_left);

	json_decref(policies);
	return j;
}

static json_t *time_or_null(int64_t ms)
{
	char text[TIME_TEXT_MOST];

	if (!ms)
		return json_null();
	time_text(text, ms);
	return json_string(text);
}

static json_t *token_json(const struct token *t, int64_t now_ms)
{
	json_t *j = json_pack("{ss sI sI ss ss so sI ss so sO? sI}", "accessor",
	    t->accessor, "creation_time", (json_int_t)(t->created_ms / 1000),
	    "creation_ttl", (json_int_t)(t->first_ttl_ms / 1000),
	    "display_name", t->display_name, "entity_id", "", "expire_time",
	    time_or_null(t->expires_ms), "explicit_max_ttl",
	    (json_int_t)(t->most_ms / 1000), "id", secret_bytes(t->id),
	    "issue_time", time_or_null(t->created_ms), "meta", t->meta,
	    "num_uses", (json_int_t)t->uses_left);
	json_t *rest = json_pack("{sb ss so sb sI ss}", "orphan", t->orphan,
	    "path", t->path, "policies", policies_json(t), "renewable",
	    t->renewable, "ttl",
	    (json_int_t)((left_ms(t, now_ms) + 999) / 1000), "type",
	    t->batch ? "batch" : "service");

	if (j && rest && t->renewed_ms) {
		json_object_set_new(
		    rest, "last_renewal", time_or_null(t->renewed_ms));
		json_object_set_new(rest, "last_renewal_time",
		    json_integer(t->renewed_ms / 1000));
	}
	if (j && *t->space->path)
		json_object_set_new(
		    j, "namespace_path", json_string(t->space->path));
	if (j && t->period_ms)
		json_object_set_new(
		    j, "period", json_integer(t->period_ms / 1000));
	if (j)
		json_object_update(j, rest);
	json_decref(rest);
	return j;
}

/* ---- create ------------------------------------------------------------- */

static bool is_root(const struct token *t)
{
	return token_has_policy(t, "root");
}

static bool is_listed(const struct token_order *o, const char *name)
{
	for (size_t i = 0; i < o->n_policies; i++)
		if (!strcmp(o->policies[i], name))
			return true;
	return false;
}

/* The policies asked for, or the maker's own; plus default. */
static int order_policies(
    struct ask *a, const json_t *list, struct token_order *o)
{
	const json_t *one;
	size_t i;

	if (a->token->space != a->space && !is_root(a->token)) {
		reply_fail(a->reply, 400,
		    "root or sudo privileges required to directly generate a "
		    "token in a child namespace");
		return -EINVAL;
	}
	if (json_array_size(list) >= TOKEN_POLICIES_MOST) {
		reply_full(a->reply, "policies in a token");
		return -EINVAL;
	}
	json_array_foreach(list, i, one)
	{
		o->policies[o->n_policies++] = json_string_value(one);
		if (is_root(a->token) ||
		    token_has_policy(a->token, json_string_value(one)))
			continue;
		reply_fail(
		    a->reply, 400, "child policies must be subset of parent");
		return -EINVAL;
	}
	if (is_listed(o, "root") && a->space->parent) {
		reply_fail(a->reply, 400,
		    "root tokens may not be created from a parent namespace");
		return -EINVAL;
	}
	for (i = 0; !json_array_size(list) && a->token->space == a->space &&
		    i < a->token->n_policies;
	     i++)
		o->policies[o->n_policies++] = a->token->policies[i];
	if (!is_listed(o, "root") && !is_listed(o, "default") &&
	    !ask_bool(a, "no_default_policy", false) &&
	    o->n_policies < TOKEN_POLICIES_MOST)
		o->policies[o->n_policies++] = "default";
	return 0;
}

static int read_ms(struct ask *a, const char *name, int64_t *ms)
{
	int64_t seconds;
	int r = ask_seconds(a, name, &seconds);

	if (!r)
		*ms = seconds * 1000;
	return r == ASK_E_NONE ? 0 : r;
}

static int order_times(struct ask *a, struct token_order *o)
{
	if (read_ms(a, "ttl", &o->ttl_ms) ||
	    read_ms(a, "explicit_max_ttl", &o->most_ms) ||
	    read_ms(a, "period", &o->period_ms))
		return -EINVAL;
	if (!o->ttl_ms && !is_listed(o, "root"))
		o->ttl_ms = TOKEN_TTL_MS;
	if (!is_root(a->token) && o->period_ms) {
		reply_fail(a->reply, 400,
		    "root or sudo privileges required to create periodic "
		    "token");
		return -EINVAL;
	}
	return 0;
}

static int order_identity(
    struct ask *a, struct token_order *o, struct secret **id)
{
	const char *text = ask_text(a, "id");

	if (!text)
		return 0;
	if (!is_root(a->token))
		reply_fail(a->reply, 400,
		    "root or sudo privileges required to specify token id");
	else if (a->space->parent)
		reply_fail(a->reply, 400,
		    "token IDs can only be manually specified in the root "
		    "namespace");
	else if (!strncmp(text, "s.", 2) || !strncmp(text, "b.", 2))
		reply_fail(a->reply, 400,
		    "custom token ID cannot have the '%.2s' prefix", text);
	else if (!*text || strlen(text) > TOKEN_NAME_MOST)
		reply_fail(a->reply, 400, "custom token ID too long or empty");
	if (a->reply->errors)
		return -EINVAL;
	if (secret_from(id, text, strlen(text)))
		return -ENOMEM;
	o->id = *id;
	return 0;
}

static void order_rest(struct ask *a, struct token_order *o, bool orphan)
{
	const char *type = ask_text(a, "type");

	o->meta = json_object_get(a->body, "meta");
	o->uses = (long)object_number(a->body, "num_uses");
	o->renewable = ask_bool(a, "renewable", true);
	o->batch = type && !strcmp(type, "batch");
	o->path = orphan ? "auth/token/create-orphan" : "auth/token/create";
	o->parent = orphan ? NULL : a->token;
	if (ask_bool(a, "no_parent", false)) {
		o->parent = NULL;
		if (!is_root(a->token))
			reply_fail(a->reply, 400,
			    "root or sudo privileges required to create orphan "
			    "token");
	}
	if (o->uses < 0)
		reply_fail(a->reply, 400, "number of uses cannot be negative");
	if (o->batch && (o->id || o->period_ms || o->most_ms || o->uses))
		reply_fail(a->reply, 400,
		    "batch tokens cannot have an id, a period, an explicit max "
		    "TTL or a number of uses");
}

static int order_read(struct ask *a, struct token_order *o, struct secret **id,
    const json_t *policies, bool orphan)
{
	static const char *const known[] = { "id", "policies", "meta",
		"no_parent", "no_default_policy", "renewable", "ttl",
		"explicit_max_ttl", "display_name", "num_uses", "period",
		"type" };
	int r = ask_only(a, known, N_ELEMS(known)) ? 0 : -EINVAL;

	if (!r)
		r = order_policies(a, policies, o);
	if (!r)
		r = order_times(a, o);
	if (!r)
		r = order_identity(a, o, id);
	if (r)
		return r;
	order_rest(a, o, orphan);
	return a->reply->errors ? -EINVAL : 0;
}

static void warn_of_unknown(struct ask *a, const struct token *t)
{
	for (size_t i = 0; i < t->n_policies; i++)
		if (!policies_has(t->space->policies, t->policies[i]))
			reply_warn(a->reply, "Policy \"%s\" does not exist",
			    t->policies[i]);
}

static int create(struct token_set *set, struct ask *a, bool orphan)
{
	char display[TOKEN_NAME_MOST + 1] = "token";
	struct token_order o = { .display_name = display, .space = a->space };
	const char *wish = ask_text(a, "display_name");
	CLEANUP(secret_freep) struct secret *id = NULL;
	json_t *policies = ask_texts(a, "policies");
	struct token *t;
	int r;

	if (wish && *wish)
		snprintf(display, sizeof(display), "token-%.128s", wish);
	r = order_read(a, &o, &id, policies, orphan);
	if (!r)
		r = token_make(&t, set, &o, a->now_ms);
	json_decref(policies);
	if (r == TOKEN_E_FULL)
		reply_full(a->reply, "tokens");
	else if (r == TOKEN_E_TAKEN)
		reply_fail(a->reply, 400,
		    "cannot create a token with a "
		    "duplicate ID");
	if (r)
		return r == -ENOMEM ? r : 0;
	warn_of_unknown(a, t);
	reply_auth(a->reply, auth_json(t, a->now_ms));
	return 0;
}

/* ---- the rest ----------------------------------------------------------- */

static void look_at(struct ask *a, const struct token *t)
{
	if (t)
		reply_give(a->reply, token_json(t, a->now_ms));
	else
		reply_fail(a->reply, 403, "bad token");
}

static void renew(struct ask *a, struct token *t)
{
	int64_t wish = 0;

	if (read_ms(a, "increment", &wish))
		return;
	if (!t)
		reply_fail(a->reply, 403, "bad token");
	else if (token_renew(t, wish, a->now_ms))
		reply_fail(a->reply, 400, "lease is not renewable");
	else
		reply_auth(a->reply, auth_json(t, a->now_ms));
}

static void revoke(struct token_set *set, struct ask *a, struct token *t)
{
	if (t && t->batch) {
		reply_fail(a->reply, 400, "batch tokens cannot be revoked");
		return;
	}
	if (t == a->token)
		a->token = NULL;
	if (t)
		token_revoke(set, t);
	reply_done(a->reply);
}

/* The token that the body names; for lookup, else the asker's own. */
static struct token *named(struct token_set *set, struct ask *a)
{
	const char *id = ask_text(a, "token");

	if (a->kind == ASK_READ)
		return a->token;
	return id ? token_find(set, id, strlen(id), a->now_ms) : NULL;
}

static struct token *named_by_accessor(struct token_set *set, struct ask *a)
{
	const char *accessor = ask_text(a, "accessor");

	return accessor ? token_find_accessor(set, accessor, a->now_ms) : NULL;
}

enum verb {
	VERB_CREATE,
	VERB_CREATE_ORPHAN,
	VERB_LOOKUP,
	VERB_LOOKUP_SELF,
	VERB_LOOKUP_ACCESSOR,
	VERB_RENEW,
	VERB_RENEW_SELF,
	VERB_REVOKE,
	VERB_REVOKE_SELF,
	VERB_REVOKE_ACCESSOR,
	VERB_NONE,
};

static const struct {
	const char *name;
	bool read, write; /* which methods */
} verbs[] = {
	[VERB_CREATE] = { "create", false, true },
	[VERB_CREATE_ORPHAN] = { "create-orphan", false, true },
	[VERB_LOOKUP] = { "lookup", true, true },
	[VERB_LOOKUP_SELF] = { "lookup-self", true, true },
	[VERB_LOOKUP_ACCESSOR] = { "lookup-accessor", false, true },
	[VERB_RENEW] = { "renew", false, true },
	[VERB_RENEW_SELF] = { "renew-self", false, true },
	[VERB_REVOKE] = { "revoke", false, true },
	[VERB_REVOKE_SELF] = { "revoke-self", false, true },
	[VERB_REVOKE_ACCESSOR] = { "revoke-accessor", false, true },
};

static enum verb verb_of(const struct ask *a, size_t from)
{
	const char *name = vault_path_segment(a->path, from);

	if (a->path->n_segments != from + 1 || a->path->folder)
		return VERB_NONE;
	for (size_t i = 0; i < N_ELEMS(verbs); i++)
		if (!strcmp(name, verbs[i].name))
			return (enum verb)i;
	return VERB_NONE;
}

static void look(struct token_set *set, struct ask *a, enum verb verb)
{
	if (verb == VERB_LOOKUP_SELF)
		look_at(a, a->token);
	else if (verb == VERB_LOOKUP)
		look_at(a, named(set, a));
	else
		look_at(a, named_by_accessor(set, a));
}

int tokens_handle(struct token_set *set, struct ask *a, size_t from)
{
	enum verb verb = verb_of(a, from);

	if (verb == VERB_NONE) {
		reply_fail(a->reply, 404,
		    "1 error occurred:\n\t* unsupported path\n\n");
		return 0;
	}
	if (!(a->kind == ASK_READ && verbs[verb].read) &&
	    !(a->kind == ASK_WRITE && verbs[verb].write)) {
		reply_unsupported(a->reply);
		return 0;
	}
	if (verb == VERB_CREATE || verb == VERB_CREATE_ORPHAN)
		return create(set, a, verb == VERB_CREATE_ORPHAN);
	if (verb == VERB_RENEW_SELF)
		renew(a, a->token);
	else if (verb == VERB_RENEW)
		renew(a, named(set, a));
	else if (verb == VERB_REVOKE_SELF)
		revoke(set, a, a->token);
	else if (verb == VERB_REVOKE)
		revoke(set, a, named(set, a));
	else if (verb == VERB_REVOKE_ACCESSOR)
		revoke(set, a, named_by_accessor(set, a));
	else
		look(set, a, verb);
	return 0;
}
