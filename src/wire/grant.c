/* wire/grant.c: the role and the policy of a grant, written and read back.
 *
 * What decides is the store: its JWT mount takes a token that the cluster has
 * signed, for our audience, whose subject is exactly the one of the role; the
 * policy is JSON, so that nothing that a person types can end a string in it.
 * Three things could widen it unseen, and are refused in a path: a "*" that is
 * not its whole last segment (a prefix would end within a name), a "+", which
 * is any segment, and "{{", which opens a template. So are sys/, auth/,
 * identity/ and cubbyhole/: no grant is about the store itself.
 *
 * KV version 2 has a secret's value at M/data/P and its versions at
 * M/metadata/P, which the wrapper polls to see a new one. Both are granted for
 * the one path that was given, however it was written.
 *
 * A token lives a minute, or as long as whoever holds it renews it. A pod that
 * reads once and is served forgets it: that saves the store a third request a
 * pod, and whoever gets hold of it is no better off than with the pod's own
 * token, which lies in a file of the pod and logs in for ten minutes or more.
 * A longest life would make pods with leases read them anew. A count of uses
 * would end it sooner, but revokes with its last use what that use has leased,
 * and how many a pod needs is not known here; a batch token can neither be
 * renewed nor revoked. A pod that goes on has its token renewed for longer.
 *
 * The default policy is left out, since it may have been changed to anything.
 * What the wrapper needs of it stands in our own: renew and revoke the token,
 * renew a lease, ask for a mount.
 */
#include "wire/grant.h"
#include "wire/json.h"
#include <stdio.h>

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
#define SUBJECT "system:serviceaccount:"

/* ---- names --------------------------------------------------------------- */

/* RFC 1123: letters, digits, hyphens within. */
static bool is_label(const char *text, size_t n)
{
	return n && n <= 63 && strspn(text, lower) >= n && text[0] != '-' &&
	       text[n - 1] != '-';
}

static bool is_subdomain(const char *text)
{
	const char *at = text;

	if (strlen(text) > 253)
		return false;
	for (;;) {
		size_t n = strcspn(at, ".");

		if (!is_label(at, n))
			return false;
		if (!at[n])
			return true;
		at += n + 1;
	}
}

int grant_name(char out[GRANT_NAME_MOST + 1], const char *name_space,
    const char *account, struct fault *fault)
{
	if (!is_label(name_space, strlen(name_space)))
		return fault_set(fault, -EINVAL,
		    "It has lower-case letters, digits and hyphens, at most "
		    "63, and no dot.",
		    "--namespace %s: no name of a Kubernetes namespace",
		    name_space);
	if (!is_subdomain(account))
		return fault_set(fault, -EINVAL,
		    "It has lower-case letters, digits, hyphens and dots.",
		    "--serviceaccount %s: no name of a ServiceAccount",
		    account);
	(void)snprintf(out, GRANT_NAME_MOST + 1, "%s.%s", name_space, account);
	return 0;
}

/* ---- paths --------------------------------------------------------------- */

static bool is_glob(const char *path)
{
	size_t n = strlen(path);

	return n > 1 && !strcmp(path + n - 2, "/*");
}

void grant_bare(char out[VAULT_PATH_MOST], const char *path)
{
	(void)snprintf(out, VAULT_PATH_MOST, "%.*s",
	    (int)(strlen(path) - (is_glob(path) ? 2 : 0)), path);
}

static bool is_own(const struct vault_path *p)
{
	static const char *const own[] = { "sys", "auth", "identity",
		"cubbyhole" };

	for (size_t i = 0; i < N_ELEMS(own); i++)
		if (!strcmp(vault_path_segment(p, 0), own[i]))
			return true;
	return false;
}

int grant_check(const char *path, struct fault *fault)
{
	struct vault_path p;
	char bare[VAULT_PATH_MOST];
	int r;

	if (strlen(path) >= sizeof(bare) - sizeof("metadata/"))
		return fault_set(
		    fault, -EINVAL, NULL, "--path %.60s…: too long", path);
	grant_bare(bare, path);
	r = vault_path_plain(&p, bare);
	if (r)
		return fault_set(fault, -EINVAL,
		    "It is written as secret/team-a/db, without a slash before "
		    "it.",
		    "--path %s: %s", path, vault_path_problem(r));
	if (strpbrk(bare, "*+") || strstr(bare, "{{") || p.folder)
		return fault_set(fault, -EINVAL,
		    "A path is one secret, or everything below it with /* at "
		    "its end.",
		    "--path %s: more or less than a path", path);
	if (is_own(&p))
		return fault_set(fault, -EINVAL,
		    "What is granted is read from a secrets engine.",
		    "--path %s: belongs to the store itself", path);
	return 0;
}

void grant_guess(struct vault_mount *out, const char *path)
{
	*out = (struct vault_mount){ .type = "kv", .version = 2 };
	(void)snprintf(out->path, sizeof(out->path), "%.*s/",
	    (int)strcspn(path, "/"), path);
}

/* What follows the mount, without the word that KV version 2 puts before. */
static const char *below(const char *path, const struct vault_mount *mount)
{
	const char *rest = path + strlen(mount->path);

	if (mount->version != 2)
		return rest;
	if (!strncmp(rest, "data/", 5))
		return rest + 5;
	return strncmp(rest, "metadata/", 9) ? rest : rest + 9;
}

int grant_resolve(struct grant_path *out, const char *path,
    const struct vault_mount *mount, struct fault *fault)
{
	size_t n = strlen(mount->path);
	const char *rest;

	*out = (struct grant_path){ .read = "" };
	if (!n || strncmp(path, mount->path, n) || !path[n])
		return fault_set(fault, -EINVAL,
		    "Name a secret, or all of the mount with /* at its end.",
		    "--path %s: is no path below the mount %s", path,
		    mount->path);
	rest = below(path, mount);
	if (mount->version != 2) {
		(void)snprintf(out->read, sizeof(out->read), "%s", path);
		return 0;
	}
	if ((size_t)snprintf(out->read, sizeof(out->read), "%sdata/%s",
		mount->path, rest) >= sizeof(out->read) ||
	    (size_t)snprintf(out->metadata, sizeof(out->metadata),
		"%smetadata/%s", mount->path, rest) >= sizeof(out->metadata))
		return fault_set(
		    fault, -EINVAL, NULL, "--path %.60s…: too long", path);
	return 0;
}

/* ---- writing ------------------------------------------------------------- */

static int allow(json_t *paths, const char *path, const char *capability)
{
	return json_object_set_new(paths, path,
		   json_pack("{s:[s]}", "capabilities", capability))
		   ? -ENOMEM
		   : 0;
}

/* What every wrapper does with its own token. */
static const char *const upkeep[] = { "auth/token/renew-self",
	"auth/token/revoke-self", "sys/leases/renew" };

/* The policy's text, as a JSON string. */
static json_t *policy_text(const struct grant_order *order)
{
	JSON *paths = json_object();
	JSON *policy = NULL;
	CLEANUP(free_p) char *text = NULL;
	int r = paths ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < order->n_paths; i++) {
		r = allow(paths, order->paths[i].read, "read");
		if (!r && *order->paths[i].metadata)
			r = allow(paths, order->paths[i].metadata, "read");
	}
	for (size_t i = 0; !r && i < N_ELEMS(upkeep); i++)
		r = allow(paths, upkeep[i], "update");
	if (!r)
		policy = json_pack("{sO}", "path", paths);
	text = policy ? json_dumps(policy, JSON_COMPACT) : NULL;
	return text ? json_string(text) : NULL;
}

/* One step about the policy or the role @name. */
static int add(struct changes *p, enum changes_kind kind, const char *what,
    const char *path, json_t *body)
{
	const struct changes_order order = { .kind = kind,
		.what = what,
		.path = path,
		.body = body,
		.member = *what == 'p' ? "policy" : NULL };

	return changes_add(p, &order);
}

static int add_policy(
    struct changes *p, enum changes_kind kind, const char *name, json_t *body)
{
	char what[CHANGES_WHAT_MOST], path[VAULT_PATH_MOST];

	(void)snprintf(what, sizeof(what), "policy %.250s", name);
	(void)snprintf(path, sizeof(path), "sys/policies/acl/%s", name);
	return add(p, kind, what, path, body);
}

static int add_role(struct changes *p, enum changes_kind kind,
    const struct grant_order *order, const char *name)
{
	char what[CHANGES_WHAT_MOST], path[VAULT_PATH_MOST];
	char subject[sizeof(SUBJECT) + GRANT_NAME_MOST + 1];
	json_t *body = NULL;

	(void)snprintf(what, sizeof(what), "role %.250s", name);
	if ((size_t)snprintf(path, sizeof(path), "auth/%s/role/%s",
		order->mount, name) >= sizeof(path))
		return -EINVAL;
	if (kind == CHANGES_WRITE) {
		(void)snprintf(subject, sizeof(subject), SUBJECT "%s:%s",
		    order->name_space, order->account);
		body = json_pack("{ss s[s] ss ss s[s] sb si}", "role_type",
		    "jwt", "bound_audiences", order->audience, "user_claim",
		    "sub", "bound_subject", subject, "token_policies",
		    order->policy ? order->policy : name,
		    "token_no_default_policy", 1, "token_ttl", GRANT_TOKEN_S);
	}
	return add(p, kind, what, path, body);
}

int grant_plan(struct changes *p, const struct grant_order *order)
{
	char name[GRANT_NAME_MOST + 1];
	int r = grant_name(name, order->name_space, order->account, NULL);
	json_t *text;

	if (r)
		return r;
	text = policy_text(order);
	if (!text)
		return -ENOMEM;
	r = add_policy(p, CHANGES_WRITE, order->policy ? order->policy : name,
	    json_pack("{so}", "policy", text));
	return r ? r : add_role(p, CHANGES_WRITE, order, name);
}

int grant_plan_removal(
    struct changes *p, const char *mount, const char *name, const char *policy)
{
	const struct grant_order order = { .mount = mount };
	int r = add_role(p, CHANGES_REMOVE, &order, name);

	return r ? r
		 : add_policy(p, CHANGES_REMOVE, policy ? policy : name, NULL);
}

/* ---- reading back -------------------------------------------------------- */

void grant_deinit(struct grant *g)
{
	json_decref(g->paths);
	g->paths = NULL;
}

static bool is_upkeep(const char *path)
{
	for (size_t i = 0; i < N_ELEMS(upkeep); i++)
		if (!strcmp(path, upkeep[i]))
			return true;
	return false;
}

/* M/metadata/P right after M/data/P: of one grant. Folders of either name may
 * stand anywhere else. */
static bool is_companion(const char *before, const char *path)
{
	static const char data[] = "/data/", word[] = "/metadata/";

	for (const char *at = path; (at = strstr(at, word)); at++) {
		size_t n = (size_t)(at - path);

		if (!strncmp(before, path, n) &&
		    !strncmp(before + n, data, strlen(data)) &&
		    !strcmp(before + n + strlen(data), at + strlen(word)))
			return true;
	}
	return false;
}

/* The paths of a policy of our making; NULL: it is another. */
static json_t *paths_of(const json_t *policy)
{
	const json_t *text =
	    json_object_get(json_object_get(policy, "data"), "policy");
	JSON *j = text ? json_read_object(json_string_value(text),
			     json_string_length(text), 0)
		       : NULL;
	json_t *paths = json_object_get(j, "path"), *block;
	json_t *out = json_is_object(paths) ? json_array() : NULL;
	const char *path, *before = "";

	json_object_foreach(paths, path, block)
	{
		if (out && !is_upkeep(path) && !is_companion(before, path))
			json_array_append_new(out, json_string(path));
		before = path;
	}
	return out;
}

int grant_read(struct grant *out, const char *name, const json_t *role,
    const json_t *policy)
{
	const char *subject = json_string_value(
	    json_object_get(json_object_get(role, "data"), "bound_subject"));
	struct grant g = { .paths = NULL };
	char expected[GRANT_NAME_MOST + 1];
	const char *colon;

	if (!subject || strncmp(subject, SUBJECT, strlen(SUBJECT)))
		return -ENOENT;
	subject += strlen(SUBJECT);
	colon = strchr(subject, ':');
	if (!colon || (size_t)(colon - subject) >= sizeof(g.name_space) ||
	    strlen(colon + 1) >= sizeof(g.account))
		return -ENOENT;
	memcpy(g.name_space, subject, (size_t)(colon - subject));
	(void)snprintf(g.account, sizeof(g.account), "%s", colon + 1);
	if (grant_name(expected, g.name_space, g.account, NULL) ||
	    strcmp(expected, name))
		return -ENOENT;
	g.paths = paths_of(policy);
	*out = g;
	return 0;
}
