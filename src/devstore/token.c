/* devstore/token.c: the table of tokens, their lives and their families. */
#include "devstore/token.h"
#include "wire/json.h"
#include <stdio.h>

struct token_set {
	struct table table;
	struct token *first;
	void (*random)(void *to, size_t n);
};

int token_set_new(struct token_set **out, void (*random)(void *, size_t))
{
	struct token_set *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	table_init(&s->table, TOKEN_MOST);
	s->random = random;
	*out = s;
	return 0;
}

static void token_free(struct token *t)
{
	secret_free(t->id);
	json_decref(t->meta);
	free(t);
}

static void token_freep(struct token **t)
{
	if (*t)
		token_free(*t);
}

/* ---- in the file -------------------------------------------------------- */

/* Tokens have no owner: whoever drops a namespace revokes them one by one. */
static struct keep_at place_of(const struct token *t)
{
	return (struct keep_at){ .keep = t->space->at.keep };
}

static json_t *times_json(const struct token *t)
{
	return json_pack("{sI sI sI sI sI sI sI}", "created",
	    (json_int_t)t->created_ms, "renewed", (json_int_t)t->renewed_ms,
	    "expires", (json_int_t)t->expires_ms, "ttl", (json_int_t)t->ttl_ms,
	    "first_ttl", (json_int_t)t->first_ttl_ms, "most",
	    (json_int_t)t->most_ms, "period", (json_int_t)t->period_ms);
}

static void token_keep(const struct token *t)
{
	struct keep_at at = place_of(t);
	json_t *policies, *j;

	if (!at.keep)
		return;
	policies = json_array();
	for (size_t i = 0; i < t->n_policies; i++)
		json_array_append_new(policies, json_string(t->policies[i]));
	j = json_pack("{ss ss so ss ss sO? so sI sb sb}", "space",
	    t->space->at.owner, "accessor", t->accessor, "policies", policies,
	    "display_name", t->display_name, "path", t->path, "meta", t->meta,
	    "times", times_json(t), "uses", (json_int_t)t->uses_left,
	    "renewable", t->renewable, "batch", t->batch);
	if (j && t->parent)
		json_object_set_new(
		    j, "parent", json_string(secret_bytes(t->parent->id)));
	keep_put(&at, KEEP_TOKEN, secret_bytes(t->id), j);
}

/* One that is over by its time goes with the next change. */
static void token_unkeep(const struct token *t, bool by_time)
{
	struct keep_at at = place_of(t);

	if (by_time)
		keep_forget(&at, KEEP_TOKEN, secret_bytes(t->id));
	else
		keep_remove(&at, KEEP_TOKEN, secret_bytes(t->id));
}

/* ---- the set ------------------------------------------------------------ */

/* Out of the set and gone; whoever knew it as parent is told before. */
static void token_drop(struct token_set *s, struct token **link)
{
	struct token *t = *link;

	*link = t->next;
	table_remove(&s->table, &t->node);
	token_free(t);
}

/* Everything that is spent; first their children, to any depth. */
static void drop_spent(struct token_set *s, bool by_time)
{
	bool more = true;

	while (more) {
		more = false;
		for (struct token *t = s->first; t; t = t->next) {
			if (t->parent && t->parent->spent && !t->spent)
				more = t->spent = true;
		}
	}
	for (struct token **link = &s->first; *link;) {
		if ((*link)->spent) {
			token_unkeep(*link, by_time);
			token_drop(s, link);
		} else {
			link = &(*link)->next;
		}
	}
}

void token_set_free(struct token_set *s)
{
	if (!s)
		return;
	while (s->first)
		token_drop(s, &s->first);
	free(s);
}

static bool has_ended(const struct token *t, int64_t now_ms)
{
	return t->spent || (t->expires_ms && now_ms >= t->expires_ms);
}

void token_set_sweep(struct token_set *s, int64_t now_ms)
{
	bool any = false;

	for (struct token *t = s->first; t; t = t->next) {
		t->spent = has_ended(t, now_ms);
		any |= t->spent;
	}
	if (any)
		drop_spent(s, true);
}

void token_revoke(struct token_set *s, struct token *t)
{
	t->spent = true;
	drop_spent(s, false);
}

void token_revoke_path(
    struct token_set *s, const struct space *space, const char *path)
{
	for (struct token *t = s->first; t; t = t->next)
		t->spent |= t->space == space && !strcmp(t->path, path);
	drop_spent(s, false);
}

void token_revoke_space(struct token_set *s, const struct space *space)
{
	for (struct token *t = s->first; t; t = t->next)
		t->spent |= t->space == space;
	drop_spent(s, false);
}

/* 248 is the last multiple of 62 in a byte. */
void token_letters(char *to, size_t n, void (*random)(void *, size_t))
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789";

	for (size_t i = 0; i < n;) {
		uint8_t byte;

		random(&byte, 1);
		if (byte < 248)
			to[i++] = letters[byte % 62];
	}
	to[n] = '\0';
}

void token_text(
    char to[TOKEN_ID_SIZE + 1], char kind, void (*random)(void *, size_t))
{
	to[0] = kind;
	to[1] = '.';
	token_letters(to + 2, TOKEN_ID_SIZE - 2, random);
}

/* A namespace's tokens and accessors end in its id. */
static void ending_add(char *text, const struct space *space)
{
	if (*space->id)
		snprintf(text + strlen(text), TOKEN_ENDING_SIZE + 1, ".%s",
		    space->id);
}

static int id_make(struct token *t, const struct token_set *s)
{
	char text[TOKEN_ID_SIZE + TOKEN_ENDING_SIZE + 1];
	int r;

	token_text(text, t->batch ? 'b' : 's', s->random);
	ending_add(text, t->space);
	r = secret_from(&t->id, text, strlen(text));
	secret_wipe(text, sizeof(text));
	return r;
}

/* Sorted and each once, as the store lists them. */
static void policy_add(struct token *t, const char *name)
{
	size_t i = 0;

	while (i < t->n_policies && strcmp(t->policies[i], name) < 0)
		i++;
	if (i < t->n_policies && !strcmp(t->policies[i], name))
		return;
	memmove(t->policies[i + 1], t->policies[i],
	    (t->n_policies - i) * sizeof(t->policies[0]));
	snprintf(t->policies[i], sizeof(t->policies[i]), "%s", name);
	t->n_policies++;
}

static int64_t least_of(int64_t a, int64_t b)
{
	return b && b < a ? b : a;
}

static void token_fill(
    struct token *t, const struct token_order *o, int64_t now_ms)
{
	snprintf(t->path, sizeof(t->path), "%s", o->path);
	snprintf(
	    t->display_name, sizeof(t->display_name), "%s", o->display_name);
	for (size_t i = 0; i < o->n_policies; i++)
		policy_add(t, o->policies[i]);
	t->meta = json_incref(o->meta);
	t->parent = o->parent;
	t->space = o->space;
	t->orphan = !o->parent;
	t->created_ms = now_ms;
	t->period_ms = o->period_ms;
	t->most_ms = o->most_ms;
	t->ttl_ms =
	    least_of(o->period_ms ? o->period_ms : o->ttl_ms, o->most_ms);
	t->ttl_ms = least_of(TOKEN_TTL_MS, t->ttl_ms);
	if (!o->ttl_ms && !o->period_ms)
		t->ttl_ms = 0;
	t->first_ttl_ms = t->ttl_ms;
	t->expires_ms = t->ttl_ms ? now_ms + t->ttl_ms : 0;
	t->uses_left = o->uses;
	t->batch = o->batch;
	t->renewable = o->renewable && t->ttl_ms && !o->batch;
}

int token_make(struct token **out, struct token_set *s,
    const struct token_order *o, int64_t now_ms)
{
	CLEANUP(token_freep) struct token *t = calloc(1, sizeof(*t));
	int r;

	INVARIANT(o->n_policies <= TOKEN_POLICIES_MOST);
	if (!t)
		return -ENOMEM;
	token_fill(t, o, now_ms);
	if (o->id)
		r = secret_from(
		    &t->id, secret_bytes(o->id), secret_size(o->id));
	else
		r = id_make(t, s);
	if (r)
		return r;
	if (!t->batch) {
		token_letters(t->accessor, TOKEN_ACCESSOR_SIZE, s->random);
		ending_add(t->accessor, t->space);
	}
	r = table_add(
	    &s->table, &t->node, secret_bytes(t->id), secret_size(t->id));
	if (r)
		return r == TABLE_E_FULL ? TOKEN_E_FULL : TOKEN_E_TAKEN;
	t->next = s->first;
	s->first = t;
	token_keep(t);
	*out = STEAL(t);
	return 0;
}

/* ---- out of the file ---------------------------------------------------- */

static int policies_unpack(struct token *t, const json_t *list)
{
	const json_t *one;
	size_t i;

	if (json_array_size(list) > TOKEN_POLICIES_MOST)
		return -EINVAL;
	json_array_foreach(list, i, one)
	{
		if (json_copy_text(t->policies[t->n_policies++],
			sizeof(t->policies[0]), one))
			return -EINVAL;
	}
	return 0;
}

static int times_unpack(struct token *t, json_t *j)
{
	json_int_t created, renewed, expires, ttl, first, most, period;

	if (json_unpack(j, "{sI sI sI sI sI sI sI}", "created", &created,
		"renewed", &renewed, "expires", &expires, "ttl", &ttl,
		"first_ttl", &first, "most", &most, "period", &period))
		return -EINVAL;
	t->created_ms = created;
	t->renewed_ms = renewed;
	t->expires_ms = expires;
	t->ttl_ms = ttl;
	t->first_ttl_ms = first;
	t->most_ms = most;
	t->period_ms = period;
	return 0;
}

static int token_unpack(struct token *t, const struct keep_row *row)
{
	json_t *times, *policies, *meta = NULL;
	const char *accessor, *display, *path;
	json_int_t uses;
	int renewable, batch;

	if (json_unpack(row->value, "{ss so ss ss s?o so sI sb sb}", "accessor",
		&accessor, "policies", &policies, "display_name", &display,
		"path", &path, "meta", &meta, "times", &times, "uses", &uses,
		"renewable", &renewable, "batch", &batch))
		return -EINVAL;
	snprintf(t->accessor, sizeof(t->accessor), "%s", accessor);
	snprintf(t->display_name, sizeof(t->display_name), "%s", display);
	snprintf(t->path, sizeof(t->path), "%s", path);
	t->meta = json_is_null(meta) ? NULL : json_incref(meta);
	t->uses_left = uses;
	t->renewable = renewable;
	t->batch = batch;
	return policies_unpack(t, policies) ? -EINVAL : times_unpack(t, times);
}

static int set_add(struct token_set *s, struct token *t)
{
	int r = table_add(
	    &s->table, &t->node, secret_bytes(t->id), secret_size(t->id));

	if (r)
		return r < 0 ? r : -EINVAL;
	t->next = s->first;
	s->first = t;
	return 0;
}

int token_restore(struct token_set *s, struct space *space,
    const struct keep_row *row, int64_t now_ms)
{
	CLEANUP(token_freep) struct token *t = calloc(1, sizeof(*t));
	const char *parent =
	    json_string_value(json_object_get(row->value, "parent"));
	int r = t ? secret_from(&t->id, row->name, strlen(row->name)) : -ENOMEM;

	if (!r)
		r = token_unpack(t, row);
	if (r)
		return r;
	t->space = space;
	t->orphan = !parent;
	if (parent)
		t->parent = token_find(s, parent, strlen(parent), now_ms);
	if (has_ended(t, now_ms) || (parent && !t->parent)) {
		token_unkeep(t, true);
		return 0;
	}
	r = set_add(s, t);
	if (!r)
		STEAL(t);
	return r;
}

/* ---- finding and using -------------------------------------------------- */

struct token *token_find(
    struct token_set *s, const void *id, size_t n, int64_t now_ms)
{
	struct table_node *node = table_find(&s->table, id, n);
	struct token *t = node ? CONTAINER_OF(node, struct token, node) : NULL;

	for (struct token *up = t; up; up = up->parent)
		if (has_ended(up, now_ms))
			return NULL;
	return t;
}

struct token *token_find_accessor(
    struct token_set *s, const char *accessor, int64_t now_ms)
{
	for (struct token *t = s->first; t; t = t->next)
		if (*t->accessor && !strcmp(t->accessor, accessor))
			return token_find(
			    s, secret_bytes(t->id), secret_size(t->id), now_ms);
	return NULL;
}

void token_use(struct token *t)
{
	if (!t->uses_left)
		return;
	t->spent = !--t->uses_left;
	if (t->spent)
		token_unkeep(t, false);
	else
		token_keep(t);
}

/* Without a wish: a login's gets what its role gives, any other what it had. */
static int64_t usual_ttl(const struct token *t)
{
	static const char created[] = "auth/token/";

	return strncmp(t->path, created, strlen(created)) ? t->first_ttl_ms
							  : t->ttl_ms;
}

int token_renew(struct token *t, int64_t wish_ms, int64_t now_ms)
{
	int64_t ttl = wish_ms ? wish_ms : usual_ttl(t);
	int64_t most = t->most_ms ? t->most_ms : TOKEN_TTL_MS;

	if (!t->renewable)
		return -EPERM;
	if (t->period_ms)
		ttl = t->period_ms;
	if (!t->period_ms || t->most_ms) {
		int64_t left = t->created_ms + most - now_ms;

		ttl = ttl < left ? ttl : left;
	}
	t->ttl_ms = ttl;
	t->renewed_ms = now_ms;
	t->expires_ms = now_ms + ttl;
	token_keep(t);
	return 0;
}

size_t token_count(const struct token_set *s)
{
	return table_count(&s->table);
}

bool token_has_policy(const struct token *t, const char *name)
{
	for (size_t i = 0; i < t->n_policies; i++)
		if (!strcmp(t->policies[i], name))
			return true;
	return false;
}
