/* devstore/engine.c: who asks, may they, and which room answers.
 *
 * A request goes through four gates: its path must be readable, its token good
 * (unless the path needs none), the token's policies must allow the operation
 * on the path, and a room must be there. Only then is the body looked at. As in
 * OpenBao a token that may nothing learns nothing: 403 comes before 404.
 *
 * Rooms: sys/ by a table here; auth/token and auth mounts; KV mounts. They fill
 * in a struct reply; this file prints it.
 */
#include "devstore/engine.h"
#include "base/log.h"
#include "base/number.h"
#include "devstore/mounts.h"
#include "devstore/capabilities.h"
#include "devstore/rooms.h"
#include "devstore/tokens.h"
#include "wire/vault.h"
#include <stdio.h>

struct engine {
	struct rooms rooms; /* empty: the file could not be read again */
	struct keep *keep;
	struct secret *root_token;
	void (*random)(void *to, size_t n);
	uint64_t answered[6]; /* by the first digit of the status */
	uint64_t unkept;
	struct metric_row rows[7];
	struct metric_table metrics;
};

static uint64_t count_tokens(void *ctx)
{
	const struct engine *e = ctx;

	return e->rooms.tokens ? token_count(e->rooms.tokens) : 0;
}

static uint64_t count_spaces(void *ctx)
{
	const struct engine *e = ctx;

	return e->rooms.spaces ? spaces_count(e->rooms.spaces) : 0;
}

static void metrics_init(struct engine *e)
{
	static const char *const labels[] = { NULL, NULL, "class=\"2xx\"",
		"class=\"3xx\"", "class=\"4xx\"", "class=\"5xx\"" };

	for (size_t i = 2; i < 6; i++)
		e->rows[i - 2] = (struct metric_row){
			.name = "pharos_devstore_requests_total",
			.labels = labels[i],
			.help = i == 2 ? "Requests answered." : NULL,
			.kind = METRIC_COUNTER,
			.value = &e->answered[i],
		};
	e->rows[4] = (struct metric_row){
		.name = "pharos_devstore_tokens",
		.help = "Tokens that are good now.",
		.kind = METRIC_GAUGE,
		.read = count_tokens,
		.ctx = e,
	};
	e->rows[5] = (struct metric_row){
		.name = "pharos_devstore_namespaces",
		.help = "Namespaces, with the root.",
		.kind = METRIC_GAUGE,
		.read = count_spaces,
		.ctx = e,
	};
	e->rows[6] = (struct metric_row){
		.name = "pharos_devstore_unkept_total",
		.help = "Requests undone because the file could not be "
			"written.",
		.kind = METRIC_COUNTER,
		.value = &e->unkept,
	};
	e->metrics.rows = e->rows;
	e->metrics.n_rows = N_ELEMS(e->rows);
}

struct metric_table *engine_metrics(struct engine *e)
{
	return &e->metrics;
}

static int rooms_fill(struct engine *e, int64_t now_ms, struct fault *fault)
{
	return rooms_make(&e->rooms,
	    &(struct rooms_options){ .root_token = e->root_token,
		.random = e->random,
		.keep = e->keep,
		.now_ms = now_ms },
	    fault);
}

int engine_new(
    struct engine **out, const struct engine_options *o, struct fault *fault)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r = e ? 0 : -ENOMEM;

	if (!r) {
		e->random = o->random;
		e->keep = o->keep;
		metrics_init(e);
		r = secret_from(&e->root_token, secret_bytes(o->root_token),
		    secret_size(o->root_token));
	}
	if (!r)
		r = rooms_fill(e, o->now_ms, fault);
	if (r)
		engine_free(e);
	else
		*out = e;
	return r;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	rooms_clear(&e->rooms);
	secret_free(e->root_token);
	free(e);
}

void engine_answer_clear(struct engine_answer *a)
{
	secret_free(a->body);
	a->body = NULL;
}

static bool is_allowed(const struct ask *a, bool sudo);

/* ---- rooms of sys/ ------------------------------------------------------ */

/* A status of the asker's choice: ?activecode=299. */
static int wished_status(const struct ask *a, int otherwise)
{
	const char *text = vault_path_query(a->path, "activecode");
	uint64_t status;

	if (!text || number_parse(text, 599, &status) || status < 200)
		return otherwise;
	return (int)status;
}

static int handle_health(struct engine *e, struct ask *a, size_t from)
{
	(void)e;
	(void)from;
	if (a->kind != ASK_READ && a->kind != ASK_HEAD) {
		reply_unsupported(a->reply);
		return 0;
	}
	reply_give(a->reply,
	    json_pack("{sb sb sb sb ss ss sI ss ss ss}", "initialized", 1,
		"sealed", 0, "standby", 0, "performance_standby", 0,
		"replication_performance_mode", "disabled",
		"replication_dr_mode", "disabled", "server_time_utc",
		(json_int_t)(a->now_ms / 1000), "version",
		"pharos-devstore-" PHAROS_VERSION, "cluster_name", "devstore",
		"cluster_id", "devstore"));
	a->reply->bare = true;
	a->reply->status = wished_status(a, 200);
	return 0;
}

static int handle_seal_status(struct engine *e, struct ask *a, size_t from)
{
	(void)e;
	(void)from;
	if (a->kind != ASK_READ) {
		reply_unsupported(a->reply);
		return 0;
	}
	reply_give(a->reply,
	    json_pack("{ss sb sb si si si ss ss ss sb ss ss sb ss}", "type",
		"shamir", "initialized", 1, "sealed", 0, "t", 1, "n", 1,
		"progress", 0, "nonce", "", "version",
		"pharos-devstore-" PHAROS_VERSION, "build_date", "",
		"migration", 0, "cluster_name", "devstore", "cluster_id",
		"devstore", "recovery_seal", 0, "storage_type", "inmem"));
	a->reply->bare = true;
	return 0;
}

static int handle_init(struct engine *e, struct ask *a, size_t from)
{
	(void)e;
	(void)from;
	if (a->kind != ASK_READ) {
		reply_unsupported(a->reply);
		return 0;
	}
	reply_give(a->reply, json_pack("{sb}", "initialized", 1));
	a->reply->bare = true;
	return 0;
}

static int handle_mounts(struct engine *e, struct ask *a, size_t from)
{
	const char *first = vault_path_segment(a->path, from);

	if (a->kind == ASK_WRITE &&
	    spaces_has(e->rooms.spaces, a->space, first)) {
		reply_fail(a->reply, 400, "existing mount at %s/", first);
		return 0;
	}
	return mounts_handle(a->space->mounts, a, from, false);
}

static int handle_auth(struct engine *e, struct ask *a, size_t from)
{
	(void)e;
	return mounts_handle(a->space->mounts, a, from, true);
}

static int handle_ui(struct engine *e, struct ask *a, size_t from)
{
	(void)e;
	return mounts_handle_ui(a->space->mounts, a, from);
}

static int handle_policies(struct engine *e, struct ask *a, size_t from)
{
	(void)e;
	return policies_handle(a->space->policies, a, from, false);
}

static int handle_policy(struct engine *e, struct ask *a, size_t from)
{
	(void)e;
	return policies_handle(a->space->policies, a, from, true);
}

static int handle_namespaces(struct engine *e, struct ask *a, size_t from)
{
	return spaces_handle(e->rooms.spaces, a, from);
}

static int handle_capabilities(struct engine *e, struct ask *a, size_t from)
{
	(void)e;
	(void)from;
	capabilities_handle(a);
	return 0;
}

/* A token of the asker's own must be allowed to; a wrapping token is its own
 * permission. */
static int handle_unwrap(struct engine *e, struct ask *a, size_t from)
{
	(void)from;
	if (a->token && !is_allowed(a, false)) {
		reply_denied(a->reply);
		return 0;
	}
	return wraps_handle_unwrap(e->rooms.wraps, a, a->token_text);
}

static int handle_wrap_lookup(struct engine *e, struct ask *a, size_t from)
{
	(void)from;
	wraps_handle_lookup(e->rooms.wraps, a, a->token_text);
	return 0;
}

/* No engine here makes leases, so there is none to renew. */
static int handle_leases(struct engine *e, struct ask *a, size_t from)
{
	(void)e;
	(void)from;
	if (a->kind == ASK_WRITE)
		reply_fail(a->reply, 400, "lease not found");
	else
		reply_unsupported(a->reply);
	return 0;
}

enum { ROOM_PUBLIC = 1, ROOM_SUDO = 2, ROOM_BELOW = 4, ROOM_ROOT = 8 };

static const struct room {
	const char *path;
	unsigned flags; /* BELOW: paths below it too; ROOT: in no namespace */
	int (*fn)(struct engine *e, struct ask *a, size_t from);
} rooms[] = {
	{ "sys/health", ROOM_PUBLIC | ROOM_ROOT, handle_health },
	{ "sys/seal-status", ROOM_PUBLIC, handle_seal_status },
	{ "sys/init", ROOM_PUBLIC | ROOM_ROOT, handle_init },
	{ "sys/internal/ui/mounts", ROOM_PUBLIC | ROOM_BELOW, handle_ui },
	{ "sys/mounts", ROOM_BELOW, handle_mounts },
	{ "sys/auth", ROOM_SUDO | ROOM_BELOW, handle_auth },
	{ "sys/namespaces", ROOM_BELOW, handle_namespaces },
	{ "sys/policies/acl", ROOM_BELOW, handle_policies },
	{ "sys/policy", ROOM_BELOW, handle_policy },
	{ "sys/leases/renew", 0, handle_leases },
	{ "sys/capabilities-self", 0, handle_capabilities },
	{ "sys/wrapping/unwrap", ROOM_PUBLIC, handle_unwrap },
	{ "sys/wrapping/lookup", ROOM_PUBLIC, handle_wrap_lookup },
};

static const struct room *room_of(const struct vault_path *p, size_t *from)
{
	for (size_t i = 0; i < N_ELEMS(rooms); i++) {
		struct vault_path path;

		INVARIANT(!vault_path_plain(&path, rooms[i].path));
		if (!vault_path_below(p, &path) ||
		    (p->n_segments > path.n_segments &&
			!(rooms[i].flags & ROOM_BELOW)))
			continue;
		*from = path.n_segments;
		return &rooms[i];
	}
	return NULL;
}

/* ---- the gates ---------------------------------------------------------- */

static int kind_of(const struct engine_request *q, struct ask *a)
{
	static const struct {
		const char *method;
		enum ask_kind kind;
	} row[] = {
		{ "GET", ASK_READ },
		{ "HEAD", ASK_HEAD },
		{ "POST", ASK_WRITE },
		{ "PUT", ASK_WRITE },
		{ "LIST", ASK_LIST },
		{ "DELETE", ASK_DELETE },
		{ "PATCH", ASK_PATCH },
	};
	const char *list = vault_path_query(a->path, "list");

	for (size_t i = 0; i < N_ELEMS(row); i++) {
		if (strcmp(q->method, row[i].method))
			continue;
		a->kind = row[i].kind;
		if (a->kind == ASK_READ && list && !strcmp(list, "true"))
			a->kind = ASK_LIST;
		return 0;
	}
	reply_clear(a->reply);
	a->reply->status = 405;
	a->reply->errors = json_array();
	return -EINVAL;
}

/* What an operation needs; a write to a secret that is not there creates. */
static unsigned capability_needed(const struct ask *a)
{
	static const unsigned needed[] = {
		[ASK_READ] = ACL_READ,
		[ASK_HEAD] = ACL_READ,
		[ASK_LIST] = ACL_LIST,
		[ASK_WRITE] = ACL_UPDATE,
		[ASK_DELETE] = ACL_DELETE,
		[ASK_PATCH] = ACL_PATCH,
	};
	size_t from;
	struct mount *mount = mounts_find(a->space->mounts, a->path, &from);
	const char *room = mount ? vault_path_segment(a->path, from) : "";

	if (a->kind == ASK_WRITE && mount && mount->kind == MOUNT_KV &&
	    (!strcmp(room, "data") || !strcmp(room, "metadata")) &&
	    !kv_holds(mount->kv, a->path, from))
		return ACL_CREATE;
	return needed[a->kind];
}

static bool is_allowed(const struct ask *a, bool sudo)
{
	unsigned need = capability_needed(a) | (sudo ? ACL_SUDO : 0);
	bool slash = a->path->folder || a->kind == ASK_LIST;
	char path[VAULT_PATH_MOST + 1];

	INVARIANT(!vault_path_join(
	    a->path, 0, a->path->n_segments, path, VAULT_PATH_MOST));
	if (slash)
		memcpy(path + strlen(path), "/", 2);
	return (policies_allow(a->token, a->space, path, a->kind == ASK_LIST) &
		   need) == need;
}

static bool is_login(const struct vault_path *p, size_t from)
{
	return p->n_segments == from + 1 && !p->folder &&
	       !strcmp(vault_path_segment(p, from), "login");
}

/* Does the path answer to whoever asks? */
static bool is_public(const struct ask *a)
{
	size_t from;
	const struct room *room = room_of(a->path, &from);
	struct mount *mount;

	if (room)
		return room->flags & ROOM_PUBLIC;
	mount = mounts_find(a->space->mounts, a->path, &from);
	if (mount && mount->kind == MOUNT_PKI)
		return pkimount_is_public(a, from);
	return mount &&
	       (mount->kind == MOUNT_JWT || mount->kind == MOUNT_APPROLE) &&
	       is_login(a->path, from);
}

static void unknown_path(struct ask *a)
{
	char path[VAULT_PATH_MOST];

	INVARIANT(!vault_path_join(
	    a->path, 0, a->path->n_segments, path, sizeof(path)));
	reply_fail(a->reply, 404,
	    "no handler for route \"%s\". route entry not found.", path);
}

static int dispatch(struct engine *e, struct ask *a)
{
	size_t from;
	const struct room *room = room_of(a->path, &from);
	struct mount *mount;

	if (room)
		return room->fn(e, a, from);
	mount = mounts_find(a->space->mounts, a->path, &from);
	switch (mount ? mount->kind : MOUNT_SYSTEM) {
	case MOUNT_KV:
		return kv_handle(mount->kv, a, from);
	case MOUNT_JWT:
		return jwtmount_handle(mount->jwt, a, from);
	case MOUNT_PKI:
		return pkimount_handle(mount->pki, a, from);
	case MOUNT_APPROLE:
		return approle_handle(mount->approle, a, from);
	case MOUNT_TOKEN:
		return tokens_handle(e->rooms.tokens, a, from);
	default:
		unknown_path(a);
		return 0;
	}
}

/* auth/token/…-self is answered in the token's own namespace. */
static bool is_about_itself(const struct vault_path *p)
{
	enum vault_operation op = vault_operation_of(p, "POST");

	return op == VAULT_TOKEN_RENEW_SELF || op == VAULT_TOKEN_REVOKE_SELF ||
	       vault_operation_of(p, "GET") == VAULT_TOKEN_LOOKUP_SELF;
}

/* The token is looked at and, unless the path is open to all, asked for. */
static bool admitted(
    struct engine *e, const struct engine_request *q, struct ask *a)
{
	size_t from;
	const struct room *room = room_of(a->path, &from);

	token_set_sweep(e->rooms.tokens, q->now_ms);
	wraps_sweep(e->rooms.wraps, q->now_ms);
	a->token_text = q->token;
	if (q->token)
		a->token = token_find(
		    e->rooms.tokens, q->token, strlen(q->token), q->now_ms);
	if (is_public(a))
		return true;
	if (a->token && is_about_itself(a->path))
		a->space = a->token->space;
	if (!a->token && wraps_spend(e->rooms.wraps, q->token)) {
		reply_denied(a->reply);
		return false;
	}
	if (!a->token) {
		reply_fail(a->reply, 403, "permission denied");
		return false;
	}
	token_use(a->token);
	if (is_allowed(a, room && (room->flags & ROOM_SUDO)))
		return true;
	reply_denied(a->reply);
	return false;
}

static bool body_read(const struct engine_request *q, struct ask *a)
{
	if (!q->n)
		return true;
	a->body = q->n <= ENGINE_BODY_MOST
		      ? json_loadb(q->body, q->n,
			    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL)
		      : NULL;
	if (json_is_object(a->body))
		return true;
	reply_fail(a->reply, q->n > ENGINE_BODY_MOST ? 413 : 400,
	    "error parsing JSON");
	return false;
}

/* Which namespace is meant, by the header and the beginning of the path; the
 * rest of the path is what is asked of it. */
static bool located(struct engine *e, const struct engine_request *q,
    struct vault_path *path, struct ask *a)
{
	const struct room *room;
	size_t from;

	a->space = spaces_find(e->rooms.spaces, q->name_space);
	if (a->space)
		a->space = spaces_enter(e->rooms.spaces, a->space, path);
	room = room_of(path, &from);
	if (room && (room->flags & ROOM_ROOT) &&
	    (!a->space || a->space->parent))
		reply_fail(
		    a->reply, 400, "operation unavailable in namespaces");
	else if (!a->space)
		reply_fail(a->reply, 404, "namespace not found");
	return !a->reply->errors;
}

static int answer(struct engine *e, const struct engine_request *q,
    struct reply *reply, const char *id)
{
	struct vault_path path;
	struct ask a = { .path = &path, .now_ms = q->now_ms, .reply = reply };
	int r = vault_path_parse(&path, q->target);
	int64_t wrap_s;

	if (r) {
		reply_fail(reply, r == VAULT_PATH_E_PREFIX ? 404 : 400, "%s",
		    vault_path_problem(r));
		return 0;
	}
	r = 0;
	if (!kind_of(q, &a) &&
	    !wraps_wanted(e->rooms.wraps, reply, q->wrap_ttl, &wrap_s) &&
	    located(e, q, &path, &a) && admitted(e, q, &a) &&
	    body_read(q, &a)) {
		r = dispatch(e, &a);
		if (!r && wrap_s)
			r = wraps_put(e->rooms.wraps, &a, wrap_s, id);
	}
	json_decref(a.body);
	return r;
}

/* What memory has and the file has not is forgotten. */
static int rooms_renew(struct engine *e, int64_t now_ms)
{
	struct fault fault = FAULT_NONE;
	int r;

	keep_discard(e->keep);
	rooms_clear(&e->rooms);
	r = rooms_fill(e, now_ms, &fault);
	if (r)
		log_err("the file cannot be read again; trying with each "
			"request",
		    LOG_STR("why", fault.text));
	return r;
}

/* What was asked has been done here, as far as memory reached; @r: how far. In
 * the file is all of it, or nothing of it is anywhere. */
static int settle(struct engine *e, struct reply *reply, int64_t now_ms, int r)
{
	struct fault fault = { .text = "no memory" };

	if (!e->keep)
		return r;
	if (!r)
		r = keep_commit(e->keep, &fault);
	if (!r)
		return 0;
	e->unkept++;
	log_err("a request was undone, since it cannot be kept",
	    LOG_STR("why", fault.text));
	(void)rooms_renew(e, now_ms); /* else with the next request */
	reply_clear(reply);
	reply_fail(reply, 500, "nothing was done: %s", fault.text);
	return 0;
}

int engine_handle(
    struct engine *e, const struct engine_request *q, struct engine_answer *out)
{
	struct reply reply = { .status = 200 };
	struct secret *body = NULL;
	char id[37];
	int r;

	uuid_text(id, e->random);
	if (!e->rooms.spaces && rooms_renew(e, q->now_ms)) {
		reply_fail(
		    &reply, 503, "this store's file cannot be read again");
		r = 0;
	} else {
		r = settle(e, &reply, q->now_ms, answer(e, q, &reply, id));
	}
	if (!r)
		r = reply_print(&reply, reply.wrap_info ? "" : id, &body);
	if (!r) {
		*out = (struct engine_answer){ .status = reply.status,
			.content_type =
			    reply.raw ? reply.raw : "application/json",
			.body = body };
		e->answered[reply.status / 100]++;
	}
	reply_clear(&reply);
	return r;
}
