/* devstore/approle.h: one mount of the AppRole auth method: a program logs in
 * with a role-id, which names it, and a secret-id, which proves it.
 *
 * auth/MOUNT/role/NAME, …/role-id, …/secret-id, …/custom-secret-id, …/secret-id
 * and …/secret-id-accessor with lookup and destroy, auth/MOUNT/login,
 * auth/MOUNT/tidy/secret-id. What OpenBao knows and this does not (addresses
 * that a role is bound to) is refused unless empty.
 */
#pragma once
#include "devstore/ask.h"

enum { APPROLE_ROLES_MOST = 64 };

struct approle;
struct approle_options {
	const char *path;	   /* "approle"; copied */
	const struct space *space; /* borrowed, as the rest */
	struct token_set *tokens;
	void (*random)(void *to, size_t n);
	struct keep_at at; /* where roles and secret-ids are kept */
};
MUST_USE int approle_new(struct approle **out, const struct approle_options *o);
void approle_free(struct approle *m);
/** approle_revoke() - all tokens that came from here */
void approle_revoke(struct approle *m);
/** approle_restore() - a role or a secret-id that was kept */
MUST_USE int approle_restore(
    struct approle *m, enum keep_kind kind, const struct keep_row *row);
/** approle_handle() - @from: the first segment below the mount
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int approle_handle(struct approle *m, struct ask *a, size_t from);
