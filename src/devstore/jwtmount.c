/* devstore/jwtmount.c: configuration and roles of a JWT mount.
 *
 * A role is kept as the JSON object that reading it answers; it starts as the
 * defaults and takes each known member of the body by its kind. So the table of
 * members is the whole schema, and what is shown is what counts.
 */
#include "devstore/jwtmount.h"
#include "devstore/jwtlogin.h"
#include "devstore/logintoken.h"
#include "devstore/members.h"
#include "wire/json.h"
#include <stdio.h>

struct role {
	char name[TOKEN_NAME_MOST + 1];
	json_t *is; /* all members */
};

struct jwtmount {
	char path[JWTMOUNT_PATH_MOST + 1];
	struct jwtmount_options o;
	json_t *config;	       /* as shown; NULL: none yet */
	struct jwt_keys *keys; /* of the config */
	struct role role[JWTMOUNT_ROLES_MOST];
	size_t n_roles;
};

int jwtmount_new(struct jwtmount **out, const struct jwtmount_options *o)
{
	struct jwtmount *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	INVARIANT(strlen(o->path) <= JWTMOUNT_PATH_MOST);
	snprintf(m->path, sizeof(m->path), "%s", o->path);
	m->o = *o;
	m->o.path = m->path;
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
	token_revoke_path(m->o.tokens, m->o.space, path);
}

/* ---- config ------------------------------------------------------------- */

static const struct member config_members[] = {
	{ "jwt_validation_pubkeys", MEMBER_TEXTS },
	{ "bound_issuer", MEMBER_TEXT },
	{ "jwt_supported_algs", MEMBER_TEXTS },
	{ "default_role", MEMBER_TEXT },
	{ "jwks_url", MEMBER_EMPTY },
	{ "jwks_ca_pem", MEMBER_EMPTY },
	{ "oidc_discovery_url", MEMBER_EMPTY },
	{ "oidc_discovery_ca_pem", MEMBER_EMPTY },
	{ "oidc_client_id", MEMBER_EMPTY },
	{ "oidc_client_secret", MEMBER_EMPTY },
	{ "oidc_response_mode", MEMBER_EMPTY },
	{ "oidc_response_types", MEMBER_EMPTY },
	{ "provider_config", MEMBER_EMPTY },
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
	if (members_take(a, config_members, N_ELEMS(config_members), config) ||
	    config_algorithms(a, config))
		return 0;
	r = config_keys(a, config, keys);
	if (r)
		return r == -EINVAL ? 0 : r;
	json_decref(m->config);
	jwt_keys_free(m->keys);
	m->config = STEAL(config);
	m->keys = STEAL(keys);
	if (m->o.at.keep)
		keep_put(&m->o.at, KEEP_JWT_CONFIG, "", json_incref(m->config));
	reply_done(a->reply);
	return 0;
}

static int config_restore(struct jwtmount *m, json_t *config)
{
	struct reply reply = { .status = 200 };
	struct ask a = { .reply = &reply };
	int r = jwt_keys_new(&m->keys);

	if (!r)
		r = config_keys(&a, config, m->keys);
	if (!r)
		m->config = json_incref(config);
	reply_clear(&reply);
	return r;
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
	{ "name", MEMBER_NAMED },
	{ "role_type", MEMBER_TEXT },
	{ "bound_audiences", MEMBER_TEXTS },
	{ "bound_subject", MEMBER_TEXT },
	{ "bound_claims", MEMBER_OBJECT },
	{ "bound_claims_type", MEMBER_TEXT },
	{ "claim_mappings", MEMBER_OBJECT },
	{ "user_claim", MEMBER_TEXT },
	{ "user_claim_json_pointer", MEMBER_BOOL },
	{ "clock_skew_leeway", MEMBER_SECONDS },
	{ "allowed_redirect_uris", MEMBER_TEXTS },
	{ "expiration_leeway", MEMBER_EMPTY },
	{ "not_before_leeway", MEMBER_EMPTY },
	{ "groups_claim", MEMBER_EMPTY },
	{ "max_age", MEMBER_EMPTY },
	{ "oidc_scopes", MEMBER_EMPTY },
	{ "verbose_oidc_logging", MEMBER_EMPTY },
	{ "token_policies_template_claims", MEMBER_EMPTY },
	LOGIN_TOKEN_MEMBERS,
};

/* As OpenBao shows a role of which little has been said. */
static json_t *role_default(void)
{
	json_t *is =
	    json_pack("{sn s[] sn ss ss sn si si ss si si ss sb sb sb ss}",
		"allowed_redirect_uris", "bound_audiences", "bound_claims",
		"bound_claims_type", "string", "bound_subject", "",
		"claim_mappings", "clock_skew_leeway", 0, "expiration_leeway",
		0, "groups_claim", "", "max_age", 0, "not_before_leeway", 0,
		"role_type", "", "user_claim_json_pointer", 0,
		"verbose_oidc_logging", 0, "token_policies_template_claims", 0,
		"user_claim", "");
	json_t *token = login_token_defaults();

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
	else if (!limits)
		reply_fail(a->reply, 400,
		    "must have at least one bound constraint when "
		    "creating/updating a role");
	else if (json_array_size(json_object_get(is, "bound_audiences")) >
		 JWTMOUNT_AUDIENCES_MOST)
		reply_full(a->reply, "audiences in a role");
	return a->reply->errors ? -EINVAL : login_token_check(a, is);
}

static struct role *role_find(struct jwtmount *m, const char *name)
{
	for (size_t i = 0; i < m->n_roles; i++)
		if (!strcmp(m->role[i].name, name))
			return &m->role[i];
	return NULL;
}

/* The role of that name is @is, which is taken. */
static void role_set(struct jwtmount *m, const char *name, json_t *is)
{
	struct role *role = role_find(m, name);

	if (!role) {
		role = &m->role[m->n_roles++];
		*role = (struct role){ .is = NULL };
		snprintf(role->name, sizeof(role->name), "%s", name);
	}
	json_decref(role->is);
	role->is = is;
}

static int role_restore(struct jwtmount *m, const struct keep_row *row)
{
	if (m->n_roles == JWTMOUNT_ROLES_MOST ||
	    strlen(row->name) > TOKEN_NAME_MOST)
		return -EINVAL;
	role_set(m, row->name, json_incref(row->value));
	return 0;
}

int jwtmount_restore(
    struct jwtmount *m, enum keep_kind kind, const struct keep_row *row)
{
	if (kind == KEEP_JWT_CONFIG)
		return config_restore(m, row->value);
	return role_restore(m, row);
}

static int role_write(struct jwtmount *m, struct ask *a, const char *name)
{
	struct role *role = role_find(m, name);
	JSON *is = role ? json_deep_copy(role->is) : role_default();

	if (!is)
		return -ENOMEM;
	if (members_take(a, role_members, N_ELEMS(role_members), is) ||
	    role_check(a, is))
		return 0;
	if (!role && (m->n_roles == JWTMOUNT_ROLES_MOST ||
			 strlen(name) > TOKEN_NAME_MOST)) {
		reply_full(a->reply, "roles, or names as long");
		return 0;
	}
	if (m->o.at.keep)
		keep_put(&m->o.at, KEEP_JWT_ROLE, name, json_incref(is));
	role_set(m, name, STEAL(is));
	reply_done(a->reply);
	return 0;
}

static void role_list(struct jwtmount *m, struct ask *a)
{
	json_t *keys = json_array();

	for (size_t i = 0; i < m->n_roles; i++)
		json_array_append_new(keys, json_string(m->role[i].name));
	texts_sort(keys);
	reply_keys(a->reply, keys);
}

static void role_delete(struct jwtmount *m, const char *name)
{
	struct role *role = role_find(m, name);

	if (!role)
		return;
	keep_remove(&m->o.at, KEEP_JWT_ROLE, name);
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
		.tokens = m->o.tokens };
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

int jwtmount_handle(struct jwtmount *m, struct ask *a, size_t from)
{
	const char *room = vault_path_segment(a->path, from);
	size_t left = a->path->n_segments - from;

	if (left == 1 && !a->path->folder && !strcmp(room, "login"))
		return handle_login(m, a);
	if (left == 1 && !strcmp(room, "config"))
		return handle_config(m, a);
	if (left <= 2 && !strcmp(room, "role"))
		return handle_role(m, a, from);
	reply_fail(
	    a->reply, 404, "1 error occurred:\n\t* unsupported path\n\n");
	return 0;
}
