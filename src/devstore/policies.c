/* devstore/policies.c: policies by name. */
#include "devstore/policies.h"
#include <stdio.h>

/* What every token may do unless it was made without it. The parts of
 * OpenBao's own default that this store serves. */
static const char default_text[] =
    "# Allow tokens to look up their own properties\n"
    "path \"auth/token/lookup-self\" {\n"
    "    capabilities = [\"read\"]\n"
    "}\n"
    "\n"
    "# Allow tokens to renew themselves\n"
    "path \"auth/token/renew-self\" {\n"
    "    capabilities = [\"update\"]\n"
    "}\n"
    "\n"
    "# Allow tokens to revoke themselves\n"
    "path \"auth/token/revoke-self\" {\n"
    "    capabilities = [\"update\"]\n"
    "}\n"
    "\n"
    "# Allow a token to renew a lease\n"
    "path \"sys/leases/renew\" {\n"
    "    capabilities = [\"update\"]\n"
    "}\n"
    "\n"
    "# Allow a token to unwrap what was wrapped for it\n"
    "path \"sys/wrapping/unwrap\" {\n"
    "    capabilities = [\"update\"]\n"
    "}\n"
    "\n"
    "# Allow a token to look up its own capabilities on a path\n"
    "path \"sys/capabilities-self\" {\n"
    "    capabilities = [\"update\"]\n"
    "}\n";

struct policy {
	char name[TOKEN_NAME_MOST + 1];
	char *text;
	struct acl acl;
	int64_t modified_ms;
	unsigned version;
};

struct policies {
	struct policy policy[POLICIES_MOST];
	size_t n;
	const struct space *space;
};

static void policy_clear(struct policy *p)
{
	free(p->text);
	acl_clear(&p->acl);
}

void policies_free(struct policies *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		policy_clear(&p->policy[i]);
	free(p);
}

static struct policy *find(const struct policies *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->policy[i].name, name))
			/* the array is ours; const is the reader's promise */
			return (struct policy *)(uintptr_t)&p->policy[i];
	return NULL;
}

static bool is_root(const struct policies *p, const char *name)
{
	return !p->space->parent && !strcmp(name, "root");
}

bool policies_has(const struct policies *p, const char *name)
{
	return is_root(p, name) || find(p, name);
}

size_t policies_of(
    const struct token *t, const struct acl *to[TOKEN_POLICIES_MOST])
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_policies; i++) {
		const struct policy *policy =
		    find(t->space->policies, t->policies[i]);

		if (policy)
			to[n++] = &policy->acl;
	}
	return n;
}

unsigned policies_allow(const struct token *t, const struct space *space,
    const char *path, bool listing)
{
	const struct acl *acl[TOKEN_POLICIES_MOST];
	const char *inside = space_inside(space, t->space);
	char whole[SPACE_PATH_MOST + VAULT_PATH_MOST + 1];

	if (token_has_policy(t, "root"))
		return ACL_ALL;
	if (!inside)
		return 0;
	snprintf(whole, sizeof(whole), "%s%s", inside, path);
	return acl_allows(acl, policies_of(t, acl), whole, listing);
}

/* Take @text and @acl over as the policy of that name. */
static int set(struct policies *p, const char *name, const char *text,
    struct acl *acl, int64_t now_ms)
{
	struct policy *policy = find(p, name);
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	if (!policy) {
		INVARIANT(p->n < POLICIES_MOST);
		policy = &p->policy[p->n++];
		*policy = (struct policy){ .version = 0 };
		snprintf(policy->name, sizeof(policy->name), "%s", name);
	}
	policy_clear(policy);
	policy->text = copy;
	policy->acl = *acl;
	*acl = (struct acl){ .rules = NULL };
	policy->modified_ms = now_ms;
	policy->version++;
	return 0;
}

static void policy_keep(const struct policies *p, const char *name)
{
	const struct policy *policy = find(p, name);

	if (p->space->at.keep)
		keep_put(&p->space->at, KEEP_POLICY, name,
		    json_pack("{ss sI si}", "text", policy->text, "modified",
			(json_int_t)policy->modified_ms, "version",
			(int)policy->version));
}

int policies_new(struct policies **out, const struct space *space)
{
	struct policies *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->space = space;
	*out = p;
	return 0;
}

int policies_begin(struct policies *p, int64_t now_ms)
{
	struct acl acl = { .rules = NULL };
	char why[ACL_WHY_MOST];
	int r = acl_parse(&acl, default_text, why);

	INVARIANT(r != -EINVAL);
	if (!r)
		r = set(p, "default", default_text, &acl, now_ms);
	acl_clear(&acl);
	if (!r)
		policy_keep(p, "default");
	return r;
}

int policies_restore(struct policies *p, const struct keep_row *row)
{
	struct acl acl = { .rules = NULL };
	char why[ACL_WHY_MOST];
	const char *text;
	json_int_t modified;
	int version, r;

	if (json_unpack(row->value, "{ss sI si}", "text", &text, "modified",
		&modified, "version", &version) ||
	    strlen(row->name) > TOKEN_NAME_MOST || p->n == POLICIES_MOST)
		return -EINVAL;
	r = acl_parse(&acl, text, why);
	if (!r)
		r = set(p, row->name, text, &acl, modified);
	acl_clear(&acl);
	if (!r)
		find(p, row->name)->version = (unsigned)version;
	return r;
}

/* ---- requests ----------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static void list(const struct policies *p, struct ask *a, bool old)
{
	const char *names[POLICIES_MOST + 1] = { "root" };
	size_t n = !p->space->parent;
	json_t *keys = json_array();

	for (size_t i = 0; i < p->n; i++)
		names[n++] = p->policy[i].name;
	qsort(names, n, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(keys, json_string(names[i]));
	if (old)
		reply_give(a->reply,
		    json_pack("{sO sO}", "keys", keys, "policies", keys));
	else
		reply_give(a->reply, json_pack("{sO}", "keys", keys));
	json_decref(keys);
	a->reply->flat = old;
}

static void show(
    const struct policies *p, struct ask *a, const char *name, bool old)
{
	const struct policy *policy = find(p, name);
	const char *text_name = old ? "rules" : "policy";
	char modified[TIME_TEXT_MOST];

	if (is_root(p, name)) {
		reply_give(
		    a->reply, json_pack("{sb ss ss si}", "cas_required", 0,
				  "name", name, text_name, "", "version", 0));
	} else if (!policy) {
		reply_missing(a->reply);
	} else {
		time_text(modified, policy->modified_ms);
		reply_give(a->reply,
		    json_pack("{sb ss ss ss si}", "cas_required", 0, "modified",
			modified, "name", name, text_name, policy->text,
			"version", (int)policy->version));
	}
	a->reply->flat = old;
}

/* The text to put under @name; NULL: there is none, and the asker is told why.
 */
static const char *wanted_text(
    const struct policies *p, struct ask *a, const char *name, bool old)
{
	static const char *const known[] = { "policy", "rules" };
	const char *text = ask_text(a, "policy");

	if (!text && old)
		text = ask_text(a, "rules");
	if (!ask_only(a, known, N_ELEMS(known)))
		return NULL;
	if (!text || !*text)
		reply_fail(
		    a->reply, 400, "'policy' parameter not supplied or empty");
	else if (!strcmp(name, "root"))
		reply_fail(a->reply, 400, "cannot update \"root\" policy");
	else if (!find(p, name) && p->n == POLICIES_MOST)
		reply_full(a->reply, "policies");
	else
		return text;
	return NULL;
}

static int put(struct policies *p, struct ask *a, const char *name, bool old)
{
	const char *text = wanted_text(p, a, name, old);
	struct acl acl = { .rules = NULL };
	char why[ACL_WHY_MOST];
	int r;

	if (!text)
		return 0;
	r = acl_parse(&acl, text, why);
	if (r == -EINVAL) {
		reply_fail(a->reply, 400, "failed to parse policy: %s", why);
		return 0;
	}
	if (!r)
		r = set(p, name, text, &acl, a->now_ms);
	acl_clear(&acl);
	if (!r)
		policy_keep(p, name);
	reply_done(a->reply);
	return r;
}

static void drop(struct policies *p, struct ask *a, const char *name)
{
	struct policy *policy = find(p, name);

	if (!strcmp(name, "root")) {
		reply_fail(a->reply, 400, "cannot delete \"root\" policy");
		return;
	}
	if (!strcmp(name, "default")) {
		reply_fail(a->reply, 400, "cannot delete default policy");
		return;
	}
	if (policy) {
		policy_clear(policy);
		*policy = p->policy[--p->n];
		keep_remove(&p->space->at, KEEP_POLICY, name);
	}
	reply_done(a->reply);
}

/* Names are lower case; who wrote another is told. */
static bool lower(char *to, size_t room, const char *name)
{
	size_t n = strlen(name);
	bool changed = false;

	for (size_t i = 0; i <= n && i < room; i++) {
		bool upper = name[i] >= 'A' && name[i] <= 'Z';

		changed |= upper;
		to[i] = (char)(upper ? name[i] - 'A' + 'a' : name[i]);
	}
	return changed;
}

int policies_handle(struct policies *p, struct ask *a, size_t from, bool old)
{
	const char *given = vault_path_segment(a->path, from);
	char name[TOKEN_NAME_MOST + 1];
	bool changed;

	if (strlen(given) > TOKEN_NAME_MOST || a->path->n_segments > from + 1) {
		reply_fail(a->reply, 400, "invalid policy name");
		return 0;
	}
	changed = lower(name, sizeof(name), given);
	if (!*name && (a->kind == ASK_LIST || (old && a->kind == ASK_READ))) {
		list(p, a, old);
		return 0;
	}
	if (!*name || a->path->folder)
		reply_unsupported(a->reply);
	else if (a->kind == ASK_READ)
		show(p, a, name, old);
	else if (a->kind == ASK_DELETE)
		drop(p, a, name);
	else if (a->kind != ASK_WRITE)
		reply_unsupported(a->reply);
	else {
		if (changed)
			reply_warn(
			    a->reply, "policy name was converted to %s", name);
		return put(p, a, name, old);
	}
	return 0;
}
