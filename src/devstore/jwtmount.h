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
/** jwtmount_new() - @path ("ct-x") is copied, @tokens and @space are borrowed
 */
MUST_USE int jwtmount_new(struct jwtmount **out, const char *path,
    const struct space *space, struct token_set *tokens);
void jwtmount_free(struct jwtmount *m);
/** jwtmount_revoke() - all tokens that came from here */
void jwtmount_revoke(struct jwtmount *m);
/** jwtmount_handle() - @from: the first segment below the mount
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int jwtmount_handle(struct jwtmount *m, struct ask *a, size_t from);
