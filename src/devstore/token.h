/* devstore/token.h: the tokens that are good now.
 *
 * A token knows the policies by name, how long it lives, how often it may still
 * be used, and whose child it is: with a token its children end, unless they
 * are orphans. Times are milliseconds since 1970, passed in. The token itself
 * lies in a struct secret.
 */
#pragma once
#include "base/secret.h"
#include "base/table.h"
#include "devstore/space.h"
#include <jansson.h>

enum {
	TOKEN_MOST = 1024, /* at once */
	TOKEN_POLICIES_MOST = 16,
	TOKEN_NAME_MOST = 256, /* of a policy, a display name, a path */
	TOKEN_ID_SIZE = 26,    /* "s." and 24 characters */
	TOKEN_ACCESSOR_SIZE = 24,
	TOKEN_ENDING_SIZE = SPACE_ID_SIZE + 1, /* ".id", in a namespace */
};
#define TOKEN_TTL_MS (768LL * 3600 * 1000) /* the store's default, and most */

struct token {
	struct table_node node;
	struct token *parent, *next; /* next: of the set */
	struct space *space;	     /* whose it is; borrowed */
	struct secret *id;
	char accessor[TOKEN_ACCESSOR_SIZE + TOKEN_ENDING_SIZE + 1];
	char policies[TOKEN_POLICIES_MOST][TOKEN_NAME_MOST + 1]; /* sorted */
	size_t n_policies;
	char display_name[TOKEN_NAME_MOST + 1];
	char path[TOKEN_NAME_MOST + 1];	       /* that made it */
	json_t *meta;			       /* or NULL */
	int64_t created_ms, renewed_ms;	       /* renewed: 0 never */
	int64_t expires_ms;		       /* 0: never */
	int64_t ttl_ms, first_ttl_ms, most_ms; /* most: 0 none stated */
	int64_t period_ms;
	long uses_left; /* 0: as often as one likes */
	bool orphan, renewable, batch;
	bool spent; /* over, and about to be dropped */
};

struct token_set;

/* @random: fill @n bytes with random ones */
MUST_USE int token_set_new(
    struct token_set **out, void (*random)(void *to, size_t n));
void token_set_free(struct token_set *s);

/* What a new token shall be; see struct token. */
struct token_order {
	const struct secret *id; /* NULL: a random one */
	struct token *parent;	 /* NULL: an orphan */
	struct space *space;	 /* borrowed, outlives it */
	const char *path, *display_name;
	json_t *meta; /* borrowed */
	const char *policies[TOKEN_POLICIES_MOST];
	size_t n_policies;
	int64_t ttl_ms, most_ms, period_ms; /* ttl 0: never ends */
	long uses;
	bool renewable, batch;
};
enum { TOKEN_E_FULL = 1, TOKEN_E_TAKEN };
/** token_make() - Return: 0; TOKEN_E_FULL; TOKEN_E_TAKEN; -ENOMEM. */
MUST_USE int token_make(struct token **out, struct token_set *s,
    const struct token_order *order, int64_t now_ms);
/** token_find() - the token, if it is good now; NULL otherwise */
struct token *token_find(
    struct token_set *s, const void *id, size_t n, int64_t now_ms);
struct token *token_find_accessor(
    struct token_set *s, const char *accessor, int64_t now_ms);
/** token_use() - count one use; after the last it is no longer found, but
 * stays until token_set_sweep() */
void token_use(struct token *t);
/** token_renew() - for another @wish_ms (0: the usual), within its bounds
 * Return: 0; -EPERM: it cannot be renewed. */
MUST_USE int token_renew(struct token *t, int64_t wish_ms, int64_t now_ms);
/** token_revoke() - it and its children */
void token_revoke(struct token_set *s, struct token *t);
/** token_revoke_path() - all that were made by that path of the namespace, and
 * their children
 * token_revoke_space() - all of the namespace, and their children */
void token_revoke_path(
    struct token_set *s, const struct space *space, const char *path);
void token_revoke_space(struct token_set *s, const struct space *space);
/** token_set_sweep() - forget what has ended by @now_ms; nothing else forgets,
 * so a token found after it stays until the next one or a revocation */
void token_set_sweep(struct token_set *s, int64_t now_ms);
/** token_restore() - a token that was kept; one that has ended, or whose parent
 * has, is forgotten
 * @space: whose it is
 * Return: as keep_row_fn. */
MUST_USE int token_restore(struct token_set *s, struct space *space,
    const struct keep_row *row, int64_t now_ms);
size_t token_count(const struct token_set *s);
/** token_letters() - @n random letters and digits, and a NUL */
void token_letters(char *to, size_t n, void (*random)(void *to, size_t n));
/** token_text() - a random token's text: @kind ('s' or 'b'), a dot, letters and
 * digits */
void token_text(
    char to[TOKEN_ID_SIZE + 1], char kind, void (*random)(void *to, size_t n));
bool token_has_policy(const struct token *t, const char *name);
