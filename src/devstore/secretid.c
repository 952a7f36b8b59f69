/* devstore/secretid.c: a list of secret-ids, short by its limit. */
#include "devstore/secretid.h"
#include "devstore/mounts.h"
#include <stdio.h>

static void secretid_free(struct secretid *id)
{
	secret_free(id->id);
	json_decref(id->meta);
	free(id);
}

static void secretid_freep(struct secretid **id)
{
	if (*id)
		secretid_free(*id);
}

static int text_make(struct secretid *to, const struct secretid_order *o)
{
	char text[SECRETID_ACCESSOR_SIZE + 1];
	int r;

	if (o->id)
		return secret_from(&to->id, o->id, strlen(o->id));
	uuid_text(text, o->random);
	r = secret_from(&to->id, text, strlen(text));
	secret_wipe(text, sizeof(text));
	return r;
}

static void secretid_keep(const struct secretids *s, const struct secretid *id)
{
	if (s->at.keep)
		keep_put(&s->at, KEEP_SECRET_ID, id->accessor,
		    json_pack("{ss ss sO sI sI sI sI}", "id",
			secret_bytes(id->id), "role", id->role, "meta",
			id->meta, "created", (json_int_t)id->created_ms,
			"updated", (json_int_t)id->updated_ms, "ttl",
			(json_int_t)id->ttl_ms, "uses",
			(json_int_t)id->uses_left));
}

static void add_last(struct secretids *s, struct secretid *id)
{
	struct secretid **last = &s->first;

	while (*last)
		last = &(*last)->next;
	*last = id;
	s->n++;
}

int secretid_restore(struct secretids *s, const struct keep_row *row)
{
	CLEANUP(secretid_freep) struct secretid *id = calloc(1, sizeof(*id));
	json_int_t created, updated, ttl, uses;
	const char *text, *role;
	json_t *meta;
	int r;

	if (!id)
		return -ENOMEM;
	if (json_unpack(row->value, "{ss ss so sI sI sI sI}", "id", &text,
		"role", &role, "meta", &meta, "created", &created, "updated",
		&updated, "ttl", &ttl, "uses", &uses) ||
	    s->n == SECRETID_MOST || strlen(role) > TOKEN_NAME_MOST ||
	    strlen(row->name) > SECRETID_ACCESSOR_SIZE)
		return -EINVAL;
	r = secret_from(&id->id, text, strlen(text));
	if (r)
		return r;
	snprintf(id->accessor, sizeof(id->accessor), "%s", row->name);
	snprintf(id->role, sizeof(id->role), "%s", role);
	id->meta = json_incref(meta);
	id->created_ms = created;
	id->updated_ms = updated;
	id->ttl_ms = ttl;
	id->uses_left = uses;
	add_last(s, STEAL(id));
	return 0;
}

int secretid_make(
    struct secretid **out, struct secretids *s, const struct secretid_order *o)
{
	CLEANUP(secretid_freep) struct secretid *id = NULL;
	int r;

	if (s->n == SECRETID_MOST)
		return SECRETID_E_FULL;
	if (o->id && secretid_find(s, o->role, o->id))
		return SECRETID_E_TAKEN;
	id = calloc(1, sizeof(*id));
	r = id ? text_make(id, o) : -ENOMEM;
	if (r)
		return r;
	uuid_text(id->accessor, o->random);
	snprintf(id->role, sizeof(id->role), "%s", o->role);
	id->meta = json_incref(o->meta);
	id->created_ms = id->updated_ms = o->now_ms;
	id->ttl_ms = o->ttl_ms;
	id->uses_left = o->uses;
	secretid_keep(s, id);
	*out = id;
	add_last(s, STEAL(id));
	return 0;
}

struct secretid *secretid_find(
    const struct secretids *s, const char *role, const char *id)
{
	for (struct secretid *i = s->first; i; i = i->next)
		if (!strcmp(i->role, role) &&
		    secret_equal(i->id, id, strlen(id)))
			return i;
	return NULL;
}

struct secretid *secretid_find_accessor(
    const struct secretids *s, const char *role, const char *accessor)
{
	for (struct secretid *i = s->first; i; i = i->next)
		if (!strcmp(i->role, role) && !strcmp(i->accessor, accessor))
			return i;
	return NULL;
}

static void drop_at(struct secretids *s, struct secretid **link)
{
	struct secretid *id = *link;

	*link = id->next;
	s->n--;
	secretid_free(id);
}

void secretid_drop(struct secretids *s, struct secretid *id)
{
	for (struct secretid **link = &s->first; *link; link = &(*link)->next)
		if (*link == id) {
			keep_remove(&s->at, KEEP_SECRET_ID, id->accessor);
			drop_at(s, link);
			return;
		}
}

void secretid_use(struct secretids *s, struct secretid *id, int64_t now_ms)
{
	id->updated_ms = now_ms;
	if (id->uses_left && !--id->uses_left)
		secretid_drop(s, id);
	else
		secretid_keep(s, id);
}

void secretid_drop_role(struct secretids *s, const char *role)
{
	for (struct secretid **link = &s->first; *link;) {
		if (strcmp((*link)->role, role) != 0) {
			link = &(*link)->next;
			continue;
		}
		keep_remove(&s->at, KEEP_SECRET_ID, (*link)->accessor);
		drop_at(s, link);
	}
}

void secretid_clear(struct secretids *s)
{
	while (s->first)
		drop_at(s, &s->first);
}

void secretid_sweep(struct secretids *s, int64_t now_ms)
{
	for (struct secretid **link = &s->first; *link;) {
		const struct secretid *id = *link;

		if (!id->ttl_ms || now_ms < id->created_ms + id->ttl_ms) {
			link = &(*link)->next;
			continue;
		}
		keep_forget(&s->at, KEEP_SECRET_ID, id->accessor);
		drop_at(s, link);
	}
}

json_t *secretid_json(const struct secretid *id)
{
	char created[TIME_TEXT_MOST], updated[TIME_TEXT_MOST];
	char ends[TIME_TEXT_MOST] = "0001-01-01T00:00:00Z";

	time_text(created, id->created_ms);
	time_text(updated, id->updated_ms);
	if (id->ttl_ms)
		time_text(ends, id->created_ms + id->ttl_ms);
	return json_pack("{s[] ss ss ss sO ss sI sI s[]}", "cidr_list",
	    "creation_time", created, "expiration_time", ends,
	    "last_updated_time", updated, "metadata", id->meta,
	    "secret_id_accessor", id->accessor, "secret_id_num_uses",
	    (json_int_t)id->uses_left, "secret_id_ttl",
	    (json_int_t)(id->ttl_ms / 1000), "token_bound_cidrs");
}

json_t *secretid_accessors(const struct secretids *s, const char *role)
{
	json_t *keys = json_array();

	for (struct secretid *i = s->first; i; i = i->next)
		if (!strcmp(i->role, role))
			json_array_append_new(keys, json_string(i->accessor));
	return keys;
}
