/* devstore/logintoken.h: the token that a login gives, as the role says. */
#pragma once
#include "devstore/token.h"

struct ask;

struct login_token {
	const char *path;    /* of the mount */
	const char *display; /* what the token is called */
	const json_t *role;  /* its token_* members */
	json_t *meta;	     /* borrowed */
	struct token_set *tokens;
};
/** login_token_give() - into a->space
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int login_token_give(const struct login_token *l, struct ask *a);
/** login_token_check() - what must hold between a role's token_* members
 * Return: 0; -EINVAL: the reply says so. */
MUST_USE int login_token_check(struct ask *a, const json_t *role);

/* The token_* members that both kinds of roles have: for a table of members,
 * and their defaults. */
#define LOGIN_TOKEN_MEMBERS                                                    \
	{ "token_policies", MEMBER_TEXTS }, { "token_ttl", MEMBER_SECONDS },   \
	    { "token_max_ttl", MEMBER_SECONDS },                               \
	    { "token_explicit_max_ttl", MEMBER_SECONDS },                      \
	    { "token_period", MEMBER_SECONDS },                                \
	    { "token_num_uses", MEMBER_NUMBER },                               \
	    { "token_no_default_policy", MEMBER_BOOL },                        \
	    { "token_type", MEMBER_TEXT },                                     \
	    { "token_bound_cidrs", MEMBER_EMPTY },                             \
	{                                                                      \
		"token_strictly_bind_ip", MEMBER_EMPTY                         \
	}
json_t *login_token_defaults(void);
