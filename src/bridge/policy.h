/* bridge/policy.h: which requests may pass to the store, and as what. Pure.
 *
 * A request is judged by its head; what passes is written anew from the parts
 * that were judged (policy_rewrite), so nothing that was not understood reaches
 * the store. What passes: JWT login of the bridge's own mount, reads and lists
 * below the allowed paths, lease and token renewal, lookup and revocation of
 * the caller's own token, and what stock clients ask of sys/ before they read.
 */
#pragma once
#include "base/fault.h"
#include "wire/http.h"
#include "wire/vault.h"

struct policy;

struct policy_config {
	const char *const *allow_paths; /* "secret/", at least one */
	size_t n_allow_paths;
	const char *auth_mount; /* "jwt" */
};

/** policy_new() - Return: 0; -EINVAL with @fault: not a path; -ENOMEM. */
MUST_USE int policy_new(struct policy **out, const struct policy_config *config,
    struct fault *fault);
void policy_free(struct policy *p);

/* Why a request does not pass; each has a counter and a text. */
enum policy_reason {
	POLICY_PASSES,
	POLICY_NAMESPACE, /* it names a namespace of the store itself */
	POLICY_PATH,	  /* not a path that everybody reads alike */
	POLICY_OUTSIDE,	  /* not below an allowed path */
	POLICY_MOUNT,	  /* a login at another mount */
	POLICY_OPERATION, /* writing, deleting, listing mounts, sys/, auth/ */
	POLICY_BODY,	  /* a body that is not the operation's */
	POLICY_REASON_COUNT
};
const char *policy_reason_name(enum policy_reason reason); /* for metrics */

struct policy_verdict {
	enum policy_reason reason;
	char text[FAULT_TEXT_MAX]; /* for the client, when it does not pass */
	enum vault_operation operation;
	struct vault_path path;
	const char *method; /* constant */
	bool takes_body;    /* policy_rewrite() wants the request's body */
};
enum { POLICY_BODY_MOST = 16 * 1024 };

/** policy_judge() - by the head alone */
void policy_judge(const struct policy *p, const struct http_head *head,
    struct policy_verdict *out);
/** policy_rewrite() - the request that goes to the store
 * @verdict: one that passes. @body: of the request, when takes_body.
 * Return: 0; -EINVAL: the body is not the operation's (POLICY_BODY); -ENOMEM.
 */
MUST_USE int policy_rewrite(const struct policy_verdict *verdict,
    const void *body, size_t n, struct vault_call *out);
