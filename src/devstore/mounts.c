/* devstore/mounts.c: the table of mounts.
 *
 * No mount lies below another, so at most one fits a path and the first that
 * does is the one.
 */
#include "devstore/mounts.h"
#include "base/hex.h"
#include <stdio.h>

struct mounts {
	struct mount *mount[MOUNTS_MOST];
	size_t n;
	const struct space *space;
	struct token_set *tokens;
	void (*random)(void *to, size_t n);
};

static const char *const type_name[] = {
	[MOUNT_SYSTEM] = "system",
	[MOUNT_KV] = "kv",
	[MOUNT_TOKEN] = "token",
	[MOUNT_JWT] = "jwt",
	[MOUNT_APPROLE] = "approle",
	[MOUNT_PKI] = "pki",
};

void uuid_text(char to[37], void (*random)(void *, size_t))
{
	uint8_t b[16];
	char hex[33];

	random(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	hex_encode(hex, b, sizeof(b));
	snprintf(to, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
	    hex + 16, hex + 20);
}

static void mount_free(struct mount *m)
{
	if (!m)
		return;
	kv_free(m->kv);
	jwtmount_free(m->jwt);
	approle_free(m->approle);
	pkimount_free(m->pki);
	free(m);
}

static void mount_freep(struct mount **m)
{
	mount_free(*m);
}

void mounts_free(struct mounts *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		mount_free(m->mount[i]);
	free(m);
}

/* ---- making one --------------------------------------------------------- */

static int engine_make(struct mounts *m, struct mount *mount)
{
	char bare[JWTMOUNT_PATH_MOST + 2];
	struct keep_at at = { .keep = m->space->at.keep };

	snprintf(bare, sizeof(bare), "%s", mount->path);
	bare[strlen(bare) - 1] = '\0';
	memcpy(at.owner, mount->uuid, sizeof(at.owner));
	switch (mount->kind) {
	case MOUNT_KV:
		return kv_new(&mount->kv, &at);
	case MOUNT_JWT:
		return jwtmount_new(
		    &mount->jwt, &(struct jwtmount_options){ .path = bare,
				     .space = m->space,
				     .tokens = m->tokens,
				     .at = at });
	case MOUNT_APPROLE:
		return approle_new(
		    &mount->approle, &(struct approle_options){ .path = bare,
					 .space = m->space,
					 .tokens = m->tokens,
					 .random = m->random,
					 .at = at });
	case MOUNT_PKI:
		return pkimount_new(&mount->pki,
		    &(struct pkimount_options){
			.most_s =
			    mount->most_s ? mount->most_s : TOKEN_TTL_MS / 1000,
			.random = m->random,
			.at = at });
	default:
		return 0;
	}
}

/* What is to be mounted; random parts NULL: new ones. */
struct mount_order {
	const struct vault_path *path;
	enum mount_kind kind;
	const char *description, *accessor, *uuid;
	int64_t most_s;
};

static void names_make(
    struct mounts *m, struct mount *mount, const struct mount_order *o)
{
	uint8_t random[4];
	char digits[9];

	if (o->uuid) {
		snprintf(mount->uuid, sizeof(mount->uuid), "%s", o->uuid);
		snprintf(mount->accessor, sizeof(mount->accessor), "%s",
		    o->accessor);
		return;
	}
	m->random(random, sizeof(random));
	hex_encode(digits, random, sizeof(random));
	snprintf(mount->accessor, sizeof(mount->accessor), "%s%s_%s",
	    mount->auth ? "auth_" : "", type_name[mount->kind], digits);
	uuid_text(mount->uuid, m->random);
}

static int mount_add(
    struct mounts *m, struct mount **out, const struct mount_order *o)
{
	CLEANUP(mount_freep) struct mount *mount = calloc(1, sizeof(*mount));
	char bare[JWTMOUNT_PATH_MOST + 1];
	int r;

	INVARIANT(m->n < MOUNTS_MOST);
	if (!mount)
		return -ENOMEM;
	r = vault_path_join(
	    o->path, 0, o->path->n_segments, bare, sizeof(bare));
	INVARIANT(!r);
	snprintf(mount->path, sizeof(mount->path), "%s/", bare);
	mount->segments = *o->path;
	mount->kind = o->kind;
	mount->auth = o->kind == MOUNT_JWT || o->kind == MOUNT_TOKEN ||
		      o->kind == MOUNT_APPROLE;
	snprintf(mount->description, sizeof(mount->description), "%s",
	    o->description);
	mount->most_s = o->most_s;
	mount->of_namespace = m->space->parent;
	names_make(m, mount, o);
	r = engine_make(m, mount);
	if (r)
		return r;
	*out = m->mount[m->n++] = STEAL(mount);
	return 0;
}

static int mount_make(struct mounts *m, const struct mount_order *o)
{
	struct mount *mount;
	int r = mount_add(m, &mount, o);

	if (!r && m->space->at.keep)
		keep_put(&m->space->at, KEEP_MOUNT, mount->uuid,
		    json_pack("{ss ss ss ss sI}", "path", mount->path, "type",
			type_name[mount->kind], "description",
			mount->description, "accessor", mount->accessor, "most",
			(json_int_t)mount->most_s));
	return r;
}

int mounts_new(struct mounts **out, const struct space *space,
    struct token_set *tokens, void (*random)(void *, size_t))
{
	struct mounts *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->space = space;
	m->tokens = tokens;
	m->random = random;
	*out = m;
	return 0;
}

int mounts_begin(struct mounts *m)
{
	static const struct {
		const char *path;
		enum mount_kind kind;
		const char *description;
	} row[] = {
		{ "sys", MOUNT_SYSTEM,
		    "system endpoints used for control, policy and debugging" },
		{ "token", MOUNT_TOKEN, "token based credentials" },
		{ "secret", MOUNT_KV, "key/value secret storage" },
	};
	int r = 0;

	for (size_t i = 0; i < N_ELEMS(row) - !!m->space->parent && !r; i++) {
		struct vault_path path;

		r = vault_path_plain(&path, row[i].path);
		INVARIANT(!r);
		r = mount_make(m, &(struct mount_order){ .path = &path,
				      .kind = row[i].kind,
				      .description = row[i].description });
	}
	return r;
}

/* ---- out of the file ---------------------------------------------------- */

static int mount_restore(struct mounts *m, const struct keep_row *row)
{
	struct mount_order o = { .uuid = row->name };
	char path[JWTMOUNT_PATH_MOST + 2];
	struct vault_path segments;
	const char *text, *type;
	struct mount *mount;
	json_int_t most;

	if (json_unpack(row->value, "{ss ss ss ss sI}", "path", &text, "type",
		&type, "description", &o.description, "accessor", &o.accessor,
		"most", &most) ||
	    !*text || strlen(text) >= sizeof(path) ||
	    strlen(row->name) > KEEP_OWNER_SIZE || m->n == MOUNTS_MOST)
		return -EINVAL;
	snprintf(path, sizeof(path), "%.*s", (int)strlen(text) - 1, text);
	while (o.kind <= MOUNT_PKI && strcmp(type, type_name[o.kind]) != 0)
		o.kind++;
	if (o.kind > MOUNT_PKI || vault_path_plain(&segments, path))
		return -EINVAL;
	o.path = &segments;
	o.most_s = most;
	return mount_add(m, &mount, &o);
}

static int part_restore(
    struct mount *mount, enum keep_kind kind, const struct keep_row *row)
{
	if (mount->kv)
		return kv_restore(mount->kv, kind, row);
	if (mount->jwt)
		return jwtmount_restore(mount->jwt, kind, row);
	if (mount->approle)
		return approle_restore(mount->approle, kind, row);
	if (mount->pki)
		return pkimount_restore(mount->pki, kind, row);
	return -EINVAL;
}

int mounts_restore(
    struct mounts *m, enum keep_kind kind, const struct keep_row *row)
{
	if (kind == KEEP_MOUNT)
		return mount_restore(m, row);
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->mount[i]->uuid, row->owner))
			return part_restore(m->mount[i], kind, row);
	return MOUNTS_E_OTHER;
}

static void mount_forget(const struct mounts *m, const struct mount *mount)
{
	struct keep_at at = { .keep = m->space->at.keep };

	memcpy(at.owner, mount->uuid, sizeof(at.owner));
	keep_remove(&m->space->at, KEEP_MOUNT, mount->uuid);
	keep_drop(&at);
}

void mounts_forget(const struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		mount_forget(m, m->mount[i]);
}

/* ---- finding ------------------------------------------------------------ */

/* Are the segments of @path from @from on the beginning of the others'? */
static bool begins(
    const struct vault_path *path, size_t from, const struct vault_path *with)
{
	if (path->n_segments < from + with->n_segments)
		return false;
	for (size_t i = 0; i < with->n_segments; i++)
		if (strcmp(vault_path_segment(path, from + i),
			vault_path_segment(with, i)))
			return false;
	return true;
}

static struct mount *find_at(
    struct mounts *m, const struct vault_path *p, size_t from, bool auth)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->mount[i]->auth == auth &&
		    begins(p, from, &m->mount[i]->segments))
			return m->mount[i];
	return NULL;
}

struct mount *mounts_find(
    struct mounts *m, const struct vault_path *p, size_t *from)
{
	bool auth = !strcmp(vault_path_segment(p, 0), "auth");
	struct mount *mount = find_at(m, p, auth, auth);

	if (mount)
		*from = auth + (size_t)mount->segments.n_segments;
	return mount;
}

const char *mounts_below(const struct mounts *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (!m->mount[i]->auth &&
		    !strcmp(
			vault_path_segment(&m->mount[i]->segments, 0), name))
			return m->mount[i]->path;
	return NULL;
}

/* ---- showing ------------------------------------------------------------ */

/* Part of the server: no plugin that could age, and nothing to choose. */
static bool is_builtin(const struct mount *m)
{
	return m->kind == MOUNT_SYSTEM || m->kind == MOUNT_TOKEN;
}

static json_t *config_json(const struct mount *m)
{
	json_t *j = json_pack("{si sb sI}", "default_lease_ttl", 0,
	    "force_no_cache", 0, "max_lease_ttl", (json_int_t)m->most_s);

	if (j && m->auth)
		json_object_set_new(
		    j, "token_type", json_string("default-service"));
	return j;
}

static json_t *options_json(const struct mount *m)
{
	if (is_builtin(m))
		return json_null();
	return m->kind == MOUNT_KV ? json_pack("{ss}", "version", "2")
				   : json_object();
}

/* A namespace's system is one of its own kind. */
static const char *shown_type(const struct mount *m)
{
	return m->kind == MOUNT_SYSTEM && m->of_namespace ? "ns_system"
							  : type_name[m->kind];
}

static json_t *mount_json(const struct mount *m, bool with_path)
{
	json_t *j = json_pack("{ss so ss sb sb so ss ss ss sb ss ss}",
	    "accessor", m->accessor, "config", config_json(m), "description",
	    m->description, "external_entropy_access", 0, "local", 0, "options",
	    options_json(m), "plugin_version", "", "running_plugin_version", "",
	    "running_sha256", "", "seal_wrap", 0, "type", shown_type(m), "uuid",
	    m->uuid);

	if (j && !is_builtin(m))
		json_object_set_new(
		    j, "deprecation_status", json_string("supported"));
	if (j && with_path)
		json_object_set_new(j, "path", json_string(m->path));
	return j;
}

/* All mounts of a kind of which @sees says yes. */
static json_t *mounts_json(struct mounts *m, bool auth,
    bool (*sees)(const struct mount *, void *), void *ctx)
{
	json_t *all = json_object();

	for (size_t i = 0; i < m->n; i++)
		if (m->mount[i]->auth == auth &&
		    (!sees || sees(m->mount[i], ctx)))
			json_object_set_new(all, m->mount[i]->path,
			    mount_json(m->mount[i], false));
	return all;
}

/* ---- sys/mounts, sys/auth ----------------------------------------------- */

/* The mount's path in the request as a path of its own. */
static int path_read(struct ask *a, size_t from, struct vault_path *out)
{
	char text[JWTMOUNT_PATH_MOST + 1];

	if (vault_path_join(
		a->path, from, a->path->n_segments, text, sizeof(text)) ||
	    vault_path_plain(out, text)) {
		reply_fail(a->reply, 400, "the path is too long to mount at");
		return -EINVAL;
	}
	return 0;
}

static const struct mount *collision(
    const struct mounts *m, const struct vault_path *path, bool auth)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->mount[i]->auth == auth &&
		    (begins(path, 0, &m->mount[i]->segments) ||
			begins(&m->mount[i]->segments, 0, path)))
			return m->mount[i];
	return NULL;
}

static bool is_reserved(const struct vault_path *path, bool auth)
{
	static const char *const names[] = { "sys", "auth", "audit", "identity",
		"cubbyhole", "root" };

	for (size_t i = 0; !auth && i < N_ELEMS(names); i++)
		if (!strcmp(vault_path_segment(path, 0), names[i]))
			return true;
	return false;
}

/* options.version is 2; clients send the number and the text. */
static bool wants_version_2(const struct ask *a)
{
	json_t *options = json_object_get(a->body, "options");

	return !strcmp(object_text(options, "version"), "2") ||
	       object_number(options, "version") == 2;
}

/* The kind of that name, as operators may mount it. */
static int kind_of(const char *type, bool auth, enum mount_kind *kind)
{
	static const struct {
		const char *type;
		bool auth;
		enum mount_kind kind;
	} row[] = {
		{ "kv", false, MOUNT_KV },
		{ "kv-v2", false, MOUNT_KV },
		{ "pki", false, MOUNT_PKI },
		{ "jwt", true, MOUNT_JWT },
		{ "approle", true, MOUNT_APPROLE },
	};

	for (size_t i = 0; i < N_ELEMS(row); i++)
		if (row[i].auth == auth && !strcmp(type, row[i].type)) {
			*kind = row[i].kind;
			return 0;
		}
	return -ENOENT;
}

static int kind_read(struct ask *a, bool auth, enum mount_kind *kind)
{
	const char *type = ask_text(a, "type");

	if (!type || !*type)
		reply_fail(a->reply, 400,
		    "backend type must be specified as a string");
	else if (kind_of(type, auth, kind))
		reply_fail(
		    a->reply, 400, "plugin not found in the catalog: %s", type);
	else if (!strcmp(type, "kv") && !wants_version_2(a))
		reply_fail(a->reply, 400,
		    "this development store has version 2 of the kv engine "
		    "only: options must say {\"version\":\"2\"}");
	return a->reply->errors ? -EINVAL : 0;
}

static bool rest_is_empty(struct ask *a)
{
	static const char *const known[] = { "type", "description", "options",
		"config", "local", "seal_wrap", "external_entropy_access",
		"plugin_name" };
	static const char *const empty[] = { "local", "seal_wrap",
		"external_entropy_access" };

	if (!ask_only(a, known, N_ELEMS(known)))
		return false;
	for (size_t i = 0; i < N_ELEMS(empty); i++) {
		const json_t *j = json_object_get(a->body, empty[i]);

		if (j && !object_is_empty(j)) {
			reply_fail(a->reply, 400,
			    "\"%s\": this development store takes no such "
			    "setting",
			    empty[i]);
			return false;
		}
	}
	return true;
}

/* config: of a PKI mount, how long its certificates may live. */
static int config_read(struct ask *a, enum mount_kind kind, int64_t *most_s)
{
	static const char *const known[] = { "max_lease_ttl" };
	json_t *config = json_object_get(a->body, "config");
	struct ask inner = { .body = config, .reply = a->reply };

	*most_s = 0;
	if (!config || object_is_empty(config))
		return 0;
	if (kind != MOUNT_PKI || !json_is_object(config)) {
		reply_fail(a->reply, 400,
		    "\"config\": this development store takes no such "
		    "setting");
		return -EINVAL;
	}
	if (!ask_only(&inner, known, N_ELEMS(known)) ||
	    ask_seconds(&inner, "max_lease_ttl", most_s) < 0)
		return -EINVAL;
	return 0;
}

static int handle_make(struct mounts *m, struct ask *a, size_t from, bool auth)
{
	const char *description = ask_text(a, "description");
	const struct mount *there;
	struct vault_path path;
	enum mount_kind kind = MOUNT_SYSTEM;
	int64_t most_s;
	int r = 0;

	if (path_read(a, from, &path) || kind_read(a, auth, &kind) ||
	    !rest_is_empty(a) || config_read(a, kind, &most_s))
		return 0;
	there = collision(m, &path, auth);
	if (is_reserved(&path, auth))
		reply_fail(a->reply, 400, "cannot mount \"%s/\"",
		    vault_path_segment(&path, 0));
	else if (there)
		reply_fail(
		    a->reply, 400, "path is already in use at %s", there->path);
	else if (m->n == MOUNTS_MOST)
		reply_full(a->reply, "mounts");
	else
		r = mount_make(
		    m, &(struct mount_order){ .path = &path,
			   .kind = kind,
			   .description = description ? description : "",
			   .most_s = most_s });
	if (!a->reply->errors)
		reply_done(a->reply);
	return r;
}

static void mount_drop(struct mounts *m, struct ask *a, size_t from, bool auth)
{
	struct mount *mount = find_at(m, a->path, from, auth);

	if (mount && mount->segments.n_segments == a->path->n_segments - from) {
		if (mount->kind == MOUNT_SYSTEM || mount->kind == MOUNT_TOKEN) {
			reply_fail(a->reply, 400, "cannot unmount \"%s\"",
			    mount->path);
			return;
		}
		if (mount->kind == MOUNT_JWT)
			jwtmount_revoke(mount->jwt);
		if (mount->kind == MOUNT_APPROLE)
			approle_revoke(mount->approle);
		mount_forget(m, mount);
		for (size_t i = 0; i < m->n; i++)
			if (m->mount[i] == mount)
				m->mount[i] = m->mount[--m->n];
		mount_free(mount);
	}
	reply_done(a->reply);
}

static void mount_show(struct mounts *m, struct ask *a, size_t from, bool auth)
{
	struct mount *mount = find_at(m, a->path, from, auth);
	char text[VAULT_PATH_MOST];

	if (mount && mount->segments.n_segments == a->path->n_segments - from) {
		reply_give(a->reply, mount_json(mount, false));
		a->reply->flat = true;
		return;
	}
	if (!vault_path_join(
		a->path, from, a->path->n_segments, text, sizeof(text)))
		reply_fail(a->reply, 400, "No %s at %s/",
		    auth ? "auth engine" : "secret engine mount", text);
}

int mounts_handle(struct mounts *m, struct ask *a, size_t from, bool auth)
{
	bool all = a->path->n_segments == from;

	if (all && a->kind == ASK_READ) {
		reply_give(a->reply, mounts_json(m, auth, NULL, NULL));
		a->reply->flat = true;
	} else if (all) {
		reply_unsupported(a->reply);
	} else if (a->kind == ASK_READ) {
		mount_show(m, a, from, auth);
	} else if (a->kind == ASK_WRITE) {
		return handle_make(m, a, from, auth);
	} else if (a->kind == ASK_DELETE) {
		mount_drop(m, a, from, auth);
	} else {
		reply_unsupported(a->reply);
	}
	return 0;
}

/* ---- sys/internal/ui/mounts --------------------------------------------- */

/* A token and what it is under. */
struct viewer {
	bool root;
	const char *inside; /* the namespace as seen from the token's */
	const struct acl *acl[TOKEN_POLICIES_MOST];
	size_t n;
};

static bool sees(const struct mount *mount, void *ctx)
{
	const struct viewer *v = ctx;
	char path[SPACE_PATH_MOST + JWTMOUNT_PATH_MOST + 8];

	if (v->root)
		return mount->kind != MOUNT_SYSTEM;
	if (!v->inside)
		return false;
	snprintf(path, sizeof(path), "%s%s%s", v->inside,
	    mount->auth ? "auth/" : "", mount->path);
	return mount->kind != MOUNT_SYSTEM && acl_reaches(v->acl, v->n, path);
}

static void ui_list(struct mounts *m, struct ask *a, struct viewer *v)
{
	reply_give(a->reply,
	    json_pack("{so so}", "auth", mounts_json(m, true, sees, v),
		"secret", mounts_json(m, false, sees, v)));
}

static void ui_show(
    struct mounts *m, struct ask *a, size_t from, struct viewer *v)
{
	bool auth = !strcmp(vault_path_segment(a->path, from), "auth");
	struct mount *mount = find_at(m, a->path, from + auth, auth);
	char text[VAULT_PATH_MOST];

	if (mount && sees(mount, v)) {
		reply_give(a->reply, mount_json(mount, true));
		return;
	}
	INVARIANT(!vault_path_join(
	    a->path, from, a->path->n_segments, text, sizeof(text)));
	reply_fail(a->reply, 403,
	    "preflight capability check returned 403, please ensure client's "
	    "policies grant access to path \"%s/\"",
	    text);
}

int mounts_handle_ui(struct mounts *m, struct ask *a, size_t from)
{
	struct viewer v = { .root = false };

	if (a->token) {
		v.root = token_has_policy(a->token, "root");
		v.n = policies_of(a->token, v.acl);
		v.inside = space_inside(a->space, a->token->space);
	}
	if (a->kind != ASK_READ)
		reply_unsupported(a->reply);
	else if (a->path->n_segments == from)
		ui_list(m, a, &v);
	else if (!a->token)
		reply_fail(a->reply, 403, "permission denied");
	else
		ui_show(m, a, from, &v);
	return 0;
}
