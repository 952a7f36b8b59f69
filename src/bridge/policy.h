/* bridge/policy.h: which requests may reach the store, and what is sent for
 * them. Pure: a request in, a verdict out.
 *
 * The list (doc/threat-model.md says why it is short):
 *   login        POST auth/OWN-MOUNT/login
 *   reads        GET and LIST below an allowed path, of any engine
 *   renewal      POST sys/leases/renew, auth/token/renew-self
 *   own token    GET auth/token/lookup-self, POST auth/token/revoke-self
 *   status       sys/health, sys/seal-status, sys/internal/ui/mounts[/PATH]
 * All else is refused, with a reason and a counter, before the store sees it.
 *
 * What is allowed is not forwarded but written anew: the path from its decoded
 * segments, the query and the body from the few members that the operation has,
 * and of the headers the token alone. A request whose meaning would change by
 * that (a namespace, a wrapping time, a parameter we do not know) is refused.
 */
#pragma once
#include "base/fault.h"
#include "wire/http.h"
#include "wire/vault.h"

enum {
	POLICY_ALLOW_MOST = 64,
	POLICY_MOUNT_MOST = 128,
	POLICY_BODY_MOST = 16 * 1024, /* of a login or a renewal */
};

struct policy {
	struct vault_path allow[POLICY_ALLOW_MOST];
	size_t n_allow;
	char mount[POLICY_MOUNT_MOST]; /* "jwt": of auth/jwt/login */
};

/** policy_init() - @paths as a person writes them ("secret/", "db/creds/app")
 * Return: 0; -EINVAL with @fault: a path or the mount cannot be one, or names
 * what is never allowed (sys/, auth/). */
MUST_USE int policy_init(struct policy *p, const char *const *paths, size_t n,
    const char *mount, struct fault *fault);

enum policy_reason {
	POLICY_ALLOWED,
	POLICY_PATH,	  /* cannot be read without doubt */
	POLICY_OPERATION, /* not on the list */
	POLICY_OUTSIDE,	  /* a read outside the allowed paths */
	POLICY_MOUNT,	  /* a login at another mount */
	POLICY_QUERY,	  /* a parameter that the operation has not */
	POLICY_NAMESPACE, /* the client names a namespace */
	POLICY_HEADER,	  /* a header of the store's that does not cross */
	POLICY_TOKEN,	  /* none, two different ones, or not a token */
	POLICY_BODY,	  /* too large, or not what the operation has */
	POLICY_REASON_COUNT,
};
/** policy_reason_name() - for metrics and logs: "outside" */
const char *policy_reason_name(enum policy_reason r);
/** policy_reason_status() - of HTTP: 403; 400 for a body, 413 if too large */
int policy_reason_status(enum policy_reason r);
/** policy_reason_text() - for whoever asked; one line */
const char *policy_reason_text(enum policy_reason r);

struct policy_verdict {
	enum policy_reason reason;
	enum vault_operation op;
	struct vault_path path; /* when it could be read */
	bool wants_body;	/* policy_judge_body() comes next */
	struct vault_call call; /* complete, unless wants_body */
	struct secret *token;	/* to send; NULL: none */
};
/** policy_judge() - by everything but the body
 * @out: policy_verdict_clear() it. Look at @out->reason.
 * Return: 0; -ENOMEM. */
MUST_USE int policy_judge(const struct policy *p, const struct http_head *head,
    struct policy_verdict *out);
/** policy_judge_body() - the rest, for a verdict that wants the body
 * Return: 0; -ENOMEM. */
MUST_USE int policy_judge_body(const struct policy *p,
    struct policy_verdict *verdict, const void *body, size_t n);
void policy_verdict_clear(struct policy_verdict *v); /* repeatable */
