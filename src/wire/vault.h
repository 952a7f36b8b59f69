/* wire/vault.h: the secret store's API (OpenBao, Vault) as far as we speak it:
 * requests are built here, answers are read here, and errors get their words.
 *
 * Pure: bytes in, bytes out. A caller sends a struct vault_call as it likes
 * (libcurl in the bridge, our own client in the wrapper) and gives the answer's
 * body to a reader. Tokens and values come out as struct secret, never as text.
 * Answers are JSON; jansson keeps its copies on the heap, so a program calls
 * vault_wipe_json() first thing in main.
 */
#pragma once
#include "base/fault.h"
#include "base/secret.h"
#include "wire/vaultpath.h"
#include <jansson.h>

enum {
	VAULT_TOKEN_MOST = 8192,	     /* of a token or a JWT */
	VAULT_ANSWER_MOST = 2 * 1024 * 1024, /* bytes of an answer */
	VAULT_FIELDS_MOST = 256,	     /* of one secret */
	VAULT_NAME_MOST = 128, /* of a field's name, a role, a policy */
	VAULT_LEASE_ID_MOST = 512,
	VAULT_TIME_MOST = 40, /* an RFC 3339 time as the store writes it */
};

/** vault_wipe_json() - from now on jansson's memory is wiped when it is freed,
 * and a process that has none for jansson ends, since jansson cannot bear that
 */
void vault_wipe_json(void);

/** vault_secret_from_json() - the text of @j, which may hold what is secret
 * @flags: of json_dumps()
 * Return: 0; -ENOMEM. */
MUST_USE int vault_secret_from_json(
    struct secret **out, const json_t *j, size_t flags);

/* A request to the store. Of its headers the caller adds X-Vault-Token when
 * needs_token, X-Vault-Request: true always, and with a body
 * Content-Type: application/json. */
struct vault_call {
	const char *method; /* constant */
	char target[VAULT_TARGET_MOST];
	struct secret *body; /* JSON; NULL: none */
	bool needs_token;
};
/** vault_call_clear() - frees the body; repeatable */
void vault_call_clear(struct vault_call *c);

/* Builders. Return: 0; -EINVAL: a part cannot be put into a request (a path by
 * the rules of wire/vaultpath.h, a JWT that is not one); -ENOMEM. On failure
 * @out is untouched. */

/** vault_call_login() - auth/@mount/login with a JWT */
MUST_USE int vault_call_login(struct vault_call *out, const char *mount,
    const char *role, const struct secret *jwt);
/** vault_call_get() - read @path ("secret/data/team/db", "database/creds/x")
 * @version: of a KV v2 secret; 0: the newest */
MUST_USE int vault_call_get(
    struct vault_call *out, const char *path, unsigned long version);
/** vault_call_mount_of() - ask which mount serves @path; vault_read_mount() */
MUST_USE int vault_call_mount_of(struct vault_call *out, const char *path);
/** vault_call_renew_self() - @increment_s: wished for; 0: the store decides */
MUST_USE int vault_call_renew_self(struct vault_call *out, long increment_s);
MUST_USE int vault_call_revoke_self(struct vault_call *out);
/* A token that lives no longer than this ends by itself: to give it up would be
 * a request of the store for each pod, to end what ends at once. Who keeps one
 * has it renewed for VAULT_TOKEN_KEPT_S. */
enum { VAULT_TOKEN_BRIEF_S = 60, VAULT_TOKEN_KEPT_S = 600 };
MUST_USE int vault_call_lease_renew(
    struct vault_call *out, const char *lease_id, long increment_s);

/** vault_call_plain() - any other
 * @method: constant. @path: without /v1/. @body: borrowed; NULL: none. */
MUST_USE int vault_call_plain(struct vault_call *out, const char *method,
    const char *path, const json_t *body);

/** vault_copy_login(), vault_copy_renew(), vault_copy_lease() - read a client's
 * body for that operation and build the request anew from the fields that the
 * operation has; a bridge forwards what this makes, never a client's bytes
 * @mount: the segments between auth/ and /login.
 * Return: 0; -EINVAL: not JSON, a field missing or of a wrong kind; -ENOMEM. */
MUST_USE int vault_copy_login(
    struct vault_call *out, const char *mount, const void *body, size_t n);
MUST_USE int vault_copy_renew(
    struct vault_call *out, const void *body, size_t n);
MUST_USE int vault_copy_lease(
    struct vault_call *out, const void *body, size_t n);

/* Readers. Return: 0; -EBADMSG: not what the store answers (not JSON, a part
 * missing or of a wrong kind, more than the limits); -ENOMEM. */

struct vault_auth {
	struct secret *token;
	bool renewable;
	long lease_s; /* 0: does not end */
};
/** vault_read_auth() - of login, token create and renew */
MUST_USE int vault_read_auth(
    struct vault_auth *out, const void *body, size_t n);
void vault_auth_clear(struct vault_auth *a);

struct vault_field {
	char name[VAULT_NAME_MOST + 1];
	struct secret *value; /* a string as it is; other JSON as its text */
};
struct vault_secret {
	struct vault_field *fields;
	size_t n_fields;
	unsigned long version; /* KV v2; 0: another engine */
	char created[VAULT_TIME_MOST];
	char lease_id[VAULT_LEASE_ID_MOST]; /* "" without a lease */
	long lease_s;
	bool renewable;
};
/** vault_read_secret() - of a read: KV v2's data/ (recognised by its data and
 * metadata), KV v1 or a dynamic engine
 * Return: as above; VAULT_E_DELETED: that version is deleted or destroyed. */
enum { VAULT_E_DELETED = 1 };
MUST_USE int vault_read_secret(
    struct vault_secret *out, const void *body, size_t n);
void vault_secret_clear(struct vault_secret *s);
/** vault_read_lease() - of a lease's renewal */
struct vault_lease {
	long seconds;
	bool renewable;
};
MUST_USE int vault_read_lease(
    struct vault_lease *out, const void *body, size_t n);
/** vault_secret_field() - NULL when there is none of that name; borrowed */
const struct secret *vault_secret_field(
    const struct vault_secret *s, const char *name);

struct vault_version {
	unsigned long number;
	char created[VAULT_TIME_MOST]; /* "" if it is not told */
};
/** vault_read_version() - the current version, of a KV v2 metadata/ read */
MUST_USE int vault_read_version(
    struct vault_version *out, const void *body, size_t n);

struct vault_mount {
	char path[VAULT_PATH_MOST]; /* "secret/" */
	char type[32];		    /* "kv" */
	unsigned version;	    /* of KV: 1 or 2; else 0 */
};
/** vault_read_mount() - of vault_call_mount_of() */
MUST_USE int vault_read_mount(
    struct vault_mount *out, const void *body, size_t n);
/** vault_kv_path() - the path to read or watch a secret as written by a person,
 * who may or may not have put the data/ in
 * @kind: "data" or "metadata". @path: below @mount.
 * Return: 0; -EINVAL: not below the mount, not KV v2, or a bad path. */
MUST_USE int vault_kv_path(char to[VAULT_PATH_MOST],
    const struct vault_mount *mount, const char *kind, const char *path);

/* An answer that is not the one that was asked for. */
struct vault_failure {
	const char *store;	  /* "https://store:8200": names the hop */
	int status;		  /* of HTTP */
	const char *content_type; /* or NULL */
	const void *body;
	size_t n;
};
/** vault_fault() - what a person should know about it
 * Text: `store https://…: 403 permission denied: <the store's own words>`;
 * hint: what to do about that status.
 * Return: -EACCES (401, 403), -ENOENT (404), -EAGAIN (429, 5xx: worth another
 * try), -EINVAL (other 4xx), -EBADMSG (not the store's kind of answer: HTML,
 * nothing, a redirect). */
int vault_fault(struct fault *f, const struct vault_failure *failure);
/** vault_is_nothing() - is it how the store says that there is no such thing?
 * Another server's 404 has another shape. */
bool vault_is_nothing(const struct vault_failure *failure);
/** vault_errors() - the store's own words, joined with "; "
 * Return: how many there were; 0 leaves "" (an answer of another kind too). */
size_t vault_errors(char *to, size_t room, const void *body, size_t n);
/** vault_errors_body() - `{"errors":["…"]}`, the shape that clients read
 * Return: the length; cut to @room. */
size_t vault_errors_body(char *to, size_t room, const char *text);
