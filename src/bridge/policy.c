/* bridge/policy.c: the allow-list.
 *
 * A request is judged in one order: its headers, its path, its operation, its
 * query, its token, its body. The first thing that is wrong is the reason. None
 * of it depends on what the store would say, so a refusal here tells nothing
 * about what is in the store.
 *
 * An allowed path is a prefix of whole segments of the API's path, exactly as
 * in the store's own policies: "secret/" is all of that mount, data and
 * metadata; "secret/data/team-a/" is the values of one team. We do not guess
 * where a mount ends, since a guess that is right for one engine is a hole in
 * another.
 *
 * Reads are GET and LIST. A dynamic engine makes a lease on a GET, so database
 * and cloud credentials are reads too; engines that want a POST are not served.
 */
#include "bridge/policy.h"
#include <assert.h>
#include <stdio.h>
#include <strings.h>

static const struct {
	const char *name, *text;
	int status;
} reasons[] = {
	[POLICY_ALLOWED] = { "allowed", "allowed", 200 },
	[POLICY_PATH] = { "path", "the path cannot be read without doubt",
	    403 },
	[POLICY_OPERATION] = { "operation",
	    "the operation is not on the bridge's list (login, reads below its "
	    "allowed paths, renewal, lookup and revocation of the own token, "
	    "status)",
	    403 },
	[POLICY_OUTSIDE] = { "outside",
	    "the path is outside those that the bridge allows (--allow-path)",
	    403 },
	[POLICY_MOUNT] = { "mount",
	    "a login at another auth mount than the bridge's (--auth-mount)",
	    403 },
	[POLICY_QUERY] = { "query",
	    "a query parameter that the bridge does not pass on", 403 },
	[POLICY_NAMESPACE] = { "namespace",
	    "the namespace is the bridge's to set (--vault-namespace); send no "
	    "X-Vault-Namespace",
	    403 },
	[POLICY_HEADER] = { "header",
	    "a header for the store that the bridge does not pass on; only "
	    "X-Vault-Token crosses",
	    403 },
	[POLICY_TOKEN] = { "token",
	    "no token, or two different ones (X-Vault-Token, Authorization: "
	    "Bearer)",
	    403 },
	[POLICY_BODY] = { "body", "the body is not what this operation has",
	    400 },
};
static_assert(N_ELEMS(reasons) == POLICY_REASON_COUNT, "a row each");

const char *policy_reason_name(enum policy_reason r)
{
	return reasons[r].name;
}

int policy_reason_status(enum policy_reason r)
{
	return reasons[r].status;
}

const char *policy_reason_text(enum policy_reason r)
{
	return reasons[r].text;
}

/* ---- configuration ------------------------------------------------------ */

static int allow_add(struct policy *p, const char *text, struct fault *fault)
{
	static const char *const never[] = { "sys", "auth", "cubbyhole",
		"identity" };
	struct vault_path *path = &p->allow[p->n_allow];
	int r = vault_path_plain(path, text);

	if (r)
		return fault_set(fault, -EINVAL,
		    "write it as in a policy of the store: secret/ or "
		    "secret/data/team-a/",
		    "--allow-path %s: %s", text, vault_path_problem(r));
	for (size_t i = 0; i < N_ELEMS(never); i++)
		if (!strcmp(vault_path_segment(path, 0), never[i]))
			return fault_set(fault, -EINVAL,
			    "allow mounts of secrets only",
			    "--allow-path %s: %s/ is never passed on whole",
			    text, never[i]);
	p->n_allow++;
	return 0;
}

static int mount_set(struct policy *p, const char *mount, struct fault *fault)
{
	struct vault_path path;
	int r = vault_path_plain(&path, mount);

	if (!r && strcmp(vault_path_segment(&path, 0), "token") &&
	    !vault_path_join(
		&path, 0, path.n_segments, p->mount, sizeof(p->mount)))
		return 0;
	return fault_set(fault, -EINVAL,
	    "give the path of a JWT auth mount without auth/, as jwt",
	    "--auth-mount %s: cannot be one", mount);
}

int policy_init(struct policy *p, const char *const *paths, size_t n,
    const char *mount, struct fault *fault)
{
	int r;

	*p = (struct policy){ .n_allow = 0 };
	if (n > POLICY_ALLOW_MOST)
		return fault_set(fault, -EINVAL, NULL,
		    "--allow-path: more than %d", POLICY_ALLOW_MOST);
	r = mount_set(p, mount, fault);
	for (size_t i = 0; !r && i < n; i++)
		r = allow_add(p, paths[i], fault);
	return r;
}

/* ---- headers ------------------------------------------------------------ */

/* Does a header of the store's that we would drop change the meaning? */
static enum policy_reason judge_headers(const struct http_head *head)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		const char *name = head->fields[i].name;

		if (strncmp(name, "x-vault-", 8) && strncmp(name, "x-bao-", 6))
			continue;
		if (!strcmp(name, "x-vault-namespace"))
			return POLICY_NAMESPACE;
		if (strcmp(name, "x-vault-token") &&
		    strcmp(name, "x-vault-request"))
			return POLICY_HEADER;
	}
	return POLICY_ALLOWED;
}

static const char *bearer_of(const char *value)
{
	static const char scheme[] = "Bearer ";

	if (strncasecmp(value, scheme, sizeof(scheme) - 1))
		return NULL;
	return value + sizeof(scheme) - 1;
}

static bool token_shaped(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n && n <= VAULT_TOKEN_MOST;
}

/* The one token of all headers that may carry it; NULL: none. */
static enum policy_reason find_token(
    const struct http_head *head, const char **token)
{
	*token = NULL;
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];
		const char *text = NULL;

		if (!strcmp(f->name, "x-vault-token"))
			text = f->value;
		else if (!strcmp(f->name, "authorization"))
			text = bearer_of(f->value);
		if (!text)
			continue;
		if (!token_shaped(text) || (*token && strcmp(*token, text)))
			return POLICY_TOKEN;
		*token = text;
	}
	return POLICY_ALLOWED;
}

/* ---- the operation ------------------------------------------------------ */

enum { TOKEN_NEEDED = 1, TOKEN_WELCOME = 2, BODY = 4, BELOW = 8, PRINT = 16 };

/* What each operation on the list takes; the others have no flags and are
 * refused. PRINT: the call is the path as it was read, without a body. */
static const struct {
	unsigned flags;
	const char *method;
} rules[VAULT_OPERATION_COUNT] = {
	[VAULT_LOGIN] = { BODY, NULL },
	[VAULT_TOKEN_LOOKUP_SELF] = { PRINT | TOKEN_NEEDED, "GET" },
	[VAULT_TOKEN_RENEW_SELF] = { BODY | TOKEN_NEEDED, NULL },
	[VAULT_TOKEN_REVOKE_SELF] = { PRINT | TOKEN_NEEDED, "POST" },
	[VAULT_LEASE_RENEW] = { BODY | TOKEN_NEEDED, NULL },
	[VAULT_HEALTH] = { PRINT, "GET" },
	[VAULT_SEAL_STATUS] = { PRINT, "GET" },
	[VAULT_MOUNTS] = { PRINT | TOKEN_WELCOME, "GET" },
	[VAULT_MOUNT] = { PRINT | TOKEN_NEEDED, "GET" },
	[VAULT_READ] = { PRINT | TOKEN_NEEDED | BELOW, "GET" },
	[VAULT_LIST] = { PRINT | TOKEN_NEEDED | BELOW, "LIST" },
};

static bool is_allowed_below(
    const struct policy *p, const struct vault_path *path)
{
	for (size_t i = 0; i < p->n_allow; i++)
		if (vault_path_below(path, &p->allow[i]))
			return true;
	return false;
}

static bool is_own_mount(const struct policy *p, const struct vault_path *path)
{
	char mount[VAULT_PATH_MOST];

	if (vault_path_join(
		path, 1, path->n_segments - 1u, mount, sizeof(mount)))
		return false;
	return !strcmp(mount, p->mount);
}

static enum policy_reason judge_operation(
    const struct policy *p, const struct policy_verdict *v)
{
	if (!rules[v->op].flags)
		return v->op >= VAULT_READ && !is_allowed_below(p, &v->path)
			   ? POLICY_OUTSIDE
			   : POLICY_OPERATION;
	if (v->op == VAULT_LOGIN && !is_own_mount(p, &v->path))
		return POLICY_MOUNT;
	if ((rules[v->op].flags & BELOW) && !is_allowed_below(p, &v->path))
		return POLICY_OUTSIDE;
	if (v->op == VAULT_READ && v->path.folder)
		return POLICY_OPERATION; /* the store has no such thing */
	return POLICY_ALLOWED;
}

/* ---- the query ---------------------------------------------------------- */

static bool is_number(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n && n <= 9 && !text[n];
}

static bool is_truth(const char *text)
{
	return !strcmp(text, "true") || !strcmp(text, "false");
}

static bool is_true(const char *text)
{
	return !strcmp(text, "true");
}

/* The parameters that pass, with what their values may be. */
static const struct parameter {
	enum vault_operation op;
	const char *name;
	bool (*good)(const char *value);
	bool drop; /* it is in the method already */
} parameters[] = {
	{ VAULT_READ, "version", is_number, false },
	{ VAULT_LIST, "list", is_true, true },
	{ VAULT_HEALTH, "standbyok", is_truth, false },
	{ VAULT_HEALTH, "perfstandbyok", is_truth, false },
	{ VAULT_HEALTH, "activecode", is_number, false },
	{ VAULT_HEALTH, "standbycode", is_number, false },
	{ VAULT_HEALTH, "drsecondarycode", is_number, false },
	{ VAULT_HEALTH, "performancestandbycode", is_number, false },
	{ VAULT_HEALTH, "sealedcode", is_number, false },
	{ VAULT_HEALTH, "uninitcode", is_number, false },
};

static const struct parameter *parameter_of(
    enum vault_operation op, const char *name, const char *value)
{
	for (size_t i = 0; i < N_ELEMS(parameters); i++)
		if (parameters[i].op == op &&
		    !strcmp(parameters[i].name, name) &&
		    parameters[i].good(value))
			return &parameters[i];
	return NULL;
}

/* Add what passes of the query to @target. Values that pass need no escapes. */
static enum policy_reason judge_query(
    const struct policy_verdict *v, char *target, size_t room)
{
	char mark = '?';

	for (size_t i = 0; i < v->path.n_query; i++) {
		const char *name = v->path.text + v->path.name[i];
		const char *value = v->path.text + v->path.value[i];
		const struct parameter *parameter =
		    parameter_of(v->op, name, value);
		size_t used = strlen(target);

		if (!parameter)
			return POLICY_QUERY;
		if (parameter->drop)
			continue;
		if (snprintf(target + used, room - used, "%c%s=%s", mark, name,
			value) >= (int)(room - used))
			return POLICY_QUERY;
		mark = '&';
	}
	return POLICY_ALLOWED;
}

/* ---- the verdict -------------------------------------------------------- */

void policy_verdict_clear(struct policy_verdict *v)
{
	vault_call_clear(&v->call);
	secret_free(v->token);
	v->token = NULL;
}

static int judge_token(struct policy_verdict *v, const struct http_head *head)
{
	unsigned flags = rules[v->op].flags;
	const char *token;

	v->reason = find_token(head, &token);
	if (v->reason || !(flags & (TOKEN_NEEDED | TOKEN_WELCOME)))
		return 0;
	if (!token) {
		if (flags & TOKEN_NEEDED)
			v->reason = POLICY_TOKEN;
		return 0;
	}
	return secret_from(&v->token, token, strlen(token));
}

static enum policy_reason judge_path(
    struct policy_verdict *v, const struct http_head *head)
{
	if (!head->target || vault_path_parse(&v->path, head->target))
		return POLICY_PATH;
	v->op = vault_operation_of(&v->path, head->method);
	return POLICY_ALLOWED;
}

static enum policy_reason write_call(
    struct policy_verdict *v, const struct http_head *head)
{
	struct vault_call *c = &v->call;

	v->wants_body = rules[v->op].flags & BODY;
	c->method = rules[v->op].method;
	if (v->op == VAULT_HEALTH && !strcmp(head->method, "HEAD"))
		c->method = "HEAD";
	c->needs_token = v->token;
	if (vault_path_print(&v->path, c->target, sizeof(c->target)))
		return POLICY_PATH;
	return judge_query(v, c->target, sizeof(c->target));
}

int policy_judge(const struct policy *p, const struct http_head *head,
    struct policy_verdict *out)
{
	struct policy_verdict v = { .op = VAULT_OTHER };
	int r = 0;

	v.reason = judge_headers(head);
	if (!v.reason)
		v.reason = judge_path(&v, head);
	if (!v.reason)
		v.reason = judge_operation(p, &v);
	if (!v.reason)
		r = judge_token(&v, head);
	if (!r && !v.reason)
		v.reason = write_call(&v, head);
	if (r || v.reason)
		policy_verdict_clear(&v);
	if (!r)
		*out = v;
	return r;
}

int policy_judge_body(const struct policy *p, struct policy_verdict *v,
    const void *body, size_t n)
{
	struct vault_call call = { .method = NULL };
	int r;

	INVARIANT(v->wants_body && !v->reason);
	v->wants_body = false;
	if (v->op == VAULT_LOGIN)
		r = vault_copy_login(&call, p->mount, body, n);
	else if (v->op == VAULT_LEASE_RENEW)
		r = vault_copy_lease(&call, body, n);
	else
		r = vault_copy_renew(&call, body, n);
	if (r == -ENOMEM)
		return r;
	v->reason = r ? POLICY_BODY : POLICY_ALLOWED;
	if (!r)
		v->call = call;
	return 0;
}
