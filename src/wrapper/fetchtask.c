#include "wrapper/fetchtask.h"
#include <stdio.h>

enum { HTTP_OK = 200 };

static const struct handoff_task *task_of(const struct fetchtask *t)
{
	return &t->job->tasks[t->index];
}

/* "secret/data/team-a/web": of KV v2, and nearly always complete. Then to ask
 * for the mount first would be a round trip for nothing. */
static bool looks_complete(const char *path)
{
	const char *rest = strchr(path, '/');

	return rest && !strncmp(rest, "/data/", 6);
}

void fetchtask_init(
    struct fetchtask *t, const struct handoff_job *job, size_t index)
{
	*t = (struct fetchtask){ .job = job, .index = index };
	for (size_t i = 0; i < index; i++)
		t->first_field += job->tasks[i].n_fields;
	switch (job->tasks[index].verb) {
	case HANDOFF_READ:
		t->step = looks_complete(job->tasks[index].path)
			      ? FETCHTASK_STRAIGHT
			      : FETCHTASK_MOUNT;
		break;
	case HANDOFF_CHECK:
		t->step = FETCHTASK_MOUNT;
		break;
	case HANDOFF_RENEW:
		t->step = FETCHTASK_LEASE;
		break;
	case HANDOFF_SKIP:
	case HANDOFF_VERB_COUNT:
	default:
		t->step = FETCHTASK_DONE;
	}
}

void fetchtask_fail(struct fetchtask *t, bool retry, const struct fault *fault)
{
	t->fault = *fault;
	(void)fault_wrap(&t->fault, "%s", task_of(t)->path);
	t->step = FETCHTASK_DONE;
	t->reply = (struct handoff_reply){ .type = HANDOFF_FAULT };
	t->reply.u.fault.index = t->index;
	t->reply.u.fault.hop = HANDOFF_HOP_PATH;
	t->reply.u.fault.retry = retry;
	t->reply.u.fault.text = t->fault.text;
	t->reply.u.fault.hint = t->fault.hint;
}

static void fail(
    struct fetchtask *t, int code, const char *text, const char *hint)
{
	struct fault f = FAULT_NONE;

	fault_set(&f, code, hint, "%s", text);
	fetchtask_fail(t, code == -ENOMEM, &f);
}

static bool is_kv2(const struct fetchtask *t)
{
	return t->has_mount && !strcmp(t->mount.type, "kv") &&
	       t->mount.version == 2;
}

/* The path of a KV v2 secret, or, for other engines, as it was written. */
static int call_data(struct fetchtask *t, struct vault_call *out)
{
	char path[VAULT_PATH_MOST];

	if (!is_kv2(t))
		return vault_call_get(out, task_of(t)->path, 0);
	if (vault_kv_path(path, &t->mount, "data", task_of(t)->path))
		return -EINVAL;
	return vault_call_get(out, path, 0);
}

static int call_metadata(struct fetchtask *t, struct vault_call *out)
{
	char path[VAULT_PATH_MOST];

	if (vault_kv_path(path, &t->mount, "metadata", task_of(t)->path))
		return -EINVAL;
	return vault_call_get(out, path, 0);
}

static int make_call(struct fetchtask *t, struct vault_call *out)
{
	switch (t->step) {
	case FETCHTASK_STRAIGHT:
		return vault_call_get(out, task_of(t)->path, 0);
	case FETCHTASK_MOUNT:
		return vault_call_mount_of(out, task_of(t)->path);
	case FETCHTASK_METADATA:
		return call_metadata(t, out);
	case FETCHTASK_DATA:
		return call_data(t, out);
	case FETCHTASK_LEASE:
		return vault_call_lease_renew(
		    out, task_of(t)->lease, (long)task_of(t)->increment);
	case FETCHTASK_DONE:
	default:
		return -EINVAL;
	}
}

int fetchtask_call(struct fetchtask *t, struct vault_call *out)
{
	int r = make_call(t, out);

	if (r)
		fail(t, r,
		    r == -ENOMEM ? "out of memory"
				 : "this path cannot be asked for",
		    "write it as the store knows it");
	return r;
}

bool fetchtask_needs_token(const struct fetchtask *t)
{
	return t->step == FETCHTASK_DATA || t->step == FETCHTASK_LEASE;
}

static void fail_by_answer(
    struct fetchtask *t, const struct fetchtask_answer *a)
{
	struct fault f = FAULT_NONE;
	struct vault_failure failure = { a->store, a->status, a->content_type,
		a->body, a->n };
	int code = vault_fault(&f, &failure);

	fetchtask_fail(t, code == -EAGAIN, &f);
}

/* FNV-1a, 64 bits; 0 for no text. Two times of one path are compared by it. */
static uint64_t hash_of(const char *created)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const char *c = created; *c; c++)
		h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	return *created ? h : 0;
}

/* A secret that was deleted with its metadata and written anew counts its
 * versions from 1 again: the number alone does not tell it from the old one. */
static bool is_known(
    const struct fetchtask *t, unsigned long version, const char *created)
{
	uint64_t made = hash_of(created), known = task_of(t)->made;

	return version == task_of(t)->version &&
	       (!made || !known || made == known);
}

static void finish(struct fetchtask *t, bool unchanged, uint64_t version)
{
	t->step = FETCHTASK_DONE;
	t->reply = (struct handoff_reply){ .type = HANDOFF_SECRET };
	t->reply.u.secret.index = t->index;
	t->reply.u.secret.version = version;
	t->reply.u.secret.unchanged = unchanged;
	t->reply.u.secret.lease = t->lease;
}

/* A store that does not say which mount serves a path may still serve it. */
static void on_mount(struct fetchtask *t, const struct fetchtask_answer *a)
{
	if (a->status == 429 || a->status >= 500) {
		fail_by_answer(t, a);
		return;
	}
	t->has_mount =
	    a->status == HTTP_OK && !vault_read_mount(&t->mount, a->body, a->n);
	t->step = is_kv2(t) && task_of(t)->verb == HANDOFF_CHECK
		      ? FETCHTASK_METADATA
		      : FETCHTASK_DATA;
}

/* A policy that allows data/ and not metadata/ is common: then the data say
 * which version it is. */
static void on_metadata(struct fetchtask *t, const struct fetchtask_answer *a)
{
	struct vault_version v;

	if (a->status == HTTP_OK && !vault_read_version(&v, a->body, a->n) &&
	    is_known(t, v.number, v.created))
		finish(t, true, v.number);
	else
		t->step = FETCHTASK_DATA;
}

/* Its names, for the hint; never a value. */
static void list_fields(
    char *to, size_t room, const struct vault_secret *secret)
{
	size_t used = 0;

	to[0] = '\0';
	for (size_t i = 0; i < secret->n_fields && used < room; i++)
		used += (size_t)snprintf(to + used, room - used, "%s%s",
		    i ? ", " : "", secret->fields[i].name);
}

static void fail_field(
    struct fetchtask *t, const struct vault_secret *secret, const char *field)
{
	char names[FAULT_HINT_MAX / 2];
	struct fault f = FAULT_NONE;

	list_fields(names, sizeof(names), secret);
	fault_set(&f, -ENOENT, "check --map, or write that field to the secret",
	    "there is no field '%s' in it, only: %s", field, names);
	fetchtask_fail(t, false, &f);
}

static void send_fields(struct fetchtask *t, const struct vault_secret *secret,
    fetchtask_send_fn send, void *ctx)
{
	const struct handoff_task *task = task_of(t);

	for (size_t i = 0; i < task->n_fields; i++) {
		const char *field = t->job->fields[t->first_field + i];
		const struct secret *value = vault_secret_field(secret, field);

		if (!value) {
			fail_field(t, secret, field);
			return;
		}
		if (secret_size(value) > HANDOFF_VALUE_MOST) {
			fail(t, -EMSGSIZE, "a value is larger than 1 MiB",
			    "keep large data elsewhere, and its key here");
			return;
		}
		if (send(ctx, task->first_item + i, value)) {
			fail(t, -ENOMEM, "no memory that can be locked",
			    "raise RLIMIT_MEMLOCK");
			return;
		}
	}
	finish(t, false, secret->version);
}

static void take_secret(struct fetchtask *t, const struct vault_secret *secret,
    fetchtask_send_fn send, void *ctx)
{
	const struct handoff_task *task = task_of(t);

	if (task->verb == HANDOFF_CHECK && secret->version &&
	    is_known(t, secret->version, secret->created)) {
		finish(t, true, secret->version);
		return;
	}
	send_fields(t, secret, send, ctx);
	if (t->reply.type != HANDOFF_SECRET)
		return;
	t->reply.u.secret.made = hash_of(secret->created);
	handoff_copy_lease(t->lease, secret->lease_id);
	t->reply.u.secret.lease_s = (uint32_t)secret->lease_s;
	t->reply.u.secret.renewable = secret->renewable;
}

static void on_data(struct fetchtask *t, const struct fetchtask_answer *a,
    fetchtask_send_fn send, void *ctx)
{
	struct vault_secret secret = { .n_fields = 0 };
	int r;

	if (a->status != HTTP_OK) {
		fail_by_answer(t, a);
		return;
	}
	r = vault_read_secret(&secret, a->body, a->n);
	if (r == VAULT_E_DELETED)
		fail(t, -ENOENT, "its newest version is deleted",
		    "write a new one, or undelete it");
	else if (r)
		fail(t, r, "the answer is not a secret",
		    "is this a path to read? is there a proxy in between?");
	else
		take_secret(t, &secret, send, ctx);
	vault_secret_clear(&secret);
}

/* Another engine's path may have data/ in it by chance: what is refused is
 * asked for again by its mount. */
static void on_straight(struct fetchtask *t, const struct fetchtask_answer *a,
    fetchtask_send_fn send, void *ctx)
{
	if (a->status >= 400 && a->status < 500 && a->status != 429)
		t->step = FETCHTASK_MOUNT;
	else
		on_data(t, a, send, ctx);
}

/* What cannot be renewed is read anew. */
static void on_lease(struct fetchtask *t, const struct fetchtask_answer *a)
{
	struct vault_lease lease;

	if (a->status == 429 || a->status >= 500) {
		fail_by_answer(t, a);
		return;
	}
	if (a->status != HTTP_OK || vault_read_lease(&lease, a->body, a->n)) {
		t->step = FETCHTASK_MOUNT;
		return;
	}
	finish(t, true, task_of(t)->version);
	handoff_copy_lease(t->lease, task_of(t)->lease);
	t->reply.u.secret.lease_s = (uint32_t)lease.seconds;
	t->reply.u.secret.renewable = lease.renewable;
}

void fetchtask_answer(struct fetchtask *t, const struct fetchtask_answer *a,
    fetchtask_send_fn send, void *ctx)
{
	switch (t->step) {
	case FETCHTASK_STRAIGHT:
		on_straight(t, a, send, ctx);
		break;
	case FETCHTASK_MOUNT:
		on_mount(t, a);
		break;
	case FETCHTASK_METADATA:
		on_metadata(t, a);
		break;
	case FETCHTASK_DATA:
		on_data(t, a, send, ctx);
		break;
	case FETCHTASK_LEASE:
		on_lease(t, a);
		break;
	case FETCHTASK_DONE:
	default:
		break;
	}
}
