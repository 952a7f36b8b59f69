#include "net/sign.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "pki/identity.h"
#include "wire/json.h"
#include <openssl/err.h>
#include <stdio.h>

enum { CERT_TEXT_MOST = 16 * 1024, HOSTS_TEXT_MOST = 2048 };

static int subject_uri(char to[ROLE_URI_MOST], const struct sign_order *o)
{
	struct subject s = { .role = o->role };
	int r;

	if (!o->ca) {
		(void)snprintf(to, ROLE_URI_MOST, "pharos://<info hash>/%s/%s",
		    role_text(o->role), o->name);
		return 0;
	}
	r = realm_of(s.realm, o->ca);
	snprintf(s.name, sizeof(s.name), "%s", o->name);
	if (!r)
		subject_print(&s, to);
	return r;
}

static void join_hosts(char to[HOSTS_TEXT_MOST], const struct sign_order *o)
{
	size_t n = 0;

	to[0] = '\0';
	for (size_t i = 0; i < o->n_hosts && n < HOSTS_TEXT_MOST; i++)
		n += (size_t)snprintf(to + n, HOSTS_TEXT_MOST - n, "%s%s",
		    i ? "," : "", o->hosts[i]);
	INVARIANT(n < HOSTS_TEXT_MOST);
}

int sign_check_key(EVP_PKEY *key, struct fault *fault)
{
	if (pki_key_is_p256(key))
		return 0;
	return fault_set(fault, -EINVAL,
	    "`pharos pki request` makes one with a key of that kind",
	    "certificate request: the store's PKI engine signs P-256 keys "
	    "alone, and this is another");
}

json_t *sign_body(const struct sign_order *o)
{
	char uri[ROLE_URI_MOST], hosts[HOSTS_TEXT_MOST], ttl[32];

	if (subject_uri(uri, o))
		return NULL;
	join_hosts(hosts, o);
	snprintf(ttl, sizeof(ttl), "%lds", o->seconds);
	return json_pack("{ss ss ss ss ss sb}", "csr", o->csr, "common_name",
	    o->name, "uri_sans", uri, "alt_names", hosts, "ttl", ttl,
	    "exclude_cn_from_sans", 1);
}

int sign_call(struct vault_call *out, const struct sign_order *o)
{
	char path[VAULT_PATH_MOST];
	JSON *body = sign_body(o);

	space_path(path, o->space,
	    o->role == ROLE_BRIDGE ? SPACE_BRIDGE_SIGN : SPACE_BROKER_SIGN);
	return body ? vault_call_plain(out, "POST", path, body) : -ENOMEM;
}

X509 *sign_cert(const char *pem)
{
	X509 *cert;

	return pki_read_cert(&cert, pem, NULL) ? NULL : cert;
}

/* @data: of an answer. */
static int take_cert(X509 **out, const json_t *data)
{
	char text[CERT_TEXT_MOST];

	if (json_copy_text(
		text, sizeof(text), json_object_get(data, "certificate")))
		return -EBADMSG;
	*out = sign_cert(text);
	return *out ? 0 : -EBADMSG;
}

static int read_cert(X509 **out, const void *body, size_t n)
{
	JSON *j = json_read_object(body, n, 0);

	return take_cert(out, json_object_get(j, "data"));
}

int sign_read_ca(X509 **out, const void *body, size_t n, struct fault *fault)
{
	CLEANUP(x509_p) X509 *ca = NULL;
	int r = read_cert(&ca, body, n);

	if (!r && X509_check_ca(ca) != 1)
		r = -EBADMSG;
	if (r)
		return fault_set(fault, r,
		    "has somebody changed the store's PKI engine? pharos "
		    "source verify looks",
		    "the store's PKI engine gave no CA certificate");
	*out = STEAL(ca);
	return 0;
}

static int check_key(X509 *leaf, EVP_PKEY *key, struct fault *fault)
{
	EVP_PKEY *seen = X509_get0_pubkey(leaf);

	if (seen && EVP_PKEY_eq(seen, key) == 1)
		return 0;
	ERR_clear_error();
	return fault_set(
	    fault, -EACCES, NULL, "it is for another key than was asked for");
}

static int check(X509 *leaf, const struct sign_order *o, struct fault *fault)
{
	const struct expectation expected = {
		.ca = o->ca,
		.role = o->role,
		.as_server = o->role == ROLE_BRIDGE,
	};
	struct subject seen;
	int r = check_key(leaf, o->key, fault);

	if (!r)
		r = pki_expect(&expected, leaf, 0, &seen, fault);
	if (!r && strcmp(seen.name, o->name) != 0)
		r = fault_set(fault, -EACCES, NULL, "it is named %s, not %s",
		    seen.name, o->name);
	return r;
}

int sign_take(X509 **out, const struct sign_order *order, const json_t *data,
    struct fault *fault)
{
	CLEANUP(x509_p) X509 *leaf = NULL;
	int r = take_cert(&leaf, data);

	if (r)
		return fault_set(fault, r, NULL,
		    "the store's PKI engine gave no certificate");
	r = check(leaf, order, fault);
	if (r)
		return fault_wrap(fault, "the certificate that the store's PKI "
					 "engine has signed");
	*out = STEAL(leaf);
	return 0;
}

int sign_read(X509 **out, const struct sign_order *order, const void *body,
    size_t n, struct fault *fault)
{
	JSON *j = json_read_object(body, n, 0);

	return sign_take(out, order, json_object_get(j, "data"), fault);
}
