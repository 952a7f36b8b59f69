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

/* @parent's path, @name and a slash; that they fit has been looked at. */
static void path_set(char *to, const char *parent, const char *name)
{
	int n = snprintf(to, SPACE_PATH_MOST + 1, "%s%s/", parent, name);

	INVARIANT(n <= SPACE_PATH_MOST);
}

static int space_add(struct spaces *s, struct space **out, struct space *parent,
    const char *name, int64_t now_ms)
{
	CLEANUP(space_freep) struct space *space = calloc(1, sizeof(*space));
	struct space **last = &s->first;
	int r = 0;

	if (!space)
		return -ENOMEM;
	space->parent = parent;
	space->custom = json_object();
	uuid_text(space->uuid, s->o.random);
	if (parent) {
		path_set(space->path, parent->path, name);
		token_letters(space->id, SPACE_ID_SIZE, s->o.random);
	}
	r = policies_new(&space->policies, space, now_ms);
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

int spaces_new(struct spaces **out, const struct spaces_options *o)
{
	struct spaces *s = calloc(1, sizeof(*s));
	struct space *root;
	int r;

	if (!s)
		return -ENOMEM;
	s->o = *o;
	r = space_add(s, &root, NULL, "", o->now_ms);
	if (r)
		spaces_free(s);
	else
		*out = s;
	return r;
}

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
	    s->uuid);
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
	if (mount)
		reply_fail(a->reply, 400,
		    "new namespace conflicts with existing mount: %s", mount);
	else if (strlen(name) > SPACE_NAME_MOST ||
		 strlen(a->space->path) + strlen(name) + 1 > SPACE_PATH_MOST)
		reply_full(a->reply, "namespaces of so long a path");
	return !a->reply->errors;
}

static int custom_take(struct ask *a, struct space *space)
{
	json_t *custom = json_object_get(a->body, "custom_metadata"), *value;
	const char *name;

	if (!custom || json_is_null(custom))
		return 0;
	json_object_foreach(custom, name, value)
	{
		if (json_is_string(value))
			continue;
		reply_fail(a->reply, 400,
		    "custom_metadata: \"%s\" must be a string", name);
		return 0;
	}
	custom = json_deep_copy(custom);
	if (!custom)
		return -ENOMEM;
	json_decref(space->custom);
	space->custom = custom;
	return 0;
}

static int space_write(struct spaces *s, struct ask *a, const char *name)
{
	static const char *const known[] = { "custom_metadata" };
	struct space *space = child_of(s, a->space, name);
	int r = 0;

	if (!ask_only(a, known, N_ELEMS(known)) ||
	    (!space && !name_good(a, name)))
		return 0;
	if (!space && s->n == SPACES_MOST) {
		reply_full(a->reply, "namespaces");
		return 0;
	}
	if (!space)
		r = space_add(s, &space, a->space, name, a->now_ms);
	if (!r)
		r = custom_take(a, space);
	if (!r && !a->reply->errors)
		reply_give(a->reply, space_json(space));
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
