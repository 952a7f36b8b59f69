/* wire/enrol.c: what stands in a store for one cluster.
 *
 * Everything that decides is the store's own: the CA's key is made by its PKI
 * engine and never leaves it; which names a certificate may have stand in the
 * engine's roles and not with whoever asks; the bridge's token can ask for
 * these two kinds of certificate, write one KV entry and the keys of one JWT
 * mount, and nothing else. So a bridge that is taken over can let in a false
 * broker of this one cluster and lock out the true one, and with keys of its
 * own in the JWT mount log in as any of its pods. It cannot make itself a
 * policy, or reach another cluster's part.
 *
 *   places      namespace, KV, PKI, JWT, AppRole; the CA
 *   rights      roles of the PKI (they name the realm, which is the hash of
 *               the CA: so they come after it), policy, AppRole
 *   credential  two halves of a login, where a file is asked for
 *   file        a role for keys in files, and a certificate that it signs,
 *               where one is asked for
 *   record      last: what it says is true when it can be read
 *
 * Each step looks first. What is as it should be stays, so that doing it all
 * again changes nothing; a mount of another kind in our place is an error.
 *
 * A certificate's common name is for people: it is not checked, and goes into
 * no SAN (whoever signs says exclude_cn_from_sans, else the role refuses it).
 * Certificates are not kept by the engine: they live for a day, and who is shut
 * out stands in the registration.
 */
#include "wire/enrol.h"
#include "wire/json.h"
#include <stdio.h>

bool enrol_label_ok(const char *text)
{
	static const char characters[] =
	    "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t n = strlen(text);

	return n && n <= ENROL_LABEL_MOST && strspn(text, characters) == n &&
	       text[0] != '-' && text[n - 1] != '-';
}

/* ---- what is good already ------------------------------------------------ */

static bool covers(const json_t *is, json_t *wanted);

/* Every member that is wanted is there, with that value. */
static bool covers_members(const json_t *is, json_t *wanted)
{
	const char *name;
	json_t *value;

	json_object_foreach(wanted, name, value)
	{
		if (!covers(json_object_get(is, name), value))
			return false;
	}
	return true;
}

static bool covers(const json_t *is, json_t *wanted)
{
	return json_is_object(wanted) ? covers_members(is, wanted)
				      : json_equal(is, wanted);
}

/* Of a mount: its description is for people. */
static bool fits_mount(const json_t *data, json_t *body)
{
	JSON *wanted = json_copy(body);

	json_object_del(wanted, "description");
	return covers(data, wanted);
}

static json_t *policy_of(const json_t *j)
{
	const json_t *text = json_object_get(j, "policy");

	return text ? json_read_object(
			  json_string_value(text), json_string_length(text), 0)
		    : NULL;
}

/* However its JSON is laid out. */
static bool fits_policy(const json_t *data, json_t *body)
{
	JSON *is = policy_of(data), *wanted = policy_of(body);

	return is && json_equal(is, wanted);
}

/* ---- places -------------------------------------------------------------- */

/* A step in @order's namespace. */
static int add(
    struct changes *p, const struct space *space, struct changes_order order)
{
	order.name_space = space->name_space;
	return changes_add(p, &order);
}

static int add_namespace(struct changes *p, const char *parent,
    const char *name, const char *cluster)
{
	char what[CHANGES_WHAT_MOST], path[VAULT_PATH_MOST];
	json_t *body = cluster ? json_pack("{s{ss}}", "custom_metadata",
				     "pharos-cluster", cluster)
			       : json_object();

	(void)snprintf(what, sizeof(what), "namespace %s%s%s", parent,
	    *parent ? "/" : "", name);
	(void)snprintf(path, sizeof(path), "sys/namespaces/%s", name);
	return changes_add(p, &(struct changes_order){ .kind = CHANGES_MAKE,
				  .what = what,
				  .name_space = parent,
				  .path = path,
				  .body = body });
}

/* Each in the one before it; only the last is the cluster's own. */
static int add_namespaces(
    struct changes *p, const struct space *space, const char *cluster)
{
	char all[SPACE_NAMESPACE_MOST + 1];
	char *name = all, *end;
	const char *parent = "";
	int r = 0;

	memcpy(all, space->name_space, sizeof(all));
	while (!r && *name) {
		end = strchr(name, '/');
		if (end)
			*end = '\0';
		r = add_namespace(p, parent, name, end ? NULL : cluster);
		if (!end)
			break;
		if (name != all)
			name[-1] = '/'; /* all up to here is the parent */
		parent = all;
		name = end + 1;
	}
	return r;
}

/* @at: what it stands in; becomes the step that makes it, both as `within`
 * wants them */
static int add_mount(struct changes *p, size_t *at,
    const struct enrol_order *order, enum space_mount mount, json_t *body)
{
	char what[CHANGES_WHAT_MOST], path[VAULT_PATH_MOST];
	char name[SPACE_NAME_MOST + 1];
	size_t within = *at;
	int r;

	space_mount(name, order->space, mount);
	space_mount_path(path, order->space, mount);
	(void)snprintf(what, sizeof(what), "mount %s%s/",
	    mount == SPACE_JWT || mount == SPACE_APPROLE ? "auth/" : "", name);
	r = add(p, order->space,
	    (struct changes_order){ .kind = CHANGES_MAKE,
		.what = what,
		.path = path,
		.body = body,
		.fits = fits_mount,
		.within = within });
	*at = changes_size(p);
	return r;
}

/* @about: a printf format with the cluster in it. */
static json_t *kv_mount(const char *about, const char *cluster)
{
	return json_pack("{ss s{ss} so}", "type", "kv", "options", "version",
	    "2", "description", json_sprintf(about, cluster));
}

static json_t *pki_mount(const char *cluster)
{
	return json_pack("{ss s{si} so}", "type", "pki", "config",
	    "max_lease_ttl", ENROL_CA_S, "description",
	    json_sprintf("Pharos: the bridge CA of cluster %s", cluster));
}

static json_t *auth_mount(
    const char *type, const char *about, const char *cluster)
{
	return json_pack("{ss so}", "type", type, "description",
	    json_sprintf(about, cluster));
}

static int add_mounts(struct changes *p, struct enrol *e,
    const struct enrol_order *order, const char *cluster)
{
	size_t jwt, secrets;
	int r;

	e->kv = e->pki = e->approle = jwt = secrets = e->home;
	r = add_mount(p, &e->kv, order, SPACE_KV,
	    kv_mount("Pharos: the registration of cluster %s", cluster));
	if (!r && *order->space->name_space && !*order->space->prefix)
		r = add_mount(p, &secrets, order, SPACE_SECRETS,
		    kv_mount("Secrets of cluster %s", cluster));
	if (!r)
		r = add_mount(p, &e->pki, order, SPACE_PKI, pki_mount(cluster));
	if (!r)
		r = add_mount(p, &jwt, order, SPACE_JWT,
		    auth_mount("jwt", "Pharos: pods of cluster %s", cluster));
	if (!r)
		r = add_mount(p, &e->approle, order, SPACE_APPROLE,
		    auth_mount("approle", "Pharos: the bridge of cluster %s",
			cluster));
	return r;
}

/* No write of the registration without the version that was read. */
static int add_config(
    struct changes *p, const struct enrol *e, const struct space *space)
{
	char path[VAULT_PATH_MOST], mount[SPACE_NAME_MOST + 1];

	space_mount(mount, space, SPACE_KV);
	(void)snprintf(path, sizeof(path), "%s/config", mount);
	return add(p, space,
	    (struct changes_order){ .kind = CHANGES_WRITE,
		.what = "check-and-set of the registration",
		.path = path,
		.body = json_pack("{sb}", "cas_required", 1),
		.fits = covers,
		.within = e->kv });
}

static int add_ca(struct changes *p, struct enrol *e, const struct space *space)
{
	char path[VAULT_PATH_MOST], look[VAULT_PATH_MOST];
	int r;

	space_path(path, space, SPACE_CA_MAKE);
	space_path(look, space, SPACE_CA);
	e->ca = changes_size(p);
	r = add(p, space,
	    (struct changes_order){ .kind = CHANGES_MAKE,
		.what = "bridge CA",
		.path = path,
		.look = look,
		.body = json_pack("{ss ss si ss si si sb}", "common_name",
		    "Pharos bridge CA", "issuer_name", "pharos-bridge", "ttl",
		    ENROL_CA_S, "key_type", "ec", "key_bits", 256,
		    "max_path_length", 0, "exclude_cn_from_sans", 1),
		.within = e->pki });
	return r;
}

int enrol_places(
    struct changes *p, struct enrol *out, const struct enrol_order *order)
{
	char cluster[FINGERPRINT_DIGITS + 1];
	struct enrol e = { .ca = 0 };
	int r = 0;

	fingerprint_print(cluster, order->fingerprint);
	if (!order->has_home)
		r = add_namespaces(p, order->space, cluster);
	e.home = changes_size(p);
	if (!r)
		r = add_mounts(p, &e, order, cluster);
	if (!r)
		r = add_config(p, &e, order->space);
	if (!r)
		r = add_ca(p, &e, order->space);
	if (!r)
		*out = e;
	return r;
}

/* ---- rights -------------------------------------------------------------- */

/* What one role signs. */
struct signing {
	const char *what;
	enum space_path path;
	const char *role; /* of who is certified */
	int most_s;	  /* of life */
};

/* @domains: counted down. */
static json_t *signing_role(
    const struct signing *s, const char *realm, json_t *domains)
{
	json_t *j = json_pack("{so s[o] ss si s[s] si si si}",
	    "allowed_domains", domains, "allowed_uri_sans",
	    json_sprintf("pharos://%s/%s/*", realm, s->role), "key_type", "ec",
	    "key_bits", 256, "key_usage", "DigitalSignature", "ttl", s->most_s,
	    "max_ttl", s->most_s, "not_before_duration", 300);
	static const char *const yes[] = { "allow_bare_domains",
		"enforce_hostnames", "server_flag", "client_flag", "no_store" };
	static const char *const no[] = { "allow_any_name",
		"allow_glob_domains", "allow_subdomains", "allow_localhost",
		"allow_wildcard_certificates", "allow_ip_sans", "require_cn",
		"use_csr_common_name", "use_csr_sans" };

	for (size_t i = 0; i < N_ELEMS(yes); i++)
		json_object_set_new(j, yes[i], json_true());
	for (size_t i = 0; i < N_ELEMS(no); i++)
		json_object_set_new(j, no[i], json_false());
	json_object_set_new(j, "cn_validations", json_pack("[s]", "disabled"));
	return j;
}

static json_t *bridge_names(void)
{
	return json_pack("[s]", "bridge.pharos");
}

static json_t *broker_names(const struct enrol_order *order)
{
	const char *service = order->broker_service;
	const char *home = order->broker_namespace;

	return json_pack("[oo]", json_sprintf("%s.%s.svc", service, home),
	    json_sprintf("%s.%s.svc.cluster.local", service, home));
}

/* @role: counted down */
static int add_signing(struct changes *p, const struct enrol *e,
    const struct enrol_order *order, const struct signing *s, json_t *role)
{
	char path[VAULT_PATH_MOST];

	space_path(path, order->space, s->path);
	return add(p, order->space,
	    (struct changes_order){ .kind = CHANGES_WRITE,
		.what = s->what,
		.path = path,
		.body = role,
		.fits = covers,
		.within = e->pki });
}

static int add_signings(struct changes *p, const struct enrol *e,
    const struct enrol_order *order, const char *realm)
{
	static const struct signing bridge = { "PKI role bridge",
		SPACE_BRIDGE_ROLE, "bridge", ENROL_LEAF_S };
	static const struct signing broker = { "PKI role broker",
		SPACE_BROKER_ROLE, "broker", ENROL_LEAF_S };
	int r = add_signing(
	    p, e, order, &bridge, signing_role(&bridge, realm, bridge_names()));

	return r ? r
		 : add_signing(p, e, order, &broker,
		       signing_role(&broker, realm, broker_names(order)));
}

/* All that the bridge does on its own account. */
static const struct {
	enum space_path path;
	const char *capabilities[2];
} allowed[] = {
	{ SPACE_RECORD, { "read", "update" } },
	{ SPACE_CA, { "read" } },
	{ SPACE_BRIDGE_SIGN, { "update" } },
	{ SPACE_BROKER_SIGN, { "update" } },
	{ SPACE_JWT_CONFIG, { "update" } },
};

static void allow(json_t *paths, const char *path, const char *const *can)
{
	json_t *list = json_pack("[s]", can[0]);

	if (can[1])
		json_array_append_new(list, json_string(can[1]));
	json_object_set_new(
	    paths, path, json_pack("{so}", "capabilities", list));
}

json_t *enrol_policy(const struct space *space)
{
	static const char *const renewal[2] = { "update" };
	json_t *paths = json_object();

	for (size_t i = 0; i < N_ELEMS(allowed); i++) {
		char path[VAULT_PATH_MOST];

		space_path(path, space, allowed[i].path);
		allow(paths, path, allowed[i].capabilities);
	}
	allow(paths, "auth/token/renew-self", renewal);
	return json_pack("{so}", "path", paths);
}

static int add_policy(
    struct changes *p, const struct enrol *e, const struct space *space)
{
	char name[SPACE_NAME_MOST + 1], what[CHANGES_WHAT_MOST];
	char path[VAULT_PATH_MOST];
	JSON *policy = enrol_policy(space);
	CLEANUP(free_p) char *text = json_dumps(policy, JSON_COMPACT);

	space_policy(name, sizeof(name), space, SPACE_BRIDGE_POLICY);
	(void)snprintf(what, sizeof(what), "policy %s", name);
	(void)snprintf(path, sizeof(path), "sys/policies/acl/%s", name);
	return add(p, space,
	    (struct changes_order){ .kind = CHANGES_WRITE,
		.what = what,
		.path = path,
		.body = text ? json_pack("{ss}", "policy", text) : NULL,
		.member = "policy",
		.fits = fits_policy,
		.within = e->home });
}

static int add_login(
    struct changes *p, const struct enrol *e, const struct space *space)
{
	char name[SPACE_NAME_MOST + 1], path[VAULT_PATH_MOST];

	space_policy(name, sizeof(name), space, SPACE_BRIDGE_POLICY);
	space_path(path, space, SPACE_LOGIN_ROLE);
	return add(p, space,
	    (struct changes_order){ .kind = CHANGES_WRITE,
		.what = "AppRole bridge",
		.path = path,
		.body = json_pack("{s[s] sb sb si si}", "token_policies", name,
		    "token_no_default_policy", 1, "bind_secret_id", 1,
		    "token_ttl", ENROL_TOKEN_S, "token_max_ttl",
		    ENROL_TOKEN_MOST_S),
		.fits = covers,
		.within = e->approle });
}

int enrol_rights(struct changes *p, const struct enrol *e,
    const struct enrol_order *order, const char *realm)
{
	int r = add_signings(p, e, order, realm);

	if (!r)
		r = add_policy(p, e, order->space);
	return r ? r : add_login(p, e, order->space);
}

int enrol_credential(
    struct changes *p, struct enrol *e, const struct space *space)
{
	char path[VAULT_PATH_MOST], undo[VAULT_PATH_MOST];
	int r;

	space_path(path, space, SPACE_ROLE_ID);
	e->role_id = changes_size(p);
	r = add(p, space,
	    (struct changes_order){ .kind = CHANGES_READ,
		.what = "role id of the bridge",
		.path = path });
	if (r)
		return r;
	space_path(path, space, SPACE_SECRET_ID);
	space_path(undo, space, SPACE_SECRET_ID_NO);
	e->secret_id = changes_size(p);
	return add(p, space,
	    (struct changes_order){ .kind = CHANGES_ADD,
		.what = "secret id of the bridge",
		.path = path,
		.body = json_object(),
		.undo = undo,
		.handle = "secret_id_accessor",
		.within = e->approle });
}

int enrol_file_role(struct changes *p, struct enrol *e,
    const struct enrol_order *order, const char *realm)
{
	static const struct signing file = { "PKI role broker-file",
		SPACE_FILE_ROLE, "broker", ENROL_FILE_S };

	e->file_role = changes_size(p);
	return add_signing(p, e, order, &file,
	    signing_role(&file, realm, broker_names(order)));
}

int enrol_file(struct changes *p, struct enrol *e,
    const struct enrol_order *order, const char *realm, json_t *request)
{
	JSON *body = request;
	char path[VAULT_PATH_MOST];
	int r = enrol_file_role(p, e, order, realm);

	if (r)
		return r;
	space_path(path, order->space, SPACE_FILE_SIGN);
	e->file = changes_size(p);
	return add(p, order->space,
	    (struct changes_order){ .kind = CHANGES_ASK,
		.what = "certificate of the broker",
		.path = path,
		.body = STEAL(body) });
}

int enrol_record(struct changes *p, const struct space *space, json_t *record,
    unsigned long version)
{
	char path[VAULT_PATH_MOST], undo[VAULT_PATH_MOST];

	space_path(path, space, SPACE_RECORD);
	space_path(undo, space, SPACE_RECORD_METADATA);
	return add(p, space,
	    (struct changes_order){ .kind = CHANGES_WRITE,
		.what = "registration",
		.path = path,
		.body = json_pack("{s{sI} so}", "options", "cas",
		    (json_int_t)version, "data", record),
		.undo = undo });
}
