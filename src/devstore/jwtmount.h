/* devstore/jwtmount.h: one mount of the JWT auth method, with static keys.
 *
 * auth/MOUNT/config (jwt_validation_pubkeys, bound_issuer, jwt_supported_algs,
 * default_role), auth/MOUNT/role/NAME, auth/MOUNT/login. A role binds a token
 * to audiences, a subject and claims, and says which policies and how long a
 * life a login gives. What OpenBao knows and this does not is refused unless
 * empty.
 */
#pragma once
#include "devstore/ask.h"

enum {
	JWTMOUNT_ROLES_MOST = 256,
	JWTMOUNT_KEYS_MOST = 16,
	JWTMOUNT_AUDIENCES_MOST = 32, /* of a role */
	JWTMOUNT_ALGORITHMS_MOST = 8,
	JWTMOUNT_PATH_MOST = 100,
	JWTMOUNT_SKEW_S = 60, /* leeway unless the role states one */
};

struct jwtmount;
struct jwtmount_options {
	const char *path;	   /* "ct-x"; copied */
	const struct space *space; /* borrowed, as @tokens */
	struct token_set *tokens;
	struct keep_at at; /* where its configuration and roles are kept */
};
MUST_USE int jwtmount_new(
    struct jwtmount **out, const struct jwtmount_options *o);
void jwtmount_free(struct jwtmount *m);
/** jwtmount_revoke() - all tokens that came from here */
void jwtmount_revoke(struct jwtmount *m);
/** jwtmount_restore() - its configuration, or a role, that were kept */
MUST_USE int jwtmount_restore(
    struct jwtmount *m, enum keep_kind kind, const struct keep_row *row);
/** jwtmount_handle() - @from: the first segment below the mount
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int jwtmount_handle(struct jwtmount *m, struct ask *a, size_t from);
