/* devstore/jwtlogin.h: auth/MOUNT/login of a JWT mount. */
#pragma once
#include "devstore/jwtmount.h"
#include "wire/jwt.h"

/* What a login is judged by; all borrowed. */
struct jwt_login {
	const char *path;     /* of the mount */
	const json_t *config; /* of the mount */
	const struct jwt_keys *keys;
	struct token_set *tokens;
	const char *role_name;
	const json_t *role;
};
/** jwt_login() - Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int jwt_login(const struct jwt_login *l, struct ask *a);
