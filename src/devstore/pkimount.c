/* devstore/pkimount.c: the CA, its roles and what it has signed.
 *
 * The CA's key is made here and stays here, in OpenSSL's memory. A certificate
 * is kept by its serial number until it has ended and its room is needed, or
 * tidying takes it; so it can be looked up and revoked. The revocation list is
 * made anew for each asker.
 */
#include "devstore/pkimount.h"
#include "devstore/mounts.h"
#include "devstore/pkirole.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "pki/verify.h"
#include "wire/json.h"
#include <stdio.h>

enum { BACKDATE_SECONDS = 30, ISSUER_NAME_MOST = 64 };

struct pkirole {
	char name[TOKEN_NAME_MOST + 1];
	json_t *is;
};

struct cert {
	struct cert *next;
	X509 *x509;
	char serial[PKICERT_SERIAL_TEXT];
	int64_t ends_s, revoked_ms; /* revoked 0: not */
};

struct pkimount {
	EVP_PKEY *key; /* NULL: no CA yet */
	X509 *ca;
	char issuer_id[37], key_id[37], issuer_name[ISSUER_NAME_MOST + 1];
	struct pkimount_options o;
	struct pkirole role[PKIMOUNT_ROLES_MOST];
	size_t n_roles;
	struct cert *certs; /* newest first */
	size_t n_certs;
};

int pkimount_new(struct pkimount **out, const struct pkimount_options *o)
{
	struct pkimount *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->o = *o;
	*out = m;
	return 0;
}

static void cert_drop(struct pkimount *m, struct cert **link)
{
	struct cert *c = *link;

	*link = c->next;
	m->n_certs--;
	X509_free(c->x509);
	free(c);
}

void pkimount_free(struct pkimount *m)
{
	if (!m)
		return;
	while (m->certs)
		cert_drop(m, &m->certs);
	for (size_t i = 0; i < m->n_roles; i++)
		json_decref(m->role[i].is);
	EVP_PKEY_free(m->key);
	X509_free(m->ca);
	free(m);
}

/* ---- certificates kept -------------------------------------------------- */

static void certs_sweep(struct pkimount *m, int64_t now_s)
{
	for (struct cert **link = &m->certs; *link;) {
		if ((*link)->ends_s > now_s) {
			link = &(*link)->next;
			continue;
		}
		keep_remove(&m->o.at, KEEP_PKI_CERT, (*link)->serial);
		cert_drop(m, link);
	}
}

static void cert_write(const struct pkimount *m, const struct cert *c)
{
	if (m->o.at.keep)
		keep_put(&m->o.at, KEEP_PKI_CERT, c->serial,
		    json_pack("{so sI}", "pem", pkicert_pem(c->x509), "revoked",
			(json_int_t)c->revoked_ms));
}

static int cert_add(struct pkimount *m, X509 *x509, struct cert **out)
{
	struct cert *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	X509_up_ref(x509);
	c->x509 = x509;
	pkicert_serial(c->serial, x509);
	c->ends_s = verify_seconds(X509_get0_notAfter(x509));
	c->next = m->certs;
	m->certs = c;
	m->n_certs++;
	*out = c;
	return 0;
}

static int cert_keep(struct pkimount *m, X509 *x509)
{
	struct cert *c;
	int r = cert_add(m, x509, &c);

	if (!r)
		cert_write(m, c);
	return r;
}

/* With colons or dashes. */
static struct cert *cert_find(struct pkimount *m, const char *serial)
{
	char text[PKICERT_SERIAL_TEXT];

	snprintf(text, sizeof(text), "%s", serial);
	for (char *c = text; *c; c++)
		*c = (char)(*c == '-' ? ':' : *c);
	for (struct cert *c = m->certs; c; c = c->next)
		if (!strcmp(c->serial, text))
			return c;
	return NULL;
}

/* ---- the CA ------------------------------------------------------------- */

struct root_wish {
	const char *type;
	int64_t bits, ttl_s, path_length;
	const char *issuer_name;
	struct pkicert_order order;
};

static int root_read_names(struct ask *a, struct root_wish *w)
{
	const char *name = ask_text(a, "common_name");
	const char *issuer = ask_text(a, "issuer_name");

	if (!name || !*name || strlen(name) > 64)
		reply_fail(a->reply, 400,
		    "common_name: this development store wants 1 to 64 "
		    "characters");
	else if (!ask_bool(a, "exclude_cn_from_sans", false))
		reply_fail(a->reply, 400,
		    "exclude_cn_from_sans: this development store wants it "
		    "true: a CA's name is no host");
	else if (issuer && strlen(issuer) > ISSUER_NAME_MOST)
		reply_fail(a->reply, 400, "issuer_name: too long");
	w->order.common_name = name;
	w->issuer_name = issuer ? issuer : "";
	return a->reply->errors ? -EINVAL : 0;
}

static int root_read(
    const struct pkimount *m, struct ask *a, struct root_wish *w)
{
	static const char *const known[] = { "common_name", "ttl", "key_type",
		"key_bits", "issuer_name", "max_path_length", "uri_sans",
		"exclude_cn_from_sans", "format" };
	const char *type = ask_text(a, "key_type");
	const json_t *length = json_object_get(a->body, "max_path_length");
	int64_t ttl = 0;

	if (!ask_only(a, known, N_ELEMS(known)) || root_read_names(a, w) ||
	    ask_seconds(a, "ttl", &ttl) < 0)
		return -EINVAL;
	w->type = type ? type : "rsa";
	w->bits = object_number(a->body, "key_bits");
	w->order.path_length =
	    length ? (int)(json_integer_value(length) & 0xff) : -1;
	if (!ttl)
		ttl = TOKEN_TTL_MS / 1000;
	w->ttl_s = ttl < m->o.most_s ? ttl : m->o.most_s;
	if (ttl > m->o.most_s)
		reply_warn(a->reply,
		    "TTL is longer than permitted maxTTL, so maxTTL is being "
		    "used");
	return 0;
}

static json_t *root_json(const struct pkimount *m)
{
	json_t *pem = pkicert_pem(m->ca), *j;
	char serial[PKICERT_SERIAL_TEXT];

	pkicert_serial(serial, m->ca);
	j = json_pack("{sO sO sI ss ss ss ss ss}", "certificate", pem,
	    "issuing_ca", pem, "expiration",
	    (json_int_t)verify_seconds(X509_get0_notAfter(m->ca)), "issuer_id",
	    m->issuer_id, "issuer_name", m->issuer_name, "key_id", m->key_id,
	    "key_name", "", "serial_number", serial);
	json_decref(pem);
	return j;
}

static void ca_write(const struct pkimount *m)
{
	json_t *key = NULL;

	if (!m->o.at.keep)
		return;
	key = pkicert_key_pem(m->key);
	keep_put(&m->o.at, KEEP_PKI_CA, "",
	    key ? json_pack("{so so ss ss ss}", "key", key, "certificate",
		      pkicert_pem(m->ca), "issuer_id", m->issuer_id, "key_id",
		      m->key_id, "issuer_name", m->issuer_name)
		: NULL);
}

static int root_make(struct pkimount *m, struct ask *a, struct root_wish *w)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(x509_p) X509 *ca = NULL;
	JSON *uris = ask_texts(a, "uri_sans");
	int r = pkicert_key_new(&key, w->type, w->bits);

	if (r == -EINVAL) {
		reply_fail(a->reply, 400,
		    "unknown key type, or unsupported bit length");
		return 0;
	}
	m->o.random(w->order.serial, sizeof(w->order.serial));
	w->order.is_ca = true;
	w->order.uris = uris;
	w->order.usage = "critical,keyCertSign,cRLSign";
	w->order.from_s = a->now_ms / 1000 - BACKDATE_SECONDS;
	w->order.until_s = a->now_ms / 1000 + w->ttl_s;
	if (!r)
		r = pkicert_make(&ca, NULL, key, key, &w->order);
	if (!r)
		r = cert_keep(m, ca);
	if (r)
		return r;
	m->ca = STEAL(ca);
	m->key = STEAL(key);
	uuid_text(m->issuer_id, m->o.random);
	uuid_text(m->key_id, m->o.random);
	snprintf(m->issuer_name, sizeof(m->issuer_name), "%s", w->issuer_name);
	ca_write(m);
	reply_warn(a->reply,
	    "This mount hasn't configured any authority information access "
	    "(AIA) fields");
	reply_give(a->reply, root_json(m));
	return 0;
}

static int handle_root(struct pkimount *m, struct ask *a, size_t from)
{
	const char *issuer = ask_text(a, "issuer_name");
	struct root_wish w = { .type = NULL };

	(void)from;
	if (a->kind != ASK_WRITE)
		reply_unsupported(a->reply);
	else if (m->ca && issuer && *issuer && !strcmp(issuer, m->issuer_name))
		reply_fail(a->reply, 400, "issuer name already in use");
	else if (m->ca)
		reply_full(a->reply, "issuers in a PKI mount");
	else if (!root_read(m, a, &w))
		return root_make(m, a, &w);
	return 0;
}

/* ---- reading ------------------------------------------------------------ */

static bool has_ca(const struct pkimount *m, struct ask *a)
{
	if (!m->ca)
		reply_fail(
		    a->reply, 400, "no default issuer currently configured");
	return m->ca;
}

static int handle_ca_pem(struct pkimount *m, struct ask *a, size_t from)
{
	(void)from;
	if (a->kind != ASK_READ)
		reply_unsupported(a->reply);
	else if (!m->ca)
		reply_done(a->reply);
	else
		reply_raw(a->reply, "application/pem-certificate-chain",
		    pkicert_pem(m->ca));
	return 0;
}

static int handle_crl(struct pkimount *m, struct ask *a, size_t from)
{
	struct pkicert_revoked *list;
	size_t n = 0;

	(void)from;
	if (a->kind != ASK_READ) {
		reply_unsupported(a->reply);
		return 0;
	}
	if (!m->ca) {
		reply_done(a->reply);
		return 0;
	}
	list = calloc(m->n_certs + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (struct cert *c = m->certs; c; c = c->next)
		if (c->revoked_ms)
			list[n++] = (struct pkicert_revoked){ c->x509,
				c->revoked_ms / 1000 };
	reply_raw(a->reply, "application/x-pem-file",
	    pkicert_crl(m->ca, m->key, list, n, a->now_ms / 1000));
	free(list);
	return 0;
}

static json_t *cert_json(const struct pkimount *m, const struct cert *c)
{
	char at[TIME_TEXT_MOST] = "";
	json_t *j;

	if (c->revoked_ms)
		time_text(at, c->revoked_ms);
	j = json_pack("{so sI ss}", "certificate", pkicert_pem(c->x509),
	    "revocation_time", (json_int_t)(c->revoked_ms / 1000),
	    "revocation_time_rfc3339", at);
	if (j && c->revoked_ms)
		json_object_set_new(j, "issuer_id", json_string(m->issuer_id));
	return j;
}

static int handle_cert(struct pkimount *m, struct ask *a, size_t from)
{
	const char *serial = vault_path_segment(a->path, from + 1);
	struct cert *c = cert_find(m, serial);

	if (a->kind != ASK_READ)
		reply_unsupported(a->reply);
	else if (strcmp(serial, "ca") != 0 && !c)
		reply_missing(a->reply);
	else if (c)
		reply_give(a->reply, cert_json(m, c));
	else if (has_ca(m, a))
		reply_give(a->reply,
		    json_pack("{so sI ss}", "certificate", pkicert_pem(m->ca),
			"revocation_time", (json_int_t)0,
			"revocation_time_rfc3339", ""));
	return 0;
}

static int handle_certs(struct pkimount *m, struct ask *a, size_t from)
{
	json_t *keys;

	(void)from;
	if (a->kind != ASK_LIST) {
		reply_unsupported(a->reply);
		return 0;
	}
	keys = json_array();
	for (struct cert *c = m->certs; c; c = c->next)
		json_array_append_new(keys, json_string(c->serial));
	texts_sort(keys);
	reply_keys(a->reply, keys);
	return 0;
}

static int handle_issuers(struct pkimount *m, struct ask *a, size_t from)
{
	json_t *keys;

	(void)from;
	if (a->kind != ASK_LIST) {
		reply_unsupported(a->reply);
		return 0;
	}
	keys = json_array();
	if (m->ca)
		json_array_append_new(keys, json_string(m->issuer_id));
	reply_keys(a->reply, keys);
	return 0;
}

static int handle_issuer(struct pkimount *m, struct ask *a, size_t from)
{
	const char *name = vault_path_segment(a->path, from + 1);
	bool ours = !strcmp(name, "default") ||
		    (m->ca && (!strcmp(name, m->issuer_id) ||
				  !strcmp(name, m->issuer_name)));
	json_t *pem;

	if (a->kind != ASK_READ || !*name)
		reply_unsupported(a->reply);
	else if (!ours)
		reply_fail(a->reply, 400, "unable to find issuer");
	else if (has_ca(m, a)) {
		pem = pkicert_pem(m->ca);
		reply_give(a->reply,
		    json_pack("{sO s[O] ss ss ss}", "certificate", pem,
			"ca_chain", pem, "issuer_id", m->issuer_id,
			"issuer_name", m->issuer_name, "key_id", m->key_id));
		json_decref(pem);
	}
	return 0;
}

/* ---- roles -------------------------------------------------------------- */

static struct pkirole *role_find(struct pkimount *m, const char *name)
{
	for (size_t i = 0; i < m->n_roles; i++)
		if (!strcmp(m->role[i].name, name))
			return &m->role[i];
	return NULL;
}

static void role_write(struct pkimount *m, struct ask *a, const char *name)
{
	struct pkirole *role = role_find(m, name);
	JSON *is = pkirole_write(a, role ? role->is : NULL);

	if (!is)
		return;
	if (!role && (m->n_roles == PKIMOUNT_ROLES_MOST ||
			 strlen(name) > TOKEN_NAME_MOST)) {
		reply_full(a->reply, "roles, or names as long");
		return;
	}
	if (!role) {
		role = &m->role[m->n_roles++];
		*role = (struct pkirole){ .is = NULL };
		snprintf(role->name, sizeof(role->name), "%s", name);
	}
	json_decref(role->is);
	role->is = STEAL(is);
	if (m->o.at.keep)
		keep_put(&m->o.at, KEEP_PKI_ROLE, name, json_incref(role->is));
	if (!m->ca)
		reply_warn(a->reply,
		    "Issuing Certificate was set to default, but no default "
		    "issuing certificate (configurable at /config/issuers) is "
		    "currently set");
	reply_give(a->reply, json_incref(role->is));
}

static void role_delete(struct pkimount *m, struct ask *a, const char *name)
{
	struct pkirole *role = role_find(m, name);

	if (role) {
		json_decref(role->is);
		*role = m->role[--m->n_roles];
		keep_remove(&m->o.at, KEEP_PKI_ROLE, name);
	}
	reply_done(a->reply);
}

static void role_list(struct pkimount *m, struct ask *a)
{
	json_t *keys = json_array();

	for (size_t i = 0; i < m->n_roles; i++)
		json_array_append_new(keys, json_string(m->role[i].name));
	texts_sort(keys);
	reply_keys(a->reply, keys);
}

static int handle_roles(struct pkimount *m, struct ask *a, size_t from)
{
	const char *name = vault_path_segment(a->path, from + 1);
	struct pkirole *role = role_find(m, name);

	if (!*name && a->kind == ASK_LIST)
		role_list(m, a);
	else if (!*name)
		reply_unsupported(a->reply);
	else if (a->kind == ASK_WRITE)
		role_write(m, a, name);
	else if (a->kind == ASK_READ && role)
		reply_give(a->reply, json_incref(role->is));
	else if (a->kind == ASK_READ)
		reply_missing(a->reply);
	else if (a->kind == ASK_DELETE)
		role_delete(m, a, name);
	else
		reply_unsupported(a->reply);
	return 0;
}

/* ---- out of the file ---------------------------------------------------- */

static int ca_restore(struct pkimount *m, json_t *j)
{
	const char *key, *pem, *issuer, *key_id, *name;
	int r;

	if (m->ca ||
	    json_unpack(j, "{ss ss ss ss ss}", "key", &key, "certificate", &pem,
		"issuer_id", &issuer, "key_id", &key_id, "issuer_name", &name))
		return -EINVAL;
	r = pkicert_read(&m->ca, pem);
	if (!r)
		r = pkicert_key_read(&m->key, key);
	if (!r && X509_check_private_key(m->ca, m->key) != 1)
		r = -EINVAL;
	snprintf(m->issuer_id, sizeof(m->issuer_id), "%s", issuer);
	snprintf(m->key_id, sizeof(m->key_id), "%s", key_id);
	snprintf(m->issuer_name, sizeof(m->issuer_name), "%s", name);
	return r;
}

static int cert_restore(struct pkimount *m, json_t *j)
{
	CLEANUP(x509_p) X509 *x509 = NULL;
	json_int_t revoked;
	struct cert *c;
	const char *pem;
	int r;

	if (json_unpack(j, "{ss sI}", "pem", &pem, "revoked", &revoked) ||
	    m->n_certs == PKIMOUNT_CERTS_MOST)
		return -EINVAL;
	r = pkicert_read(&x509, pem);
	if (!r)
		r = cert_add(m, x509, &c);
	if (!r)
		c->revoked_ms = revoked;
	return r;
}

static int role_restore(struct pkimount *m, const struct keep_row *row)
{
	struct pkirole *role;

	if (m->n_roles == PKIMOUNT_ROLES_MOST ||
	    strlen(row->name) > TOKEN_NAME_MOST)
		return -EINVAL;
	role = &m->role[m->n_roles++];
	*role = (struct pkirole){ .is = json_incref(row->value) };
	snprintf(role->name, sizeof(role->name), "%s", row->name);
	return 0;
}

int pkimount_restore(
    struct pkimount *m, enum keep_kind kind, const struct keep_row *row)
{
	if (kind == KEEP_PKI_CA)
		return ca_restore(m, row->value);
	if (kind == KEEP_PKI_CERT)
		return cert_restore(m, row->value);
	return role_restore(m, row);
}

/* ---- signing ------------------------------------------------------------ */

static int request_key(struct ask *a, EVP_PKEY **key)
{
	const char *csr = ask_text(a, "csr");
	struct fault fault = { .text = "" };

	if (!csr || !*csr)
		reply_fail(a->reply, 400, "\"csr\" is empty");
	else if (!strstr(csr, "-----BEGIN"))
		reply_fail(a->reply, 400, "csr contains no data");
	else if (pki_csr_key(key, csr, strlen(csr), &fault))
		reply_fail(a->reply, 400, "%s", fault.text);
	return a->reply->errors ? -EINVAL : 0;
}

static void give(struct pkimount *m, struct ask *a, X509 *x509)
{
	json_t *ca = pkicert_pem(m->ca);
	char serial[PKICERT_SERIAL_TEXT];

	pkicert_serial(serial, x509);
	reply_give(
	    a->reply, json_pack("{s[O] so sI sO sI ss}", "ca_chain", ca,
			  "certificate", pkicert_pem(x509), "expiration",
			  (json_int_t)verify_seconds(X509_get0_notAfter(x509)),
			  "issuing_ca", ca, "not_before",
			  (json_int_t)verify_seconds(X509_get0_notBefore(x509)),
			  "serial_number", serial));
	json_decref(ca);
}

static int sign(struct pkimount *m, struct ask *a, const struct pkirole *role,
    const struct pkirole_wish *w, EVP_PKEY *key)
{
	int64_t now_s = a->now_ms / 1000;
	struct pkicert_order o = { .common_name = w->common_name,
		.dns = w->dns,
		.uris = w->uris,
		.addresses = w->addresses,
		.usage = w->usage,
		.extended_usage = w->extended_usage,
		.path_length = -1,
		.from_s =
		    now_s - object_number(role->is, "not_before_duration"),
		.until_s = now_s + w->ttl_s };
	CLEANUP(x509_p) X509 *x509 = NULL;
	int r;

	if (o.until_s > verify_seconds(X509_get0_notAfter(m->ca))) {
		reply_fail(a->reply, 400,
		    "cannot satisfy request, as TTL would result in notAfter "
		    "that is beyond the expiration of the CA certificate");
		return 0;
	}
	m->o.random(o.serial, sizeof(o.serial));
	r = pkicert_make(&x509, m->ca, m->key, key, &o);
	if (!r && !object_truth(role->is, "no_store"))
		r = cert_keep(m, x509);
	if (!r)
		give(m, a, x509);
	return r;
}

static int handle_sign(struct pkimount *m, struct ask *a, size_t from)
{
	const char *name = vault_path_segment(a->path, from + 1);
	const struct pkirole *role = role_find(m, name);
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	struct pkirole_wish wish = { .dns = NULL };
	int r = 0;

	certs_sweep(m, a->now_ms / 1000);
	if (a->kind != ASK_WRITE)
		reply_unsupported(a->reply);
	else if (!role)
		reply_fail(a->reply, 400, "unknown role: %s", name);
	else if (!m->ca)
		reply_fail(a->reply, 500,
		    "1 error occurred:\n\t* could not fetch the CA certificate "
		    "(was one set?): no default issuer currently "
		    "configured\n\n");
	else if (m->n_certs == PKIMOUNT_CERTS_MOST)
		reply_full(a->reply, "certificates");
	else if (!request_key(a, &key) && !pkirole_key_good(a, role->is, key) &&
		 !pkirole_judge(&wish, a, role->is, m->o.most_s))
		r = sign(m, a, role, &wish, key);
	pkirole_wish_clear(&wish);
	return r;
}

static int handle_revoke(struct pkimount *m, struct ask *a, size_t from)
{
	const char *serial = ask_text(a, "serial_number");
	struct cert *c = serial ? cert_find(m, serial) : NULL;
	char at[TIME_TEXT_MOST];

	(void)from;
	if (a->kind != ASK_WRITE) {
		reply_unsupported(a->reply);
	} else if (!serial || !*serial) {
		reply_fail(a->reply, 400,
		    "The serial number or certificate to revoke must be "
		    "provided.");
	} else if (!c) {
		reply_fail(a->reply, 400,
		    "certificate with serial %s not found.", serial);
	} else if (m->ca && !X509_cmp(c->x509, m->ca)) {
		reply_fail(a->reply, 400,
		    "this development store does not revoke its CA: delete "
		    "the mount");
	} else {
		if (!c->revoked_ms) {
			c->revoked_ms = a->now_ms;
			cert_write(m, c);
		}
		time_text(at, c->revoked_ms);
		reply_give(a->reply,
		    json_pack("{sI ss ss}", "revocation_time",
			(json_int_t)(c->revoked_ms / 1000),
			"revocation_time_rfc3339", at, "state", "revoked"));
	}
	return 0;
}

static int handle_tidy(struct pkimount *m, struct ask *a, size_t from)
{
	(void)from;
	if (a->kind != ASK_WRITE) {
		reply_unsupported(a->reply);
		return 0;
	}
	certs_sweep(m, a->now_ms / 1000);
	reply_warn(a->reply, "Tidy operation successfully started.");
	a->reply->status = 202;
	return 0;
}

/* ---- the mount ---------------------------------------------------------- */

static const struct {
	const char *first, *second; /* second NULL: @names follow, at most */
	size_t names;
	bool open; /* to whoever asks */
	int (*fn)(struct pkimount *m, struct ask *a, size_t from);
} rooms[] = {
	{ "root", "generate", 1, false, handle_root },
	{ "ca", "pem", 0, true, handle_ca_pem },
	{ "ca_chain", NULL, 0, true, handle_ca_pem },
	{ "crl", "pem", 0, true, handle_crl },
	{ "cert", NULL, 1, true, handle_cert },
	{ "certs", NULL, 0, false, handle_certs },
	{ "issuers", NULL, 0, true, handle_issuers },
	{ "issuer", NULL, 1, false, handle_issuer },
	{ "roles", NULL, 1, false, handle_roles },
	{ "sign", NULL, 1, false, handle_sign },
	{ "revoke", NULL, 0, false, handle_revoke },
	{ "tidy", NULL, 0, false, handle_tidy },
};

static size_t room_of(const struct ask *a, size_t from)
{
	const char *first = vault_path_segment(a->path, from);
	const char *second = vault_path_segment(a->path, from + 1);
	size_t left = a->path->n_segments - from;

	for (size_t i = 0; i < N_ELEMS(rooms); i++) {
		bool two = rooms[i].second;

		if (!strcmp(first, rooms[i].first) &&
		    (!two || !strcmp(second, rooms[i].second)) &&
		    left <= (size_t)1 + two + rooms[i].names)
			return i;
	}
	return N_ELEMS(rooms);
}

bool pkimount_is_public(const struct ask *a, size_t from)
{
	size_t i = room_of(a, from);

	return i < N_ELEMS(rooms) && rooms[i].open;
}

int pkimount_handle(struct pkimount *m, struct ask *a, size_t from)
{
	size_t i = room_of(a, from);

	if (i < N_ELEMS(rooms) && rooms[i].fn != handle_root)
		return rooms[i].fn(m, a, from);
	if (i < N_ELEMS(rooms) &&
	    !strcmp(vault_path_segment(a->path, from + 2), "internal"))
		return handle_root(m, a, from);
	reply_fail(a->reply, i < N_ELEMS(rooms) ? 400 : 404,
	    "1 error occurred:\n\t* unsupported path\n\n");
	return 0;
}
