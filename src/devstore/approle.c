/* devstore/approle.c: roles, their ids, and logging in with them.
 *
 * A role is kept as the JSON object that reading it answers. A role-id is
 * chosen by the store unless the operator gives one, and belongs to one role. A
 * secret-id lives as long and may be used as often as was said when it was
 * made, at most as the role said then. Names of roles are lower case, as in
 * OpenBao.
 */
#include "devstore/approle.h"
#include "devstore/jwtmount.h"
#include "devstore/logintoken.h"
#include "devstore/members.h"
#include "devstore/mounts.h"
#include "devstore/secretid.h"
#include "wire/json.h"
#include <stdio.h>

struct role {
	char name[TOKEN_NAME_MOST + 1];
	char id[TOKEN_NAME_MOST + 1];
	json_t *is; /* all members */
};

struct approle {
	char path[JWTMOUNT_PATH_MOST + 1];
	struct approle_options o;
	struct role role[APPROLE_ROLES_MOST];
	size_t n_roles;
	struct secretids ids;
};

int approle_new(struct approle **out, const struct approle_options *o)
{
	struct approle *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	INVARIANT(strlen(o->path) <= JWTMOUNT_PATH_MOST);
	snprintf(m->path, sizeof(m->path), "%s", o->path);
	m->o = *o;
	m->o.path = m->path;
	m->ids.at = o->at;
	*out = m;
	return 0;
}

void approle_free(struct approle *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_roles; i++)
		json_decref(m->role[i].is);
	secretid_clear(&m->ids);
	free(m);
}

void approle_revoke(struct approle *m)
{
	char path[JWTMOUNT_PATH_MOST + 16];

	snprintf(path, sizeof(path), "auth/%s/login", m->path);
	token_revoke_path(m->o.tokens, m->o.space, path);
}

/* ---- roles -------------------------------------------------------------- */

static const struct member role_members[] = {
	{ "role_id", MEMBER_NAMED },
	{ "role_name", MEMBER_NAMED },
	{ "bind_secret_id", MEMBER_BOOL },
	{ "secret_id_num_uses", MEMBER_NUMBER },
	{ "secret_id_ttl", MEMBER_SECONDS },
	{ "secret_id_bound_cidrs", MEMBER_EMPTY },
	{ "local_secret_ids", MEMBER_EMPTY },
	{ "policies", MEMBER_EMPTY },
	LOGIN_TOKEN_MEMBERS,
};

static json_t *role_default(void)
{
	json_t *is = json_pack("{sb sb sn si si}", "bind_secret_id", 1,
	    "local_secret_ids", 0, "secret_id_bound_cidrs",
	    "secret_id_num_uses", 0, "secret_id_ttl", 0);
	json_t *token = login_token_defaults();

	if (is && token)
		json_object_update(is, token);
	json_decref(token);
	return is;
}

static struct role *role_find(struct approle *m, const char *name)
{
	for (size_t i = 0; i < m->n_roles; i++)
		if (!strcmp(m->role[i].name, name))
			return &m->role[i];
	return NULL;
}

static struct role *role_of_id(struct approle *m, const char *id)
{
	for (size_t i = 0; i < m->n_roles; i++)
		if (!strcmp(m->role[i].id, id))
			return &m->role[i];
	return NULL;
}

/* The role-id in the body for the role @of (NULL: one that is not there yet).
 */
static int id_check(struct approle *m, struct ask *a, const struct role *of)
{
	const char *id = ask_text(a, "role_id");
	const struct role *there;

	if (!id)
		return 0;
	there = role_of_id(m, id);
	if (there && there != of)
		reply_fail(a->reply, 500,
		    "1 error occurred:\n\t* role_id already in use\n\n");
	else if (!*id || strlen(id) > TOKEN_NAME_MOST)
		reply_fail(a->reply, 400, "role_id: empty or too long");
	return a->reply->errors ? -EINVAL : 0;
}

static int role_check(struct ask *a, const json_t *is)
{
	if (!object_truth(is, "bind_secret_id"))
		reply_fail(a->reply, 500,
		    "1 error occurred:\n\t* at least one constraint should be "
		    "enabled on the role\n\n");
	return a->reply->errors ? -EINVAL : login_token_check(a, is);
}

static struct role *role_add(struct approle *m, const char *name)
{
	struct role *role = &m->role[m->n_roles++];

	*role = (struct role){ .is = NULL };
	snprintf(role->name, sizeof(role->name), "%s", name);
	uuid_text(role->id, m->o.random);
	return role;
}

static void role_keep(const struct approle *m, const struct role *role)
{
	if (m->o.at.keep)
		keep_put(&m->o.at, KEEP_APPROLE_ROLE, role->name,
		    json_pack("{ss sO}", "id", role->id, "is", role->is));
}

static int role_restore(struct approle *m, const struct keep_row *row)
{
	const char *id;
	struct role *role;
	json_t *is;

	if (json_unpack(row->value, "{ss so}", "id", &id, "is", &is) ||
	    m->n_roles == APPROLE_ROLES_MOST ||
	    strlen(row->name) > TOKEN_NAME_MOST || strlen(id) > TOKEN_NAME_MOST)
		return -EINVAL;
	role = role_add(m, row->name);
	snprintf(role->id, sizeof(role->id), "%s", id);
	role->is = json_incref(is);
	return 0;
}

int approle_restore(
    struct approle *m, enum keep_kind kind, const struct keep_row *row)
{
	if (kind == KEEP_SECRET_ID)
		return secretid_restore(&m->ids, row);
	return role_restore(m, row);
}

static int role_write(struct approle *m, struct ask *a, const char *name)
{
	struct role *role = role_find(m, name);
	const char *id = ask_text(a, "role_id");
	JSON *is = role ? json_deep_copy(role->is) : role_default();

	if (!is)
		return -ENOMEM;
	if (members_take(a, role_members, N_ELEMS(role_members), is) ||
	    role_check(a, is) || id_check(m, a, role))
		return 0;
	if (!role && m->n_roles == APPROLE_ROLES_MOST) {
		reply_full(a->reply, "roles");
		return 0;
	}
	if (!role)
		role = role_add(m, name);
	if (id)
		snprintf(role->id, sizeof(role->id), "%s", id);
	json_decref(role->is);
	role->is = STEAL(is);
	role_keep(m, role);
	reply_done(a->reply);
	return 0;
}

static void role_delete(struct approle *m, const char *name)
{
	struct role *role = role_find(m, name);

	if (!role)
		return;
	secretid_drop_role(&m->ids, name);
	keep_remove(&m->o.at, KEEP_APPROLE_ROLE, name);
	json_decref(role->is);
	*role = m->role[--m->n_roles];
}

static void role_list(struct approle *m, struct ask *a)
{
	json_t *keys = json_array();

	for (size_t i = 0; i < m->n_roles; i++)
		json_array_append_new(keys, json_string(m->role[i].name));
	texts_sort(keys);
	reply_keys(a->reply, keys);
}

static int handle_role(struct approle *m, struct ask *a, const char *name)
{
	struct role *role = role_find(m, name);

	if (!*name && a->kind == ASK_LIST)
		role_list(m, a);
	else if (!*name)
		reply_unsupported(a->reply);
	else if (a->kind == ASK_WRITE)
		return role_write(m, a, name);
	else if (a->kind == ASK_READ && role)
		reply_give(a->reply, json_incref(role->is));
	else if (a->kind == ASK_READ)
		reply_missing(a->reply);
	else if (a->kind == ASK_DELETE) {
		role_delete(m, name);
		reply_done(a->reply);
	} else
		reply_unsupported(a->reply);
	return 0;
}

static int handle_role_id(struct approle *m, struct ask *a, struct role *role)
{
	const char *id = ask_text(a, "role_id");

	if (a->kind == ASK_READ) {
		reply_give(a->reply, json_pack("{ss}", "role_id", role->id));
	} else if (a->kind != ASK_WRITE) {
		reply_unsupported(a->reply);
	} else if (!id || !*id) {
		reply_fail(a->reply, 400, "missing role_id");
	} else if (!id_check(m, a, role)) {
		snprintf(role->id, sizeof(role->id), "%s", id);
		role_keep(m, role);
		reply_done(a->reply);
	}
	return 0;
}

/* ---- secret-ids --------------------------------------------------------- */

/* metadata comes as a text that is a JSON object of texts. */
static json_t *meta_read(struct ask *a)
{
	const char *text = ask_text(a, "metadata");
	JSON *meta = json_loads(
	    text && *text ? text : "{}", JSON_REJECT_DUPLICATES, NULL);
	const char *name;
	json_t *value;
	bool good = json_is_object(meta) &&
		    (text || !json_object_get(a->body, "metadata"));

	json_object_foreach(meta, name, value) good &= json_is_string(value);
	if (!good)
		reply_fail(a->reply, 400,
		    "metadata: expected is a text that is a JSON object of "
		    "texts");
	return good ? STEAL(meta) : NULL;
}

/* How long and how often: as asked, within what the role says. */
static int bounds_read(
    struct ask *a, const json_t *role, struct secretid_order *o)
{
	int64_t ttl_most = object_number(role, "secret_id_ttl");
	int64_t uses_most = object_number(role, "secret_id_num_uses");
	json_t *uses_asked = json_object_get(a->body, "num_uses");
	json_int_t uses = json_integer_value(uses_asked);
	int64_t ttl;
	int r = ask_seconds(a, "ttl", &ttl);

	if (r < 0)
		return r;
	if (r == ASK_E_NONE)
		ttl = ttl_most;
	if (!uses_asked)
		uses = uses_most;
	if (uses_asked && (!json_is_integer(uses_asked) || uses < 0))
		reply_fail(a->reply, 400, "num_uses cannot be negative");
	else if (uses_most && (!uses || uses > uses_most))
		reply_fail(a->reply, 400,
		    "num_uses cannot be higher than the role's "
		    "secret_id_num_uses");
	else if (ttl_most && (!ttl || ttl > ttl_most))
		reply_fail(a->reply, 400,
		    "ttl cannot be longer than the role's secret_id_ttl");
	o->ttl_ms = ttl * 1000;
	o->uses = (long)uses;
	return a->reply->errors ? -EINVAL : 0;
}

static void give(struct ask *a, int r, const struct secretid *id)
{
	if (r == SECRETID_E_FULL)
		reply_full(a->reply, "secret-ids");
	else if (r == SECRETID_E_TAKEN)
		reply_fail(a->reply, 500,
		    "1 error occurred:\n\t* failed to store secret_id: "
		    "SecretID is already registered\n\n");
	else if (!r)
		reply_give(
		    a->reply, json_pack("{ss ss sI sI}", "secret_id",
				  secret_bytes(id->id), "secret_id_accessor",
				  id->accessor, "secret_id_num_uses",
				  (json_int_t)id->uses_left, "secret_id_ttl",
				  (json_int_t)(id->ttl_ms / 1000)));
}

static int make(
    struct approle *m, struct ask *a, struct role *role, bool custom)
{
	static const char *const known[] = { "metadata", "ttl", "num_uses",
		"secret_id" };
	struct secretid_order o = {
		.role = role->name, .now_ms = a->now_ms, .random = m->o.random
	};
	JSON *meta = NULL;
	struct secretid *id;
	int r;

	if (!ask_only(a, known, N_ELEMS(known) - !custom) ||
	    bounds_read(a, role->is, &o))
		return 0;
	if (custom)
		o.id = ask_text(a, "secret_id");
	if (custom && (!o.id || !*o.id || strlen(o.id) > SECRETID_SIZE_MOST)) {
		reply_fail(a->reply, 400, "missing secret_id");
		return 0;
	}
	meta = meta_read(a);
	if (!meta)
		return 0;
	o.meta = meta;
	r = secretid_make(&id, &m->ids, &o);
	give(a, r, id);
	return r == -ENOMEM ? r : 0;
}

static int handle_secret_id(struct approle *m, struct ask *a, struct role *role)
{
	if (a->kind == ASK_WRITE)
		return make(m, a, role, false);
	if (a->kind == ASK_LIST)
		reply_keys(a->reply, secretid_accessors(&m->ids, role->name));
	else
		reply_unsupported(a->reply);
	return 0;
}

static int handle_custom(struct approle *m, struct ask *a, struct role *role)
{
	if (a->kind == ASK_WRITE)
		return make(m, a, role, true);
	reply_unsupported(a->reply);
	return 0;
}

static int named(
    struct approle *m, struct ask *a, struct role *role, struct secretid **id)
{
	const char *text = ask_text(a, "secret_id");

	if (a->kind != ASK_WRITE)
		reply_unsupported(a->reply);
	else if (!text || !*text)
		reply_fail(a->reply, 400, "missing secret_id");
	else
		*id = secretid_find(&m->ids, role->name, text);
	return a->reply->errors ? -EINVAL : 0;
}

static int named_by_accessor(
    struct approle *m, struct ask *a, struct role *role, struct secretid **id)
{
	const char *text = ask_text(a, "secret_id_accessor");

	if (a->kind != ASK_WRITE)
		reply_unsupported(a->reply);
	else if (!text || !*text)
		reply_fail(a->reply, 400, "missing secret_id_accessor");
	else
		*id = secretid_find_accessor(&m->ids, role->name, text);
	return a->reply->errors ? -EINVAL : 0;
}

static int handle_lookup(struct approle *m, struct ask *a, struct role *role)
{
	struct secretid *id = NULL;

	if (named(m, a, role, &id))
		return 0;
	if (id)
		reply_give(a->reply, secretid_json(id));
	else
		reply_done(a->reply);
	return 0;
}

static int handle_destroy(struct approle *m, struct ask *a, struct role *role)
{
	struct secretid *id = NULL;

	if (named(m, a, role, &id))
		return 0;
	if (id)
		secretid_drop(&m->ids, id);
	reply_done(a->reply);
	return 0;
}

static int handle_accessor_lookup(
    struct approle *m, struct ask *a, struct role *role)
{
	struct secretid *id = NULL;
	char why[160];

	if (named_by_accessor(m, a, role, &id))
		return 0;
	if (id) {
		reply_give(a->reply, secretid_json(id));
		return 0;
	}
	snprintf(why, sizeof(why),
	    "failed to find accessor entry for secret_id_accessor: \"%.64s\"",
	    ask_text(a, "secret_id_accessor"));
	reply_give(a->reply, json_pack("{ss}", "error", why));
	a->reply->status = 404;
	return 0;
}

static int handle_accessor_destroy(
    struct approle *m, struct ask *a, struct role *role)
{
	struct secretid *id = NULL;

	if (named_by_accessor(m, a, role, &id))
		return 0;
	if (!id) {
		reply_fail(a->reply, 500,
		    "1 error occurred:\n\t* failed to find accessor entry for "
		    "secret_id_accessor: \"%.64s\"\n\n",
		    ask_text(a, "secret_id_accessor"));
		return 0;
	}
	secretid_drop(&m->ids, id);
	reply_done(a->reply);
	return 0;
}

/* ---- login -------------------------------------------------------------- */

static int login(struct approle *m, struct ask *a, const struct role *role,
    struct secretid *id)
{
	JSON *meta = json_copy(id->meta);
	char display[JWTMOUNT_PATH_MOST + 1];
	int r;

	if (!meta)
		return -ENOMEM;
	json_object_set_new(meta, "role_name", json_string(role->name));
	snprintf(display, sizeof(display), "%s", m->path);
	for (char *c = display; *c; c++)
		*c = (char)(*c == '/' ? '-' : *c);
	r = login_token_give(&(struct login_token){ .path = m->path,
				 .display = display,
				 .role = role->is,
				 .meta = meta,
				 .tokens = m->o.tokens },
	    a);
	if (!r && !a->reply->errors)
		secretid_use(&m->ids, id, a->now_ms);
	return r;
}

static int handle_login(struct approle *m, struct ask *a)
{
	const char *role_id = ask_text(a, "role_id");
	const char *secret_id = ask_text(a, "secret_id");
	struct role *role = role_id ? role_of_id(m, role_id) : NULL;
	struct secretid *id = NULL;

	if (role && secret_id)
		id = secretid_find(&m->ids, role->name, secret_id);
	if (a->kind != ASK_WRITE)
		reply_unsupported(a->reply);
	else if (!role_id || !*role_id)
		reply_fail(a->reply, 500, "missing role_id");
	else if (role && (!secret_id || !*secret_id))
		reply_fail(a->reply, 400, "missing secret_id");
	else if (!id)
		reply_fail(a->reply, 400, "invalid role or secret ID");
	else
		return login(m, a, role, id);
	return 0;
}

static int handle_tidy(struct ask *a)
{
	if (a->kind != ASK_WRITE) {
		reply_unsupported(a->reply);
		return 0;
	}
	reply_warn(a->reply, "Tidy operation successfully started.");
	a->reply->status = 202;
	return 0;
}

/* ---- the mount ---------------------------------------------------------- */

static const struct {
	const char *room, *verb; /* below role/NAME/; verb NULL: none */
	int (*fn)(struct approle *m, struct ask *a, struct role *role);
} rooms[] = {
	{ "role-id", NULL, handle_role_id },
	{ "secret-id", NULL, handle_secret_id },
	{ "custom-secret-id", NULL, handle_custom },
	{ "secret-id", "lookup", handle_lookup },
	{ "secret-id", "destroy", handle_destroy },
	{ "secret-id-accessor", "lookup", handle_accessor_lookup },
	{ "secret-id-accessor", "destroy", handle_accessor_destroy },
};

static void no_such_role(struct ask *a, const char *name, bool alone)
{
	bool list = a->kind == ASK_LIST;

	if (alone && a->kind == ASK_READ)
		reply_missing(a->reply);
	else if (alone)
		reply_fail(a->reply, list ? 400 : 404,
		    "role \"%s\" does not exist", name);
	else
		reply_fail(a->reply, 500,
		    "1 error occurred:\n\t* role \"%s\" does not exist\n\n",
		    name);
}

static int handle_below_role(
    struct approle *m, struct ask *a, size_t from, const char *name)
{
	const char *room = vault_path_segment(a->path, from);
	const char *verb = vault_path_segment(a->path, from + 1);
	struct role *role = role_find(m, name);

	for (size_t i = 0; i < N_ELEMS(rooms); i++) {
		if (strcmp(rooms[i].room, room) ||
		    strcmp(rooms[i].verb ? rooms[i].verb : "", verb))
			continue;
		if (role)
			return rooms[i].fn(m, a, role);
		no_such_role(a, name, !*verb);
		return 0;
	}
	reply_fail(
	    a->reply, 404, "1 error occurred:\n\t* unsupported path\n\n");
	return 0;
}

static bool name_take(struct ask *a, size_t at, char to[TOKEN_NAME_MOST + 1])
{
	const char *name = vault_path_segment(a->path, at);
	size_t n = strlen(name);

	if (n > TOKEN_NAME_MOST) {
		reply_full(a->reply, "roles of so long a name");
		return false;
	}
	for (size_t i = 0; i <= n; i++)
		to[i] = (char)(name[i] >= 'A' && name[i] <= 'Z'
				   ? name[i] - 'A' + 'a'
				   : name[i]);
	return true;
}

int approle_handle(struct approle *m, struct ask *a, size_t from)
{
	const char *room = vault_path_segment(a->path, from);
	size_t left = a->path->n_segments - from;
	char name[TOKEN_NAME_MOST + 1];

	secretid_sweep(&m->ids, a->now_ms);
	if (left == 1 && !strcmp(room, "login"))
		return handle_login(m, a);
	if (left == 2 && !strcmp(room, "tidy") &&
	    !strcmp(vault_path_segment(a->path, from + 1), "secret-id"))
		return handle_tidy(a);
	if (strcmp(room, "role") || left > 4) {
		reply_fail(a->reply, 404,
		    "1 error occurred:\n\t* unsupported path\n\n");
		return 0;
	}
	if (!name_take(a, from + 1, name))
		return 0;
	return left <= 2 ? handle_role(m, a, name)
			 : handle_below_role(m, a, from + 2, name);
}
