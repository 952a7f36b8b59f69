/* devstore/tokens.h: auth/token/: create, lookup, renew, revoke. */
#pragma once
#include "devstore/policies.h"

/** tokens_handle() - @from: the first segment below auth/token
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int tokens_handle(struct token_set *set, struct ask *a, size_t from);
/** auth_json() - the auth part of an answer that hands out @t */
json_t *auth_json(const struct token *t, int64_t now_ms);
