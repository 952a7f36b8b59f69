/* devstore/spaces.c: making, finding and dropping namespaces.
 *
 * They are a list, parents before children, each with its whole path; the root
 * is the first. A request names one by header, by the beginning of its path, or
 * by both, one after the other. A name cannot be that of a mount beside it, nor
 * the other way round, so a path has one reading.
 */
#include "devstore/spaces.h"
#include "devstore/mounts.h"
#include <stdio.h>

struct spaces {
	struct space *first;
	size_t n;
	struct spaces_options o;
};

const char *space_inside(const struct space *in, const struct space *of)
{
	size_t n = strlen(of->path);

	return strncmp(in->path, of->path, n) ? NULL : in->path + n;
}

static void space_free(struct space *s)
{
	if (!s)
		return;
	json_decref(s->custom);
	mounts_free(s->mounts);
	policies_free(s->policies);
	free(s);
}

static void space_freep(struct space **s)
{
	space_free(*s);
}

static void space_keep(const struct space *s)
{
	struct keep_at at = { .keep = s->at.keep };

	if (at.keep)
		keep_put(&at, KEEP_SPACE, s->path,
		    json_pack("{ss ss sO}", "id", s->id, "uuid", s->at.owner,
			"custom", s->custom));
}

/* What is to be: @path whole; @id and @uuid NULL: new ones. */
struct space_order {
	struct space *parent;
	const char *path, *id, *uuid;
};

static void names_set(
    struct spaces *s, struct space *space, const struct space_order *o)
{
	snprintf(space->path, sizeof(space->path), "%s", o->path);
	if (o->uuid) {
		snprintf(space->id, sizeof(space->id), "%s", o->id);
		snprintf(
		    space->at.owner, sizeof(space->at.owner), "%s", o->uuid);
		return;
	}
	uuid_text(space->at.owner, s->o.random);
	if (o->parent)
		token_letters(space->id, SPACE_ID_SIZE, s->o.random);
}

static int space_add(
    struct spaces *s, struct space **out, const struct space_order *o)
{
	CLEANUP(space_freep) struct space *space = calloc(1, sizeof(*space));
	struct space **last = &s->first;
	int r = 0;

	if (!space)
		return -ENOMEM;
	space->parent = o->parent;
	space->at.keep = s->o.keep;
	space->custom = json_object();
	names_set(s, space, o);
	r = policies_new(&space->policies, space);
	if (!r)
		r = mounts_new(&space->mounts, space, s->o.tokens, s->o.random);
	if (r || !space->custom)
		return -ENOMEM;
	while (*last)
		last = &(*last)->next;
	*out = *last = STEAL(space);
	s->n++;
	return 0;
}

/* A new one, with what each has from the start. */
static int space_make(struct spaces *s, struct space **out,
    const struct space_order *o, int64_t now_ms)
{
	struct space *space;
	int r = space_add(s, &space, o);

	if (!r)
		r = policies_begin(space->policies, now_ms);
	if (!r)
		r = mounts_begin(space->mounts);
	if (r)
		return r;
	space_keep(space);
	*out = space;
	return 0;
}

int spaces_new(struct spaces **out, const struct spaces_options *o)
{
	struct spaces *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->o = *o;
	*out = s;
	return 0;
}

int spaces_begin(struct spaces *s, int64_t now_ms)
{
	struct space *root;

	return space_make(
	    s, &root, &(struct space_order){ .path = "" }, now_ms);
}

/* ---- out of the file ---------------------------------------------------- */

struct space *spaces_of(const struct spaces *s, const char *uuid)
{
	struct space *space = s->first;

	while (space && strcmp(space->at.owner, uuid) != 0)
		space = space->next;
	return space;
}

/* The one whose path is that of @path without its last name. */
static struct space *parent_of(const struct spaces *s, const char *path)
{
	size_t n = strlen(path);

	for (n--; n && path[n - 1] != '/';)
		n--;
	for (struct space *space = s->first; space; space = space->next)
		if (strlen(space->path) == n && !strncmp(space->path, path, n))
			return space;
	return NULL;
}

static int space_restore(struct spaces *s, const struct keep_row *row)
{
	struct space_order o = { .path = row->name };
	struct space *space;
	json_t *custom;
	int r;

	if (json_unpack(row->value, "{ss ss so}", "id", &o.id, "uuid", &o.uuid,
		"custom", &custom) ||
	    !json_is_object(custom) || strlen(o.path) > SPACE_PATH_MOST ||
	    strlen(o.id) > SPACE_ID_SIZE || strlen(o.uuid) > KEEP_OWNER_SIZE ||
	    s->n == SPACES_MOST)
		return -EINVAL;
	o.parent = *o.path ? parent_of(s, o.path) : NULL;
	if (!*o.path != !s->first || (*o.path && !o.parent))
		return -EINVAL;
	r = space_add(s, &space, &o);
	if (r)
		return r;
	json_decref(space->custom);
	space->custom = json_incref(custom);
	return 0;
}

int spaces_restore(
    struct spaces *s, enum keep_kind kind, const struct keep_row *row)
{
	struct space *space = spaces_of(s, row->owner);
	int r = MOUNTS_E_OTHER;

	if (kind == KEEP_SPACE)
		return space_restore(s, row);
	if (kind == KEEP_POLICY)
		return space ? policies_restore(space->policies, row) : -EINVAL;
	if (kind == KEEP_MOUNT)
		return space ? mounts_restore(space->mounts, kind, row)
			     : -EINVAL;
	for (space = s->first; space && r == MOUNTS_E_OTHER;
	     space = space->next)
		r = mounts_restore(space->mounts, kind, row);
	return r == MOUNTS_E_OTHER ? -EINVAL : r;
}

/* ---- finding ------------------------------------------------------------ */

void spaces_free(struct spaces *s)
{
	if (!s)
		return;
	while (s->first) {
		struct space *next = s->first->next;

		space_free(s->first);
		s->first = next;
	}
	free(s);
}

struct space *spaces_root(const struct spaces *s)
{
	return s->first;
}

size_t spaces_count(const struct spaces *s)
{
	return s->n;
}

static struct space *child_of(
    const struct spaces *s, const struct space *parent, const char *name)
{
	size_t n = strlen(name);

	for (struct space *space = s->first; space; space = space->next) {
		const char *rest;

		if (space->parent != parent)
			continue;
		rest = space_inside(space, parent);
		if (!strncmp(rest, name, n) && !strcmp(rest + n, "/"))
			return space;
	}
	return NULL;
}

bool spaces_has(
    const struct spaces *s, const struct space *parent, const char *name)
{
	return child_of(s, parent, name);
}

struct space *spaces_enter(
    const struct spaces *s, struct space *from, struct vault_path *p)
{
	struct space *space = from, *next;
	size_t n = 0;

	while (n < p->n_segments &&
	       (next = child_of(s, space, vault_path_segment(p, n)))) {
		space = next;
		n++;
	}
	vault_path_drop(p, n);
	return space;
}

struct space *spaces_find(const struct spaces *s, const char *text)
{
	struct vault_path p;
	struct space *space;

	if (text && *text == '/')
		text++;
	if (!text || !*text)
		return s->first;
	if (vault_path_plain(&p, text))
		return NULL;
	space = spaces_enter(s, s->first, &p);
	return p.n_segments ? NULL : space;
}

/* ---- sys/namespaces ----------------------------------------------------- */

static json_t *space_json(const struct space *s)
{
	return json_pack("{sO ss sb ss sb ss}", "custom_metadata", s->custom,
	    "id", s->id, "locked", 0, "path", s->path, "tainted", 0, "uuid",
	    s->at.owner);
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if (*text & 0x80)
			return false;
	return true;
}

static bool name_good(struct ask *a, const char *name)
{
	static const char *const reserved[] = { "root", "sys", "audit", "auth",
		"cubbyhole", "identity" };
	const char *mount;

	for (size_t i = 0; i < N_ELEMS(reserved); i++)
		if (!strcmp(name, reserved[i])) {
			reply_fail(a->reply, 400,
			    "\"%s\" is a reserved path and cannot be used as a "
			    "namespace name",
			    name);
			return false;
		}
	mount = mounts_below(a->space->mounts, name);
	if (strchr(name, ' '))
		reply_fail(a->reply, 400,
		    "\"%s\" contains space characters that cannot be used in a "
		    "namespace name",
		    name);
	else if (!is_ascii(name)) /* there are spaces beyond */
		reply_fail(a->reply, 400,
		    "\"%s\": this development store takes names of ASCII alone",
		    name);
	else if (mount)
		reply_fail(a->reply, 400,
		    "new namespace conflicts with existing mount: %s", mount);
	else if (strlen(name) > SPACE_NAME_MOST ||
		 strlen(a->space->path) + strlen(name) + 1 > SPACE_PATH_MOST)
		reply_full(a->reply, "namespaces of so long a path");
	return !a->reply->errors;
}

static bool custom_good(struct ask *a)
{
	json_t *custom = json_object_get(a->body, "custom_metadata"), *value;
	const char *name;

	if (custom && !json_is_null(custom) && !json_is_object(custom))
		reply_fail(a->reply, 400,
		    "custom_metadata: must be an object of strings");
	json_object_foreach(custom, name, value)
	{
		if (json_is_string(value))
			continue;
		reply_fail(a->reply, 400,
		    "custom_metadata: \"%s\" must be a string", name);
		break;
	}
	return !a->reply->errors;
}

static int custom_take(struct ask *a, struct space *space)
{
	json_t *custom = json_object_get(a->body, "custom_metadata");

	if (!custom || json_is_null(custom))
		return 0;
	custom = json_deep_copy(custom);
	if (!custom)
		return -ENOMEM;
	json_decref(space->custom);
	space->custom = custom;
	return 0;
}

/* @parent's path, @name and a slash; that they fit has been looked at. */
static void path_set(char *to, const char *parent, const char *name)
{
	int n = snprintf(to, SPACE_PATH_MOST + 1, "%s%s/", parent, name);

	INVARIANT(n <= SPACE_PATH_MOST);
}

static int space_write(struct spaces *s, struct ask *a, const char *name)
{
	static const char *const known[] = { "custom_metadata" };
	struct space *space = child_of(s, a->space, name);
	char path[SPACE_PATH_MOST + 1];
	int r = 0;

	if (!ask_only(a, known, N_ELEMS(known)) || !custom_good(a) ||
	    (!space && !name_good(a, name)))
		return 0;
	if (!space && s->n == SPACES_MOST) {
		reply_full(a->reply, "namespaces");
		return 0;
	}
	if (!space) {
		path_set(path, a->space->path, name);
		r = space_make(s, &space,
		    &(struct space_order){ .parent = a->space, .path = path },
		    a->now_ms);
	}
	if (!r)
		r = custom_take(a, space);
	if (!r) {
		space_keep(space);
		reply_give(a->reply, space_json(space));
	}
	return r;
}

static bool has_children(const struct spaces *s, const struct space *of)
{
	for (struct space *space = s->first; space; space = space->next)
		if (space->parent == of)
			return true;
	return false;
}

static void space_drop(struct spaces *s, struct ask *a, const char *name)
{
	struct space *space = child_of(s, a->space, name);

	if (!space) {
		reply_warn(a->reply, "requested namespace does not exist");
		return;
	}
	if (has_children(s, space)) {
		reply_fail(a->reply, 400,
		    "cannot delete namespace (\"%s\") containing child "
		    "namespaces",
		    space->path);
		return;
	}
	token_revoke_space(s->o.tokens, space);
	mounts_forget(space->mounts);
	keep_drop(&space->at);
	keep_remove(
	    &(struct keep_at){ .keep = s->o.keep }, KEEP_SPACE, space->path);
	for (struct space **link = &s->first; *link; link = &(*link)->next)
		if (*link == space) {
			*link = space->next;
			break;
		}
	s->n--;
	space_free(space);
	reply_give(a->reply, json_pack("{ss}", "status", "in-progress"));
}

static void list(const struct spaces *s, struct ask *a)
{
	json_t *keys = json_array(), *info = json_object();

	for (struct space *space = s->first; space; space = space->next) {
		const char *name;

		if (space->parent != a->space)
			continue;
		name = space_inside(space, a->space);
		json_array_append_new(keys, json_string(name));
		json_object_set_new(info, name, space_json(space));
	}
	if (json_array_size(keys))
		reply_give(a->reply,
		    json_pack("{sO sO}", "key_info", info, "keys", keys));
	else
		reply_missing(a->reply);
	json_decref(keys);
	json_decref(info);
}

static void show(const struct spaces *s, struct ask *a, const char *name)
{
	const struct space *space = child_of(s, a->space, name);

	if (space)
		reply_give(a->reply, space_json(space));
	else
		reply_missing(a->reply);
}

int spaces_handle(struct spaces *s, struct ask *a, size_t from)
{
	const char *name = vault_path_segment(a->path, from);

	if (!*name && a->kind == ASK_LIST)
		list(s, a);
	else if (!*name)
		reply_unsupported(a->reply);
	else if (a->path->n_segments > from + 1)
		reply_fail(a->reply, 400, "path must not contain /");
	else if (a->path->folder)
		reply_fail(
		    a->reply, 400, "cannot write to a path ending in '/'");
	else if (a->kind == ASK_READ)
		show(s, a, name);
	else if (a->kind == ASK_WRITE)
		return space_write(s, a, name);
	else if (a->kind == ASK_DELETE)
		space_drop(s, a, name);
	else
		reply_unsupported(a->reply);
	return 0;
}
