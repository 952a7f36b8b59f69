/* wire/grant.h: who may read what: a ServiceAccount's role at a JWT mount of
 * the store, and its policy, as `pharos source grant` writes them.
 *
 * Both have the name NAMESPACE.ACCOUNT (a namespace has no dot), which is the
 * role that pharos-wrapper logs in with. The role takes that subject alone; the
 * policy lets it read the paths that were granted and look after its own token,
 * and is the only one that the token has. Pure.
 */
#pragma once
#include "wire/changes.h"

enum {
	GRANT_NAME_MOST = 63 + 1 + 253,
	GRANT_POLICY_MOST = 64 + GRANT_NAME_MOST, /* behind a space's prefix */
	GRANT_PATHS_MOST = 64,			  /* that a person gives */
	/* life of a token, until it is renewed */
	GRANT_TOKEN_S = VAULT_TOKEN_BRIEF_S,
	GRANT_AUDIENCE = 7 + 64 /* "pharos:", the info hash */
};

/** grant_name() - "team-a.web"
 * Return: 0; -EINVAL with @fault: no name of a Kubernetes namespace (a DNS
 * label), or of a ServiceAccount (a DNS subdomain). */
MUST_USE int grant_name(char out[GRANT_NAME_MOST + 1], const char *name_space,
    const char *account, struct fault *fault);

/* A path that is granted. */
struct grant_path {
	char read[VAULT_PATH_MOST];	/* "secret/data/team-a/web" or "…*" */
	char metadata[VAULT_PATH_MOST]; /* of KV version 2; else "" */
};
/** grant_check() - Return: 0; -EINVAL with @fault: the path that a person wrote
 * is none that can be granted: a wildcard elsewhere than as its last segment,
 * what a policy would read as a template, a path of the store's own. */
MUST_USE int grant_check(const char *path, struct fault *fault);
/** grant_bare() - @path without a wildcard at its end, to ask for its mount */
void grant_bare(char out[VAULT_PATH_MOST], const char *path);
/** grant_resolve() - @path may or may not have the data/ of KV version 2
 * @mount: that serves it
 * Return: 0; -EINVAL with @fault: it is not below the mount. */
MUST_USE int grant_resolve(struct grant_path *out, const char *path,
    const struct vault_mount *mount, struct fault *fault);
/** grant_guess() - the mount, without asking: KV version 2, of one segment */
void grant_guess(struct vault_mount *out, const char *path);

struct grant_order {
	const char *name_space, *account;
	const char *policy;   /* its name, where not that of the role: NULL */
	const char *mount;    /* "jwt" */
	const char *audience; /* of the tokens that may log in */
	const struct grant_path *paths;
	size_t n_paths;
};
/** grant_plan() - policy, then role; what was granted before is replaced
 * Return: 0; -EINVAL: the mount cannot be one; -ENOMEM. */
MUST_USE int grant_plan(struct changes *p, const struct grant_order *order);
/** grant_plan_removal() - role, then policy
 * @name: of grant_name(). @policy: as in the order. Return: as grant_plan(). */
MUST_USE int grant_plan_removal(
    struct changes *p, const char *mount, const char *name, const char *policy);

/* What is granted to whom, as read back. */
struct grant {
	char name_space[64], account[254];
	json_t *paths; /* array of what may be read, as the policy has it; NULL:
			  the policy is missing, or not of our making */
};
void grant_deinit(struct grant *g); /* repeatable */
/** grant_read() - is the role @name one of ours?
 * @role, @policy: what reading them has answered; @policy NULL: nothing
 * @out: grant_deinit() it.
 * Return: 0; -ENOENT: it is not. */
MUST_USE int grant_read(struct grant *out, const char *name, const json_t *role,
    const json_t *policy);
