/* devstore/jwtmount.c: configuration and roles of a JWT mount.
 *
 * A role is kept as the JSON object that reading it answers; it starts as the
 * defaults and takes each known member of the body by its kind. So the table of
 * members is the whole schema, and what is shown is what counts.
 */
#include "devstore/jwtmount.h"
#include "devstore/jwtlogin.h"
#include "wire/json.h"
#include <stdio.h>

struct role {
	char name[TOKEN_NAME_MOST + 1];
	json_t *is; /* all members */
};

struct jwtmount {
	char path[JWTMOUNT_PATH_MOST + 1];
	struct token_set *tokens;
	const struct space *space;
	json_t *config;	       /* as shown; NULL: none yet */
	struct jwt_keys *keys; /* of the config */
	struct role role[JWTMOUNT_ROLES_MOST];
	size_t n_roles;
};

int jwtmount_new(struct jwtmount **out, const char *path,
    const struct space *space, struct token_set *tokens)
{
	struct jwtmount *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	INVARIANT(strlen(path) <= JWTMOUNT_PATH_MOST);
	snprintf(m->path, sizeof(m->path), "%s", path);
	m->tokens = tokens;
	m->space = space;
	*out = m;
	return 0;
}

void jwtmount_free(struct jwtmount *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_roles; i++)
		json_decref(m->role[i].is);
	json_decref(m->config);
	jwt_keys_free(m->keys);
	free(m);
}

void jwtmount_revoke(struct jwtmount *m)
{
	char path[JWTMOUNT_PATH_MOST + 16];

	snprintf(path, sizeof(path), "auth/%s/login", m->path);
	token_revoke_path(m->tokens, m->space, path);
}

/* ---- members by table --------------------------------------------------- */

enum kind {
	KIND_TEXT,
	KIND_TEXTS,
	KIND_BOOL,
	KIND_SECONDS,
	KIND_NUMBER,
	KIND_OBJECT,
	KIND_NAMED, /* the path says it; clients repeat it */
	KIND_EMPTY, /* known to OpenBao, not here: refused unless empty */
};

struct member {
	const char *name;
	enum kind kind;
};

static json_t *member_seconds(struct ask *a, const char *name)
{
	int64_t seconds;
	int r = ask_seconds(a, name, &seconds);

	if (r < 0)
		return NULL;
	return json_integer(r == ASK_E_NONE ? 0 : seconds);
}

/* The member's value in its proper kind; NULL: it is of another kind. */
static json_t *member_value(struct ask *a, const struct member *m)
{
	json_t *j = json_object_get(a->body, m->name);

	switch (m->kind) {
	case KIND_TEXT:
	case KIND_NAMED:
		return ask_text(a, m->name) ? json_incref(j) : NULL;
	case KIND_TEXTS:
		return ask_texts(a, m->name);
	case KIND_BOOL:
		return json_boolean(ask_bool(a, m->name, false));
	case KIND_SECONDS:
		return member_seconds(a, m->name);
	case KIND_NUMBER:
		return json_is_integer(j) && json_integer_value(j) >= 0
			   ? json_incref(j)
			   : NULL;
	case KIND_OBJECT:
		return json_is_object(j) ? json_deep_copy(j) : NULL;
	default:
		return object_is_empty(j) ? json_incref(j) : NULL;
	}
}

/* Put what the body has of @members into @to. */
static int members_take(
    struct ask *a, const struct member *members, size_t n, json_t *to)
{
	for (size_t i = 0; i < n; i++) {
		json_t *j = json_object_get(a->body, members[i].name);
		json_t *value;

		if (!j || json_is_null(j))
			continue;
		value = member_value(a, &members[i]);
		if (!value && !a->reply->errors)
			reply_fail(a->reply, 400,
			    "field \"%s\": of a wrong kind, or not known to "
			    "this development store",
			    members[i].name);
		if (!value)
			return -EINVAL;
		if (members[i].kind == KIND_EMPTY ||
		    members[i].kind == KIND_NAMED)
			json_decref(value);
		else
			json_object_set_new(to, members[i].name, value);
	}
	return 0;
}

static bool members_only(
    const struct ask *a, const struct member *members, size_t n)
{
	const char *names[40];

	INVARIANT(n <= N_ELEMS(names));
	for (size_t i = 0; i < n; i++)
		names[i] = members[i].name;
	return ask_only(a, names, n);
}

/* ---- config ------------------------------------------------------------- */

static const struct member config_members[] = {
	{ "jwt_validation_pubkeys", KIND_TEXTS },
	{ "bound_issuer", KIND_TEXT },
	{ "jwt_supported_algs", KIND_TEXTS },
	{ "default_role", KIND_TEXT },
	{ "jwks_url", KIND_EMPTY },
	{ "jwks_ca_pem", KIND_EMPTY },
	{ "oidc_discovery_url", KIND_EMPTY },
	{ "oidc_discovery_ca_pem", KIND_EMPTY },
	{ "oidc_client_id", KIND_EMPTY },
	{ "oidc_client_secret", KIND_EMPTY },
	{ "oidc_response_mode", KIND_EMPTY },
	{ "oidc_response_types", KIND_EMPTY },
	{ "provider_config", KIND_EMPTY },
};

static json_t *config_default(void)
{
	return json_pack("{ss s[] s[] ss}", "bound_issuer", "",
	    "jwt_supported_algs", "jwt_validation_pubkeys", "default_role", "");
}

static int config_keys(
    struct ask *a, const json_t *config, struct jwt_keys *keys)
{
	const json_t *list = json_object_get(config, "jwt_validation_pubkeys");
	const json_t *one;
	size_t i;

	if (!json_array_size(list) ||
	    json_array_size(list) > JWTMOUNT_KEYS_MOST) {
		reply_fail(a->reply, 400,
		    "exactly one of 'jwt_validation_pubkeys', 'jwks_url' or "
		    "'oidc_discovery_url' must be set");
		return -EINVAL;
	}
	json_array_foreach(list, i, one)
	{
		int r = jwt_keys_add_pem(keys, json_string_value(one),
		    json_string_length(one), NULL);

		if (!r)
			continue;
		if (r == -EINVAL)
			reply_fail(a->reply, 400,
			    "error parsing public key: data does not contain "
			    "any valid public keys");
		return r;
	}
	return 0;
}

static int config_algorithms(struct ask *a, const json_t *config)
{
	const json_t *list = json_object_get(config, "jwt_supported_algs"),
		     *one;
	size_t i;

	if (json_array_size(list) > JWTMOUNT_ALGORITHMS_MOST) {
		reply_full(a->reply, "algorithms");
		return -EINVAL;
	}

	json_array_foreach(list, i, one)
	{
		if (jwt_algorithm_known(json_string_value(one)))
			continue;
		reply_fail(a->reply, 400,
		    "invalid jwt_supported_algs: unsupported signing algorithm "
		    "\"%s\"",
		    json_string_value(one));
		return -EINVAL;
	}
	return 0;
}

static int config_write(struct jwtmount *m, struct ask *a)
{
	JSON *config = config_default();
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	int r = config ? jwt_keys_new(&keys) : -ENOMEM;

	if (r)
		return r;
	if (!members_only(a, config_members, N_ELEMS(config_members)) ||
	    members_take(a, config_members, N_ELEMS(config_members), config) ||
	    config_algorithms(a, config))
		return 0;
	r = config_keys(a, config, keys);
	if (r)
		return r == -EINVAL ? 0 : r;
	json_decref(m->config);
	jwt_keys_free(m->keys);
	m->config = STEAL(config);
	m->keys = STEAL(keys);
	reply_done(a->reply);
	return 0;
}

static int handle_config(struct jwtmount *m, struct ask *a)
{
	if (a->kind == ASK_WRITE)
		return config_write(m, a);
	if (a->kind != ASK_READ)
		reply_unsupported(a->reply);
	else if (!m->config)
		reply_missing(a->reply);
	else
		reply_give(a->reply, json_incref(m->config));
	return 0;
}

/* ---- roles -------------------------------------------------------------- */

static const struct member role_members[] = {
	{ "name", KIND_NAMED },
	{ "role_type", KIND_TEXT },
	{ "bound_audiences", KIND_TEXTS },
	{ "bound_subject", KIND_TEXT },
	{ "bound_claims", KIND_OBJECT },
	{ "bound_claims_type", KIND_TEXT },
	{ "claim_mappings", KIND_OBJECT },
	{ "user_claim", KIND_TEXT },
	{ "user_claim_json_pointer", KIND_BOOL },
	{ "clock_skew_leeway", KIND_SECONDS },
	{ "allowed_redirect_uris", KIND_TEXTS },
	{ "token_policies", KIND_TEXTS },
	{ "token_ttl", KIND_SECONDS },
	{ "token_max_ttl", KIND_SECONDS },
	{ "token_explicit_max_ttl", KIND_SECONDS },
	{ "token_period", KIND_SECONDS },
	{ "token_num_uses", KIND_NUMBER },
	{ "token_no_default_policy", KIND_BOOL },
	{ "token_type", KIND_TEXT },
	{ "expiration_leeway", KIND_EMPTY },
	{ "not_before_leeway", KIND_EMPTY },
	{ "groups_claim", KIND_EMPTY },
	{ "max_age", KIND_EMPTY },
	{ "oidc_scopes", KIND_EMPTY },
	{ "verbose_oidc_logging", KIND_EMPTY },
	{ "token_bound_cidrs", KIND_EMPTY },
	{ "token_strictly_bind_ip", KIND_EMPTY },
	{ "token_policies_template_claims", KIND_EMPTY },
};

/* As OpenBao shows a role of which little has been said. */
static json_t *role_default(void)
{
	json_t *is =
	    json_pack("{sn s[] sn ss ss sn si si ss si si si ss sb sb}",
		"allowed_redirect_uris", "bound_audiences", "bound_claims",
		"bound_claims_type", "string", "bound_subject", "",
		"claim_mappings", "clock_skew_leeway", 0, "expiration_leeway",
		0, "groups_claim", "", "max_age", 0, "not_before_leeway", 0,
		"token_ttl", 0, "role_type", "", "user_claim_json_pointer", 0,
		"verbose_oidc_logging", 0);
	json_t *token = json_pack("{s[] si si sb si si s[] sb sb ss ss}",
	    "token_bound_cidrs", "token_explicit_max_ttl", 0, "token_max_ttl",
	    0, "token_no_default_policy", 0, "token_num_uses", 0,
	    "token_period", 0, "token_policies",
	    "token_policies_template_claims", 0, "token_strictly_bind_ip", 0,
	    "token_type", "default", "user_claim", "");

	if (is && token)
		json_object_update(is, token);
	json_decref(token);
	return is;
}

static bool is_one_of(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(text, words[i]))
			return true;
	return false;
}

/* What OpenBao asks of a role, in its order and words. */
static int role_check(struct ask *a, const json_t *is)
{
	static const char *const claim_types[] = { "string", "glob" };
	static const char *const token_types[] = { "default", "service",
		"batch" };
	const char *type = object_text(is, "role_type");
	const char *bound = object_text(is, "bound_claims_type");
	size_t limits =
	    json_array_size(json_object_get(is, "bound_audiences")) +
	    json_object_size(json_object_get(is, "bound_claims")) +
	    strlen(object_text(is, "bound_subject"));

	if (!*object_text(is, "user_claim"))
		reply_fail(
		    a->reply, 400, "a user claim must be defined on the role");
	else if (strcmp(type, "jwt"))
		reply_fail(a->reply, 400, "invalid 'role_type': %s", type);
	else if (!is_one_of(bound, claim_types, N_ELEMS(claim_types)))
		reply_fail(
		    a->reply, 400, "invalid 'bound_claims_type': %s", bound);
	else if (!is_one_of(object_text(is, "token_type"), token_types,
		     N_ELEMS(token_types)))
		reply_fail(a->reply, 400, "invalid 'token_type'");
	else if (!limits)
		reply_fail(a->reply, 400,
		    "must have at least one bound constraint when "
		    "creating/updating a role");
	else if (json_array_size(json_object_get(is, "token_policies")) >=
		 TOKEN_POLICIES_MOST)
		reply_full(a->reply, "policies in a role");
	else if (json_array_size(json_object_get(is, "bound_audiences")) >
		 JWTMOUNT_AUDIENCES_MOST)
		reply_full(a->reply, "audiences in a role");
	return a->reply->errors ? -EINVAL : 0;
}

static struct role *role_find(struct jwtmount *m, const char *name)
{
	for (size_t i = 0; i < m->n_roles; i++)
		if (!strcmp(m->role[i].name, name))
			return &m->role[i];
	return NULL;
}

static int role_write(struct jwtmount *m, struct ask *a, const char *name)
{
	struct role *role = role_find(m, name);
	JSON *is = role ? json_deep_copy(role->is) : role_default();

	if (!is)
		return -ENOMEM;
	if (!members_only(a, role_members, N_ELEMS(role_members)) ||
	    members_take(a, role_members, N_ELEMS(role_members), is) ||
	    role_check(a, is))
		return 0;
	if (!role && (m->n_roles == JWTMOUNT_ROLES_MOST ||
			 strlen(name) > TOKEN_NAME_MOST)) {
		reply_full(a->reply, "roles, or names as long");
		return 0;
	}
	if (!role) {
		role = &m->role[m->n_roles++];
		*role = (struct role){ .is = NULL };
		snprintf(role->name, sizeof(role->name), "%s", name);
	}
	json_decref(role->is);
	role->is = STEAL(is);
	reply_done(a->reply);
	return 0;
}

static void role_list(struct jwtmount *m, struct ask *a)
{
	json_t *keys = json_array();

	if (!m->n_roles) {
		json_decref(keys);
		reply_missing(a->reply);
		return;
	}
	for (size_t i = 0; i < m->n_roles; i++)
		json_array_append_new(keys, json_string(m->role[i].name));
	reply_give(a->reply, json_pack("{so}", "keys", keys));
}

static void role_delete(struct jwtmount *m, const char *name)
{
	struct role *role = role_find(m, name);

	if (!role)
		return;
	json_decref(role->is);
	*role = m->role[--m->n_roles];
}

static int handle_role(struct jwtmount *m, struct ask *a, size_t from)
{
	const char *name = vault_path_segment(a->path, from + 1);
	struct role *role = role_find(m, name);

	if (!*name) {
		if (a->kind == ASK_LIST)
			role_list(m, a);
		else
			reply_unsupported(a->reply);
		return 0;
	}
	if (a->kind == ASK_WRITE)
		return role_write(m, a, name);
	if (a->kind == ASK_READ && role)
		reply_give(a->reply, json_incref(role->is));
	else if (a->kind == ASK_READ)
		reply_missing(a->reply);
	else if (a->kind == ASK_DELETE) {
		role_delete(m, name);
		reply_done(a->reply);
	} else
		reply_unsupported(a->reply);
	return 0;
}

/* ---- login -------------------------------------------------------------- */

static struct role *login_role(struct jwtmount *m, struct ask *a)
{
	const char *name = ask_text(a, "role");
	struct role *role;

	if (!m->config) {
		reply_fail(a->reply, 400, "could not load configuration");
		return NULL;
	}
	if (!name || !*name)
		name = object_text(m->config, "default_role");
	role = role_find(m, name);
	if (!*name)
		reply_fail(a->reply, 400, "missing role");
	else if (!role)
		reply_fail(
		    a->reply, 400, "role \"%s\" could not be found", name);
	return role;
}

static int handle_login(struct jwtmount *m, struct ask *a)
{
	struct jwt_login login = { .path = m->path,
		.config = m->config,
		.keys = m->keys,
		.tokens = m->tokens };
	struct role *role;

	if (a->kind != ASK_WRITE) {
		reply_fail(a->reply, 405, "unsupported operation");
		return 0;
	}
	role = login_role(m, a);
	if (!role)
		return 0;
	login.role_name = role->name;
	login.role = role->is;
	return jwt_login(&login, a);
}

bool jwtmount_is_login(const struct ask *a, size_t from)
{
	return a->path->n_segments == from + 1 && !a->path->folder &&
	       !strcmp(vault_path_segment(a->path, from), "login");
}

int jwtmount_handle(struct jwtmount *m, struct ask *a, size_t from)
{
	const char *room = vault_path_segment(a->path, from);
	size_t left = a->path->n_segments - from;

	if (jwtmount_is_login(a, from))
		return handle_login(m, a);
	if (left == 1 && !strcmp(room, "config"))
		return handle_config(m, a);
	if (left <= 2 && !strcmp(room, "role"))
		return handle_role(m, a, from);
	reply_fail(
	    a->reply, 404, "1 error occurred:\n\t* unsupported path\n\n");
	return 0;
}
