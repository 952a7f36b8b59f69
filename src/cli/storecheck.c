/* cli/storecheck.c: what a bridge and a pod need of the store, in the order in
 * which they need it.
 *
 * A question to the store has a fault, which names path and missing right, or
 * an answer, or there is no such thing there; each of the three is told with
 * the hop's own words. What one hop has learned (the record, the CA's realm,
 * the mount's configuration, the role) the next ones are judged by.
 */
#include "cli/storecheck.h"
#include "base/hex.h"
#include "cli/pemprint.h"
#include "cli/servercheck.h"
#include "pki/cleanup.h"
#include "pki/role.h"
#include "wire/grant.h"
#include "wire/json.h"
#include "wire/registration.h"
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum {
	DNS,
	TCP,
	PROXY,
	OUTER,
	HEALTH,
	SEAL,
	TOKEN,
	SPACE,
	RECORD,
	CA,
	MOUNT,
	KEYS,
	GRANTED,
	CLAIMS,
	PATH
};

static const struct checks_hop hops[] = {
	PROBE_ROWS("the store"),
	{ "tls", "a certificate for the store's name, of a CA that we trust",
	    "Name its CA with --secretstore-ca." },
	{ "health", "a store that is initialised",
	    "Is it OpenBao or Vault that listens there?" },
	{ "seal", "a store that is not sealed",
	    "Unseal it: bao operator unseal, or its auto-unseal." },
	{ "token", "a token that the store knows",
	    "Log in again, and give the new token." },
	{ "namespace", "the cluster's part of the store",
	    "pharos source register makes it." },
	{ "record", "a registration that is active",
	    "Start the broker with the join string that register printed." },
	{ "ca", "the bridge CA in the PKI engine",
	    "pharos source register makes it." },
	{ "jwt mount", "the cluster's keys and issuer at the JWT mount",
	    "The bridge writes them when the cluster has joined: look in its "
	    "log for what the store refuses." },
	{ "keys", "the keys that the cluster signs with now",
	    "pharos source approve with the fingerprint of the new keys." },
	{ "role", "a role for that ServiceAccount",
	    "pharos source grant makes it." },
	{ "claims", "a role for this subject, with this bridge's audience",
	    "pharos source grant again: it replaces the role." },
	{ "path", "a policy that lets it read that path",
	    "pharos source grant with that --path, and all others." },
};

struct state {
	struct checks *c;
	const struct storecheck_order *o;
	struct storecall *store;
	struct registration record;
	char realm[2 * REALM_SIZE + 1];
	json_t *config, *role; /* data of the JWT mount's configuration, role */
};

static void state_clear(struct state *s)
{
	storecall_close(s->store);
	registration_deinit(&s->record);
	json_decref(s->config);
	json_decref(s->role);
}

static void bad(struct state *s, size_t hop, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void bad(struct state *s, size_t hop, const char *fmt, ...)
{
	struct fault fault = { .code = -ENOENT };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(fault.text, sizeof(fault.text), fmt, args);
	va_end(args);
	checks_bad(s->c, hop, &fault);
}

/* Ask, at that hop. Return: the answer's data, to be counted down; NULL: told,
 * @missing being said of what is not there. */
static json_t *ask(struct state *s, size_t hop, const char *where,
    const char *path, const char *missing)
{
	struct vault_call call = { .body = NULL };
	struct fault fault = FAULT_NONE;
	json_t *data = NULL;
	JSON *j = NULL;
	int r = vault_call_plain(&call, "GET", path, NULL);

	if (r)
		(void)fault_set(
		    &fault, r, NULL, "%.200s: cannot be asked for", path);
	else
		r = storecall_read(&j, s->store, where, &call, &fault);
	vault_call_clear(&call);
	if (r) {
		checks_bad(s->c, hop, &fault);
		return NULL;
	}
	data = json_object_get(j, "data");
	if (!data && json_object_get(j, "initialized"))
		data = j; /* of sys/seal-status, bare */
	if (!json_is_object(data)) {
		bad(s, hop, "%s", missing);
		return NULL;
	}
	return json_incref(data);
}

static const char *text_of(const json_t *j, const char *name)
{
	const char *text = json_string_value(json_object_get(j, name));

	return text ? text : "";
}

/* ---- the store ----------------------------------------------------------- */

static void tell_version(struct state *s, const char *version)
{
	struct fault fault = { .hint = ADVISORY_REMEDY };
	char text[ADVISORY_TEXT_MOST];

	if (!storecall_advisory(text, s->store, version)) {
		checks_good(s->c, HEALTH, "version %s", version);
		return;
	}
	(void)snprintf(fault.text, sizeof(fault.text), "version %s", text);
	checks_warn(s->c, HEALTH, &fault);
}

static void check_health(struct state *s)
{
	JSON *status = ask(
	    s, HEALTH, "", "sys/seal-status", "it does not answer as a store");

	if (!status)
		return;
	if (!json_is_true(json_object_get(status, "initialized"))) {
		bad(s, HEALTH, "it is not initialised");
		return;
	}
	tell_version(s, text_of(status, "version"));
	if (json_is_true(json_object_get(status, "sealed")))
		bad(s, SEAL, "it is sealed");
	else
		checks_good(s->c, SEAL, "open");
}

static void check_token(struct state *s)
{
	JSON *token = ask(s, TOKEN, "", "auth/token/lookup-self",
	    "the store does not know it");

	if (token)
		checks_good(s->c, TOKEN, "%s, of %s",
		    text_of(token, "display_name"), text_of(token, "path"));
}

static void check_space(struct state *s)
{
	JSON *mounts = ask(s, SPACE, NULL, "sys/internal/ui/mounts",
	    "there is no such namespace");
	const struct space *space = s->o->space;

	if (mounts)
		checks_good(s->c, SPACE, "%s, %zu mounts",
		    *space->name_space ? space->name_space
		    : *space->prefix   ? space->prefix
				       : "the root",
		    json_object_size(json_object_get(mounts, "secret")));
}

/* ---- the cluster's registration ------------------------------------------ */

static void date_text(char to[40], int64_t at)
{
	time_t t = (time_t)at;
	struct tm utc;

	if (!gmtime_r(&t, &utc) ||
	    !strftime(to, 40, "%Y-%m-%d %H:%M UTC", &utc))
		*to = '\0';
}

static void tell_state(struct state *s)
{
	const struct registration *r = &s->record;
	struct fault fault = { .code = -EAGAIN };
	char closes[40];

	date_text(closes, r->closes);
	switch (r->state) {
	case REGISTRATION_ACTIVE:
		checks_good(s->c, RECORD, "active, for %s", r->subject);
		return;
	case REGISTRATION_PENDING:
		(void)fault_set(&fault, -EAGAIN,
		    r->approval && *r->pod && !r->approved
			? "pharos source approve lets it in."
			: NULL,
		    "pending until %s: %s%s", closes,
		    *r->pod ? "this pod waits for approval: "
			    : "the cluster has not come yet",
		    r->pod);
		break;
	case REGISTRATION_STALE:
		(void)fault_set(&fault, -EAGAIN,
		    "pharos target fingerprint, compare, and then pharos "
		    "source approve with the new one.",
		    "stale: somebody came with a key that is not stored");
		break;
	default:
		(void)fault_set(
		    &fault, -EACCES, "Register the cluster anew.", "revoked");
	}
	checks_bad(s->c, RECORD, &fault);
}

static void check_record(struct state *s)
{
	char path[VAULT_PATH_MOST];
	struct fault fault = FAULT_NONE;
	JSON *entry = NULL;

	space_path(path, s->o->space, SPACE_RECORD);
	entry = ask(s, RECORD, NULL, path, "there is no registration");
	if (!entry)
		return;
	if (registration_read(
		&s->record, json_object_get(entry, "data"), &fault)) {
		checks_bad(s->c, RECORD, &fault);
		return;
	}
	if (s->o->fingerprint &&
	    !fingerprint_equal(s->o->fingerprint, &s->record.fingerprint))
		bad(s, RECORD, "it is of another cluster, or of other keys");
	else
		tell_state(s);
}

static void check_ca(struct state *s)
{
	CLEANUP(bio_p) BIO *bio = NULL;
	CLEANUP(x509_p) X509 *ca = NULL;
	char path[VAULT_PATH_MOST];
	uint8_t hash[REALM_SIZE];
	JSON *data = NULL;

	space_path(path, s->o->space, SPACE_CA);
	data = ask(s, CA, NULL, path, "there is no CA");
	if (!data)
		return;
	bio = BIO_new_mem_buf(text_of(data, "certificate"), -1);
	ca = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	if (!ca || realm_of(hash, ca)) {
		bad(s, CA, "what is there is no certificate");
		return;
	}
	hex_encode(s->realm, hash, sizeof(hash));
	checks_good(s->c, CA, "info hash %s", s->realm);
}

/* ---- the JWT mount ------------------------------------------------------- */

static const json_t *keys_of(const json_t *config)
{
	return json_object_get(config, "jwt_validation_pubkeys");
}

static void check_mount(struct state *s)
{
	char path[VAULT_PATH_MOST];

	space_path(path, s->o->space, SPACE_JWT_CONFIG);
	s->config = ask(s, MOUNT, NULL, path, "it has no configuration");
	if (!s->config)
		return;
	if (!json_array_size(keys_of(s->config)))
		bad(s, MOUNT, "it has no keys of its own");
	else if (strcmp(text_of(s->config, "bound_issuer"), s->record.issuer))
		bad(s, MOUNT, "issuer \"%.150s\", the cluster's is \"%.150s\"",
		    text_of(s->config, "bound_issuer"), s->record.issuer);
	else
		checks_good(s->c, MOUNT, "%zu keys, issuer %.200s",
		    json_array_size(keys_of(s->config)), s->record.issuer);
}

/* Is a key of that thumbprint at the mount? */
static bool mount_has(
    const json_t *config, const uint8_t print[THUMBPRINT_SIZE])
{
	const json_t *one;
	size_t i;

	json_array_foreach(keys_of(config), i, one)
	{
		uint8_t has[THUMBPRINT_SIZE];
		const char *pem = json_string_value(one);

		if (pem && !pemprint(has, pem) &&
		    !memcmp(has, print, sizeof(has)))
			return true;
	}
	return false;
}

/* Every key with which the cluster signs must be there: kinds that no token is
 * checked with are not. */
static void check_keys(struct state *s)
{
	const struct cluster_facts *f = s->o->cluster;
	JSON *jwks = f ? json_read_object(f->jwks, f->n_jwks, 0) : NULL;
	const json_t *key;
	size_t i, n = 0;

	if (!f) {
		checks_skip(s->c, KEYS, "no --kubeconfig to compare with");
		return;
	}
	json_array_foreach(json_object_get(jwks, "keys"), i, key)
	{
		uint8_t print[THUMBPRINT_SIZE];
		const char *kind = text_of(key, "kty");

		if ((strcmp(kind, "EC") && strcmp(kind, "RSA")) ||
		    thumbprint_of(print, key))
			continue;
		if (!mount_has(s->config, print)) {
			bad(s, KEYS, "the cluster's key %.64s is not there",
			    text_of(key, "kid"));
			return;
		}
		n++;
	}
	if (strcmp(f->issuer, s->record.issuer) != 0)
		bad(s, KEYS, "the cluster's issuer is now \"%.200s\"",
		    f->issuer);
	else
		checks_good(s->c, KEYS, "all %zu of the cluster's", n);
}

/* ---- a pod --------------------------------------------------------------- */

static void check_role(struct state *s)
{
	char path[VAULT_PATH_MOST], mount[SPACE_NAME_MOST + 1];

	if (!s->o->role) {
		checks_skip(s->c, GRANTED, "no --serviceaccount was named");
		checks_skip(s->c, CLAIMS, "no --serviceaccount was named");
		checks_skip(s->c, PATH, "no --serviceaccount was named");
		return;
	}
	space_mount(mount, s->o->space, SPACE_JWT);
	(void)snprintf(
	    path, sizeof(path), "auth/%s/role/%s", mount, s->o->role);
	s->role = ask(s, GRANTED, NULL, path, "nothing is granted to it");
	if (s->role)
		checks_good(s->c, GRANTED, "%s", s->o->role);
}

static bool has_text(const json_t *list, const char *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (json_is_string(one) &&
		    !strcmp(json_string_value(one), text))
			return true;
	}
	return false;
}

static void check_claims(struct state *s)
{
	const char *subject = text_of(s->role, "bound_subject");
	const json_t *audiences = json_object_get(s->role, "bound_audiences");
	char audience[GRANT_AUDIENCE + 1];

	(void)snprintf(audience, sizeof(audience), "pharos:%s", s->realm);
	if (strcmp(subject, s->o->subject) != 0)
		bad(s, CLAIMS, "it is for the subject \"%.200s\"", subject);
	else if (!has_text(audiences, audience))
		bad(s, CLAIMS,
		    "its audience is %.100s, and a pod's token has %s",
		    json_array_size(audiences)
			? json_string_value(json_array_get(audiences, 0))
			: "none",
		    audience);
	else
		checks_good(s->c, CLAIMS, "%s", subject);
}

/* @granted: of a policy, with a star at its end or without. */
static bool lets_read(const char *granted, const char *path)
{
	size_t n = strlen(granted);

	if (n && granted[n - 1] == '*')
		return !strncmp(granted, path, n - 1);
	return !strcmp(granted, path);
}

/* The path as a policy has it: with the data/ of KV version 2. */
static bool is_granted(const json_t *paths, const char *path)
{
	struct vault_mount mount;
	struct grant_path full;
	const json_t *one;
	size_t i;

	grant_guess(&mount, path);
	json_array_foreach(paths, i, one)
	{
		const char *granted = json_string_value(one);

		if (lets_read(granted, path))
			return true;
		if (!grant_resolve(&full, path, &mount, NULL) &&
		    lets_read(granted, full.read))
			return true;
	}
	return false;
}

static void tell_paths(struct state *s, const json_t *paths)
{
	const char *path = s->o->path;
	const char *first = json_string_value(json_array_get(paths, 0));

	if (!json_array_size(paths))
		bad(s, PATH, "its policy is not one of pharos source grant");
	else if (path && !is_granted(paths, path))
		bad(s, PATH,
		    "%.150s is not granted; %zu others are, the first "
		    "%.150s",
		    path, json_array_size(paths), first);
	else
		checks_good(s->c, PATH, "%s", path ? path : first);
}

static void check_path(struct state *s)
{
	const char *name = json_string_value(
	    json_array_get(json_object_get(s->role, "token_policies"), 0));
	CLEANUP(grant_deinit) struct grant g = { .paths = NULL };
	JSON *role = json_pack("{sO}", "data", s->role);
	JSON *policy = NULL;
	char path[VAULT_PATH_MOST];

	if (!name) {
		bad(s, PATH, "the role gives no policy");
		return;
	}
	(void)snprintf(path, sizeof(path), "sys/policies/acl/%.400s", name);
	policy = ask(s, PATH, NULL, path, "the role's policy is missing");
	if (!policy)
		return;
	policy = json_pack("{so}", "data", policy);
	if (!role || !policy || grant_read(&g, s->o->role, role, policy))
		bad(s, PATH, "the role is not one of pharos source grant");
	else
		tell_paths(s, g.paths);
}

/* ---- all of it ----------------------------------------------------------- */

static void (*const steps[])(struct state *s) = {
	[HEALTH] = check_health, /* and SEAL */
	[TOKEN] = check_token,
	[SPACE] = check_space,
	[RECORD] = check_record,
	[CA] = check_ca,
	[MOUNT] = check_mount,
	[KEYS] = check_keys,
	[GRANTED] = check_role,
	[CLAIMS] = check_claims,
	[PATH] = check_path,
};

int storecheck(struct checks *out, struct probe *p,
    const struct storecheck_order *order, struct fault *fault)
{
	CLEANUP(state_clear) struct state s = { .c = out, .o = order };
	char address[STOREADDRESS_MOST + 1];
	struct servercheck server = { .url = address,
		.option = "--secretstore-address",
		.ca_file = order->store->ca_file,
		.hop = "TLS with the store" };
	int r = storecall_address(address, order->store->address, fault);

	if (!r)
		r = storecall_open(&s.store, order->store, fault);
	if (r)
		return r;
	checks_init(out, address, hops, N_ELEMS(hops));
	r = servercheck(out, p, &server, fault);
	for (size_t i = HEALTH; !r && i < N_ELEMS(steps); i++)
		if (steps[i] && checks_turn(out, i))
			steps[i](&s);
	return r;
}
