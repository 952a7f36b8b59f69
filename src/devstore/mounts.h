/* devstore/mounts.h: which engine and which auth method answers below a path,
 * and sys/mounts, sys/auth, sys/internal/ui/mounts.
 */
#pragma once
#include "devstore/approle.h"
#include "devstore/jwtmount.h"
#include "devstore/kv.h"
#include "devstore/pkimount.h"
#include "devstore/policies.h"

enum { MOUNTS_MOST = 64 };

enum mount_kind {
	MOUNT_SYSTEM,
	MOUNT_KV,
	MOUNT_TOKEN,
	MOUNT_JWT,
	MOUNT_APPROLE,
	MOUNT_PKI,
};

struct mount {
	char path[JWTMOUNT_PATH_MOST + 2]; /* "secret/"; auth: "ct-x/" */
	struct vault_path segments;	   /* the same, for comparing */
	enum mount_kind kind;
	bool auth;	   /* below auth/ */
	bool of_namespace; /* of one that is not the root */
	char description[128];
	char accessor[32], uuid[KEEP_OWNER_SIZE + 1];
	struct kv *kv;		 /* MOUNT_KV */
	struct jwtmount *jwt;	 /* MOUNT_JWT */
	struct approle *approle; /* MOUNT_APPROLE */
	struct pkimount *pki;	 /* MOUNT_PKI */
	int64_t most_s;		 /* max_lease_ttl; 0: the store's */
};

struct mounts;
/** mounts_new() - with none
 * @random: as token_set_new() */
MUST_USE int mounts_new(struct mounts **out, const struct space *space,
    struct token_set *tokens, void (*random)(void *to, size_t n));
void mounts_free(struct mounts *m);
/** mounts_begin() - sys/ and auth/token/; in the root namespace also KV version
 * 2 at secret/
 * mounts_restore() - a mount that was kept, or (any other @kind) something of
 * one: @row->owner is its UUID
 * Return: as keep_row_fn; MOUNTS_E_OTHER: no mount here has that UUID. */
enum { MOUNTS_E_OTHER = 1 };
MUST_USE int mounts_begin(struct mounts *m);
MUST_USE int mounts_restore(
    struct mounts *m, enum keep_kind kind, const struct keep_row *row);
/** mounts_forget() - its rows, before a namespace goes */
void mounts_forget(const struct mounts *m);
/** mounts_find() - who answers at @p
 * @from: set to the first segment that is the mount's own business
 * Return: NULL: nobody. */
struct mount *mounts_find(
    struct mounts *m, const struct vault_path *p, size_t *from);
/** mounts_below() - the path of a mount (not of auth) in which @name is the
 * first segment; NULL: none */
const char *mounts_below(const struct mounts *m, const char *name);
/** mounts_handle() - sys/mounts (@auth false) and sys/auth
 * mounts_handle_ui() - sys/internal/ui/mounts: what a token has anything in
 * @from: the first segment of the mount's path
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int mounts_handle(
    struct mounts *m, struct ask *a, size_t from, bool auth);
MUST_USE int mounts_handle_ui(struct mounts *m, struct ask *a, size_t from);
/** uuid_text() - a random UUID of version 4 */
void uuid_text(char to[37], void (*random)(void *to, size_t n));
