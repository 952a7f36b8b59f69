/* bridge/account.h: who the bridge is at its store: a token of its own, got,
 * renewed, and got anew.
 *
 * By AppRole (a role-id and a secret-id), or from a file that somebody else
 * keeps fresh. A token from a login is renewed at two thirds of its life; where
 * it can be renewed no longer, or the store refuses it, the next login follows.
 * While the store does not answer, it is asked again with back-off. Neither
 * token nor secret-id is ever logged.
 */
#pragma once
#include "base/fault.h"
#include "base/secret.h"
#include "bridge/store.h"

struct account;
struct loop;

enum {
	/* between two tries: a time drawn up to a ceiling, which grows from the
	 * first to the second */
	ACCOUNT_REST_LEAST_MS = 500,
	ACCOUNT_REST_MOST_MS = 10000,
	/* between two logins because a token was refused: at first so long,
	 * and twice as long each time; all is forgotten once none was for
	 * ACCOUNT_CALM_MS */
	ACCOUNT_LOGIN_LEAST_MS = 5000,
	ACCOUNT_REFUSALS_MOST = 6, /* 320 s */
	ACCOUNT_CALM_MS = 60000,
};

struct account_counts {
	uint64_t logins, renewals, failures;
};

struct account_config {
	struct store *store; /* both borrowed until account_close() */
	const char *realm;   /* for the log */
	const char *login;   /* AppRole: "auth/pharos-approle/login" */
	const char *role_id;
	const struct secret *secret_id;
	const char *token_file; /* in place of the three above */
	/* a token is there: the first, or after none was; from the loop, and
	 * not for one that is there when account_open() returns */
	void (*ready)(void *ctx);
	void *ctx;
};
/** account_open() - begin; all else is copied
 * Return: 0; -errno or -EINVAL with @fault: the token's file; -ENOMEM. */
MUST_USE int account_open(struct account **out, struct loop *loop,
    const struct account_config *config, struct fault *fault);
/** account_close() - calls under way are cancelled; the token is wiped, not
 * revoked: a replica or the next start may be about to log in, and it ends by
 * itself; NULL is fine */
void account_close(struct account *a);

/** account_ready() - is there a token? */
bool account_ready(const struct account *a);

/* What the store said to a call with our token. @answer: borrowed, NULL when
 * none came; @fault: NULL when its status is 2xx, else what a person should
 * know, with the code of vault_fault(). Called once, from the loop; the account
 * is not closed from it. */
typedef void (*account_fn)(
    void *ctx, const struct web_answer *answer, const struct fault *fault);
struct account_ask;
/** account_ask() - call the store as who we are
 * A 403 may mean that the token is gone: then there is a login or a look into
 * the file, but not too often, since a right may be missing as well.
 * @out: for account_ask_cancel(), until @fn is called. @call: copied.
 * Return: 0; ACCOUNT_E_OUT: there is no token; ACCOUNT_E_BUSY: too many calls
 * are under way; -ENOMEM. */
enum { ACCOUNT_E_OUT = 1, ACCOUNT_E_BUSY };
MUST_USE int account_ask(struct account_ask **out, struct account *a,
    const struct vault_call *call, account_fn fn, void *ctx);
/** account_ask_cancel() - @fn is not called; NULL is fine */
void account_ask_cancel(struct account_ask *k);

/** account_replace() - log in with these from now on; both are copied
 * Return: 0; -ENOMEM. */
MUST_USE int account_replace(
    struct account *a, const char *role_id, const struct secret *secret_id);
/** account_reload() - read the token's file again
 * Return: 0, also without one; -errno or -EINVAL with @fault: the old token
 * stays. */
MUST_USE int account_reload(struct account *a, struct fault *fault);
/** account_trouble() - why there is no token, or why it could not be renewed;
 * "" when all is well */
const char *account_trouble(const struct account *a);
const struct account_counts *account_counts(const struct account *a);
struct loop *account_loop(const struct account *a);
const char *account_realm(const struct account *a);
