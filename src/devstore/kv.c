/* devstore/kv.c: secrets with versions.
 *
 * A mount is an array of secrets sorted by path, so a listing is a walk over
 * neighbours: what stands between "team/a" and "team/b" is below team/. A
 * secret's versions are numbered from 1 and never reused; the oldest go when
 * there are more than it keeps (their values are wiped), and the numbers that
 * are left are contiguous.
 *
 * A version is live, deleted (can be undone) or destroyed (the value is wiped).
 * Reading a deleted or destroyed one answers 404 with its metadata, as OpenBao.
 */
#include "devstore/kv.h"
#include "base/number.h"
#include <limits.h>
#include <stdio.h>

struct kv_version {
	int64_t created_ms, deleted_ms; /* 0: not deleted */
	bool destroyed;
	struct secret *data; /* NULL once destroyed */
};

struct kv_secret {
	char path[VAULT_PATH_MOST];
	int64_t created_ms, updated_ms;
	unsigned long newest; /* number; 0: only metadata was written */
	size_t n_versions;    /* held: newest - n_versions + 1 … newest */
	struct kv_version version[KV_VERSIONS_MOST];
	size_t keep; /* versions; 0: as the mount says */
	bool cas_required;
	json_t *custom; /* custom_metadata, or NULL */
};

struct kv {
	struct kv_secret *secrets[KV_SECRETS_MOST]; /* sorted by path */
	size_t n;
	size_t keep; /* 0: KV_VERSIONS_USUAL */
	bool cas_required;
	struct keep_at at;
};

int kv_new(struct kv **out, const struct keep_at *at)
{
	struct kv *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->at = *at;
	*out = k;
	return 0;
}

static void version_clear(struct kv_version *v)
{
	secret_free(v->data);
	*v = (struct kv_version){ .data = NULL };
}

static void secret_drop(struct kv_secret *s)
{
	for (size_t i = 0; i < s->n_versions; i++)
		version_clear(&s->version[i]);
	json_decref(s->custom);
	free(s);
}

void kv_free(struct kv *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		secret_drop(k->secrets[i]);
	free(k);
}

/* Where @path is, or would be. */
static size_t place_of(const struct kv *k, const char *path)
{
	size_t low = 0, high = k->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(k->secrets[middle]->path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct kv_secret *find(const struct kv *k, const char *path)
{
	size_t at = place_of(k, path);

	if (at == k->n || strcmp(k->secrets[at]->path, path))
		return NULL;
	return k->secrets[at];
}

static struct kv_secret *insert(struct kv *k, const char *path, int64_t now_ms)
{
	size_t at = place_of(k, path);
	struct kv_secret *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	snprintf(s->path, sizeof(s->path), "%s", path);
	s->created_ms = s->updated_ms = now_ms;
	for (size_t i = k->n++; i > at; i--)
		k->secrets[i] = k->secrets[i - 1];
	k->secrets[at] = s;
	return s;
}

/* The version of that number (0: the newest), if it is still held. */
static struct kv_version *version_of(struct kv_secret *s, unsigned long number)
{
	unsigned long want = number ? number : s->newest;

	if (!s->n_versions || want > s->newest ||
	    want + s->n_versions <= s->newest)
		return NULL;
	return &s->version[s->n_versions - 1 - (s->newest - want)];
}

/* ---- the file ----------------------------------------------------------- */

static json_t *version_row(const struct kv_version *v)
{
	json_t *value = json_null();

	if (v->data)
		value = json_loadb(secret_bytes(v->data), secret_size(v->data),
		    JSON_ALLOW_NUL, NULL);
	return json_pack("{sI sI sb so}", "created", (json_int_t)v->created_ms,
	    "deleted", (json_int_t)v->deleted_ms, "destroyed", v->destroyed,
	    "data", value);
}

static void secret_keep(const struct kv *k, const struct kv_secret *s)
{
	json_t *versions;

	if (!k->at.keep)
		return;
	versions = json_array();
	for (size_t i = 0; i < s->n_versions; i++)
		json_array_append_new(versions, version_row(&s->version[i]));
	keep_put(&k->at, KEEP_KV_SECRET, s->path,
	    json_pack("{sI sI sI sI sb sO? so}", "created",
		(json_int_t)s->created_ms, "updated", (json_int_t)s->updated_ms,
		"newest", (json_int_t)s->newest, "keep", (json_int_t)s->keep,
		"cas_required", s->cas_required, "custom", s->custom,
		"versions", versions));
}

static void config_keep(const struct kv *k)
{
	if (k->at.keep)
		keep_put(&k->at, KEEP_KV_CONFIG, "",
		    json_pack("{sI sb}", "keep", (json_int_t)k->keep,
			"cas_required", k->cas_required));
}

static int config_restore(struct kv *k, json_t *j)
{
	json_int_t keep;
	int required;

	if (json_unpack(
		j, "{sI sb}", "keep", &keep, "cas_required", &required) ||
	    keep < 0 || keep > KV_VERSIONS_MOST)
		return -EINVAL;
	k->keep = (size_t)keep;
	k->cas_required = required;
	return 0;
}

static int version_restore(struct kv_version *v, json_t *j)
{
	json_int_t created, deleted;
	int destroyed, r;
	json_t *data;
	char *text;

	if (json_unpack(j, "{sI sI sb so}", "created", &created, "deleted",
		&deleted, "destroyed", &destroyed, "data", &data) ||
	    json_is_object(data) == destroyed)
		return -EINVAL;
	*v = (struct kv_version){ .created_ms = created,
		.deleted_ms = deleted,
		.destroyed = destroyed };
	if (destroyed)
		return 0;
	text = json_dumps(data, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	r = secret_from(&v->data, text, strlen(text));
	secret_wipe(text, strlen(text));
	free(text);
	return r;
}

static int secret_restore(struct kv *k, const struct keep_row *row)
{
	json_int_t created, updated, newest, keep;
	json_t *versions, *one, *custom = NULL;
	struct kv_secret *s;
	int required, r = 0;
	size_t i;

	if (json_unpack(row->value, "{sI sI sI sI sb s?o so}", "created",
		&created, "updated", &updated, "newest", &newest, "keep", &keep,
		"cas_required", &required, "custom", &custom, "versions",
		&versions) ||
	    k->n == KV_SECRETS_MOST || strlen(row->name) >= VAULT_PATH_MOST ||
	    json_array_size(versions) > KV_VERSIONS_MOST || newest < 0 ||
	    (size_t)newest < json_array_size(versions) || keep < 0)
		return -EINVAL;
	s = insert(k, row->name, created);
	if (!s)
		return -ENOMEM;
	s->updated_ms = updated;
	s->newest = (unsigned long)newest;
	s->keep = (size_t)keep;
	s->cas_required = required;
	s->custom = json_is_object(custom) ? json_incref(custom) : NULL;
	json_array_foreach(versions, i, one)
	{
		if (!r)
			r = version_restore(&s->version[s->n_versions++], one);
	}
	return r;
}

int kv_restore(struct kv *k, enum keep_kind kind, const struct keep_row *row)
{
	if (kind == KEEP_KV_CONFIG)
		return config_restore(k, row->value);
	return secret_restore(k, row);
}

bool kv_holds(const struct kv *k, const struct vault_path *p, size_t from)
{
	char path[VAULT_PATH_MOST];

	if (vault_path_join(p, from + 1, p->n_segments, path, sizeof(path)))
		return false;
	return find(k, path);
}

/* ---- data/ -------------------------------------------------------------- */

static json_t *version_json(
    const struct kv_secret *s, const struct kv_version *v, unsigned long number)
{
	char created[TIME_TEXT_MOST], deleted[TIME_TEXT_MOST] = "";

	time_text(created, v->created_ms);
	if (v->deleted_ms)
		time_text(deleted, v->deleted_ms);
	return json_pack("{ss sO? ss sb sI}", "created_time", created,
	    "custom_metadata", s->custom, "deletion_time", deleted, "destroyed",
	    v->destroyed, "version", (json_int_t)number);
}

static json_t *version_value(const struct kv_version *v)
{
	if (v->deleted_ms || v->destroyed)
		return json_null();
	return json_loadb(
	    secret_bytes(v->data), secret_size(v->data), JSON_ALLOW_NUL, NULL);
}

/* ?version=N; 0 without one. */
static int wanted_version(struct ask *a, unsigned long *number)
{
	const char *text = vault_path_query(a->path, "version");

	*number = 0;
	if (!text || !*text)
		return 0;
	if (!number_parse(text, ULONG_MAX, number))
		return 0;
	reply_fail(a->reply, 400,
	    "Field validation failed: error converting input for field "
	    "\"version\": '' cannot parse value as 'int': strconv.ParseInt: "
	    "invalid syntax");
	return -EINVAL;
}

static void data_read(struct ask *a, struct kv_secret *s)
{
	unsigned long number;
	struct kv_version *v;

	if (wanted_version(a, &number))
		return;
	v = s ? version_of(s, number) : NULL;
	if (!v) {
		reply_missing(a->reply);
		return;
	}
	reply_give(
	    a->reply, json_pack("{so so}", "data", version_value(v), "metadata",
			  version_json(s, v, number ? number : s->newest)));
	if (v->deleted_ms || v->destroyed)
		a->reply->status = 404;
}

/* options.cas against what is there. */
static int check_and_set(
    struct ask *a, const struct kv *k, const struct kv_secret *s)
{
	const json_t *options = json_object_get(a->body, "options");
	const json_t *cas = json_object_get(options, "cas");
	bool required = k->cas_required || (s && s->cas_required);

	if (!cas) {
		if (required)
			reply_fail(a->reply, 400,
			    "check-and-set parameter required for this call");
		return required ? -EINVAL : 0;
	}
	if (!json_is_integer(cas)) {
		reply_fail(
		    a->reply, 400, "error parsing check-and-set parameter");
		return -EINVAL;
	}
	if (json_integer_value(cas) == (json_int_t)(s ? s->newest : 0))
		return 0;
	reply_fail(a->reply, 400,
	    "check-and-set parameter did not match the current version");
	return -EINVAL;
}

/* The body's data as JSON text in locked memory. */
static int value_take(struct ask *a, struct secret **out)
{
	const json_t *data = json_object_get(a->body, "data");
	size_t n = json_dumpb(data, NULL, 0, JSON_COMPACT);
	char *text;
	int r;

	if (!json_is_object(data)) {
		reply_fail(a->reply, 400, "no data provided");
		return -EINVAL;
	}
	if (n > KV_VALUE_MOST) {
		reply_fail(a->reply, 413,
		    "the secret is larger than the %d bytes that this "
		    "development store takes",
		    KV_VALUE_MOST);
		return -EINVAL;
	}
	text = malloc(n + 1);
	if (!text)
		return -ENOMEM;
	json_dumpb(data, text, n, JSON_COMPACT);
	r = secret_from(out, text, n);
	secret_wipe(text, n);
	free(text);
	return r;
}

static size_t keep_of(const struct kv *k, const struct kv_secret *s)
{
	size_t keep = s->keep ? s->keep : k->keep;

	if (!keep)
		keep = KV_VERSIONS_USUAL;
	return keep < KV_VERSIONS_MOST ? keep : KV_VERSIONS_MOST;
}

/* Forget the oldest versions until at most @keep are held. */
static void forget_oldest(struct kv_secret *s, size_t keep)
{
	size_t over = s->n_versions > keep ? s->n_versions - keep : 0;

	for (size_t i = 0; i < over; i++)
		version_clear(&s->version[i]);
	memmove(&s->version[0], &s->version[over],
	    (s->n_versions - over) * sizeof(s->version[0]));
	s->n_versions -= over;
}

static void version_add(
    struct kv *k, struct kv_secret *s, struct secret *data, int64_t now_ms)
{
	forget_oldest(s, keep_of(k, s) - 1);
	s->version[s->n_versions++] =
	    (struct kv_version){ .created_ms = now_ms, .data = data };
	s->newest++;
	s->updated_ms = now_ms;
}

static int data_write(
    struct kv *k, struct ask *a, struct kv_secret *s, const char *path)
{
	struct secret *data;
	int r = value_take(a, &data);

	if (r)
		return r == -EINVAL ? 0 : r;
	if (check_and_set(a, k, s) || (!s && k->n == KV_SECRETS_MOST)) {
		secret_free(data);
		if (!a->reply->errors)
			reply_full(a->reply, "secrets");
		return 0;
	}
	if (!s)
		s = insert(k, path, a->now_ms);
	if (!s) {
		secret_free(data);
		return -ENOMEM;
	}
	version_add(k, s, data, a->now_ms);
	secret_keep(k, s);
	reply_give(
	    a->reply, version_json(s, version_of(s, s->newest), s->newest));
	return 0;
}

static void data_delete(struct kv *k, struct ask *a, struct kv_secret *s)
{
	struct kv_version *v = s ? version_of(s, 0) : NULL;

	if (v && !v->deleted_ms && !v->destroyed) {
		v->deleted_ms = a->now_ms;
		secret_keep(k, s);
	}
	reply_done(a->reply);
}

static int handle_data(struct kv *k, struct ask *a, const char *path)
{
	struct kv_secret *s = find(k, path);

	switch (a->kind) {
	case ASK_READ:
		data_read(a, s);
		return 0;
	case ASK_WRITE:
		return data_write(k, a, s, path);
	case ASK_DELETE:
		data_delete(k, a, s);
		return 0;
	default:
		reply_unsupported(a->reply);
		return 0;
	}
}

/* ---- delete/, undelete/, destroy/ --------------------------------------- */

enum change { CHANGE_DELETE, CHANGE_UNDELETE, CHANGE_DESTROY };

static void version_change(
    struct kv_version *v, enum change change, int64_t now_ms)
{
	if (change == CHANGE_DELETE && !v->destroyed && !v->deleted_ms)
		v->deleted_ms = now_ms;
	if (change == CHANGE_UNDELETE && !v->destroyed)
		v->deleted_ms = 0;
	if (change == CHANGE_DESTROY) {
		secret_free(v->data);
		v->data = NULL;
		v->destroyed = true;
	}
}

static int handle_change(
    struct kv *k, struct ask *a, const char *path, enum change change)
{
	const json_t *list = json_object_get(a->body, "versions"), *one;
	struct kv_secret *s = find(k, path);
	size_t i;

	if (a->kind != ASK_WRITE) {
		reply_unsupported(a->reply);
		return 0;
	}
	if (!json_array_size(list)) {
		reply_fail(a->reply, 400, "no version number provided");
		return 0;
	}
	json_array_foreach(list, i, one)
	{
		json_int_t number = json_integer_value(one);
		struct kv_version *v =
		    s && number > 0 ? version_of(s, (unsigned long)number)
				    : NULL;

		if (v)
			version_change(v, change, a->now_ms);
	}
	if (s)
		secret_keep(k, s);
	reply_done(a->reply);
	return 0;
}

static int handle_delete(struct kv *k, struct ask *a, const char *path)
{
	return handle_change(k, a, path, CHANGE_DELETE);
}

static int handle_undelete(struct kv *k, struct ask *a, const char *path)
{
	return handle_change(k, a, path, CHANGE_UNDELETE);
}

static int handle_destroy(struct kv *k, struct ask *a, const char *path)
{
	return handle_change(k, a, path, CHANGE_DESTROY);
}

/* ---- metadata/ ---------------------------------------------------------- */

static json_t *versions_json(struct kv_secret *s)
{
	json_t *all = json_object();

	for (size_t i = 0; i < s->n_versions; i++) {
		unsigned long number = s->newest - s->n_versions + 1 + i;
		json_t *one = version_json(s, &s->version[i], number);
		char name[24];

		json_object_del(one, "custom_metadata");
		json_object_del(one, "version");
		snprintf(name, sizeof(name), "%lu", number);
		json_object_set_new(all, name, one);
	}
	return all;
}

static void metadata_read(struct ask *a, struct kv_secret *s)
{
	char created[TIME_TEXT_MOST], updated[TIME_TEXT_MOST];
	unsigned long oldest = 0;

	if (!s) {
		reply_missing(a->reply);
		return;
	}
	if (s->newest > s->n_versions)
		oldest = s->newest - s->n_versions + 1;
	time_text(created, s->created_ms);
	time_text(updated, s->updated_ms);
	reply_give(a->reply,
	    json_pack("{sb ss si sI sO? ss si sb sI ss so}", "cas_required",
		s->cas_required, "created_time", created,
		"current_metadata_version", 0, "current_version",
		(json_int_t)s->newest, "custom_metadata", s->custom,
		"delete_version_after", "0s", "max_versions", (int)s->keep,
		"metadata_cas_required", 0, "oldest_version",
		(json_int_t)oldest, "updated_time", updated, "versions",
		versions_json(s)));
}

static int read_keep(struct ask *a, size_t *keep)
{
	const json_t *j = json_object_get(a->body, "max_versions");
	json_int_t n = json_integer_value(j);

	if (!j)
		return 0;
	if (!json_is_integer(j) || n < 0 || n > KV_VERSIONS_MOST) {
		reply_fail(a->reply, 400,
		    "max_versions: this development store takes 0 to %d",
		    KV_VERSIONS_MOST);
		return -EINVAL;
	}
	*keep = (size_t)n;
	return 0;
}

/* custom_metadata is texts by name, and nothing deeper. */
static int read_custom(struct ask *a, struct kv_secret *s)
{
	json_t *custom = json_object_get(a->body, "custom_metadata"), *value;
	const char *name;

	if (!custom)
		return 0;
	json_object_foreach(custom, name, value)
	{
		if (json_is_string(value))
			continue;
		reply_fail(a->reply, 400,
		    "custom_metadata: \"%s\" must be a string", name);
		return -EINVAL;
	}
	json_decref(s->custom);
	s->custom = json_object_size(custom) ? json_deep_copy(custom) : NULL;
	return 0;
}

static int metadata_write(
    struct kv *k, struct ask *a, struct kv_secret *s, const char *path)
{
	static const char *const known[] = { "max_versions", "cas_required",
		"custom_metadata" };
	size_t keep = s ? s->keep : 0;

	if (!ask_only(a, known, N_ELEMS(known)) || read_keep(a, &keep))
		return 0;
	if (!s && k->n == KV_SECRETS_MOST) {
		reply_full(a->reply, "secrets");
		return 0;
	}
	if (!s)
		s = insert(k, path, a->now_ms);
	if (!s)
		return -ENOMEM;
	if (read_custom(a, s))
		return 0;
	s->cas_required = ask_bool(a, "cas_required", s->cas_required);
	s->keep = keep;
	forget_oldest(s, keep_of(k, s));
	s->updated_ms = a->now_ms;
	secret_keep(k, s);
	reply_done(a->reply);
	return 0;
}

static void metadata_delete(struct kv *k, struct ask *a, const char *path)
{
	size_t at = place_of(k, path);

	if (at < k->n && !strcmp(k->secrets[at]->path, path)) {
		secret_drop(k->secrets[at]);
		k->n--;
		for (size_t i = at; i < k->n; i++)
			k->secrets[i] = k->secrets[i + 1];
		keep_remove(&k->at, KEEP_KV_SECRET, path);
	}
	reply_done(a->reply);
}

/* Names right below @folder; a folder among them ends in a slash. */
static void metadata_list(struct kv *k, struct ask *a, const char *folder)
{
	char prefix[VAULT_PATH_MOST + 1], last[VAULT_PATH_MOST] = "";
	json_t *keys = json_array();
	size_t n;

	snprintf(prefix, sizeof(prefix), "%s%s", folder, *folder ? "/" : "");
	n = strlen(prefix);
	for (size_t i = place_of(k, prefix); i < k->n; i++) {
		const char *rest = k->secrets[i]->path + n;
		size_t m;

		if (strncmp(k->secrets[i]->path, prefix, n))
			break;
		m = strcspn(rest, "/");
		m += rest[m] == '/';
		if (!strncmp(last, rest, m) && !last[m])
			continue;
		memcpy(last, rest, m);
		last[m] = '\0';
		json_array_append_new(keys, json_string(last));
	}
	reply_keys(a->reply, keys);
}

static int handle_metadata(struct kv *k, struct ask *a, const char *path)
{
	if (a->kind == ASK_LIST) {
		metadata_list(k, a, path);
		return 0;
	}
	switch (a->kind) {
	case ASK_READ:
		metadata_read(a, find(k, path));
		return 0;
	case ASK_WRITE:
		return metadata_write(k, a, find(k, path), path);
	case ASK_DELETE:
		metadata_delete(k, a, path);
		return 0;
	default:
		reply_unsupported(a->reply);
		return 0;
	}
}

/* ---- the mount ---------------------------------------------------------- */

static int handle_config(struct kv *k, struct ask *a, const char *path)
{
	static const char *const known[] = { "max_versions", "cas_required" };
	size_t keep = k->keep;

	(void)path;
	if (a->kind == ASK_READ) {
		reply_give(a->reply,
		    json_pack("{sb ss si sb}", "cas_required", k->cas_required,
			"delete_version_after", "0s", "max_versions",
			(int)k->keep, "metadata_cas_required", 0));
	} else if (a->kind != ASK_WRITE) {
		reply_unsupported(a->reply);
	} else if (ask_only(a, known, N_ELEMS(known)) && !read_keep(a, &keep)) {
		k->keep = keep;
		k->cas_required = ask_bool(a, "cas_required", k->cas_required);
		config_keep(k);
		reply_done(a->reply);
	}
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(struct kv *k, struct ask *a, const char *path);
	bool alone; /* nothing comes after it */
} rooms[] = {
	{ "data", handle_data, false },
	{ "metadata", handle_metadata, false },
	{ "delete", handle_delete, false },
	{ "undelete", handle_undelete, false },
	{ "destroy", handle_destroy, false },
	{ "config", handle_config, true },
};

/* What OpenBao says to whoever leaves out the data/. */
static void handle_stray(struct ask *a)
{
	reply_warn(a->reply, "Invalid path for a versioned K/V secrets engine. "
			     "See the API docs for the appropriate API "
			     "endpoints to use. If using the OpenBao CLI, use "
			     "'bao kv get' for this operation.");
	a->reply->status = 404;
}

static void handle_root(struct ask *a)
{
	reply_warn(a->reply, "Non-listing operations on the root of a K/V v2 "
			     "mount are not supported.");
	a->reply->status = 404;
}

int kv_handle(struct kv *k, struct ask *a, size_t from)
{
	const char *room = vault_path_segment(a->path, from);
	char path[VAULT_PATH_MOST];
	size_t i = 0;

	INVARIANT(!vault_path_join(
	    a->path, from + 1, a->path->n_segments, path, sizeof(path)));
	while (i < N_ELEMS(rooms) && strcmp(room, rooms[i].name))
		i++;
	if (i == N_ELEMS(rooms) || (rooms[i].alone && *path)) {
		handle_stray(a);
		return 0;
	}
	if (!*path && !rooms[i].alone && a->kind != ASK_LIST) {
		handle_root(a);
		return 0;
	}
	if (a->path->folder && a->kind != ASK_LIST) {
		reply_missing(a->reply);
		return 0;
	}
	return rooms[i].fn(k, a, path);
}
