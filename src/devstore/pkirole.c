/* devstore/pkirole.c: roles of the PKI engine, and requests against them.
 *
 * A role is kept as the JSON object that reading it answers. A request names a
 * common name, DNS names, URIs and addresses; each must be one that the role
 * lets through, or the whole is refused: nothing is left out silently. The
 * common name is also a DNS name unless exclude_cn_from_sans says not.
 */
#include "devstore/pkirole.h"
#include "devstore/members.h"
#include "pki/altname.h"
#include "wire/json.h"
#include <stdio.h>

enum { NAMES_MOST = 32, NAME_MOST = 253, COMMON_NAME_MOST = 64 };

static const struct member members[] = {
	{ "name", MEMBER_NAMED },
	{ "allow_any_name", MEMBER_BOOL },
	{ "allow_bare_domains", MEMBER_BOOL },
	{ "allow_glob_domains", MEMBER_BOOL },
	{ "allow_ip_sans", MEMBER_BOOL },
	{ "allow_localhost", MEMBER_BOOL },
	{ "allow_subdomains", MEMBER_BOOL },
	{ "allow_wildcard_certificates", MEMBER_BOOL },
	{ "allowed_domains", MEMBER_TEXTS },
	{ "allowed_uri_sans", MEMBER_TEXTS },
	{ "client_flag", MEMBER_BOOL },
	{ "cn_validations", MEMBER_TEXTS },
	{ "enforce_hostnames", MEMBER_BOOL },
	{ "key_bits", MEMBER_NUMBER },
	{ "key_type", MEMBER_TEXT },
	{ "key_usage", MEMBER_TEXTS },
	{ "max_ttl", MEMBER_SECONDS },
	{ "no_store", MEMBER_BOOL },
	{ "not_before_duration", MEMBER_SECONDS },
	{ "require_cn", MEMBER_BOOL },
	{ "server_flag", MEMBER_BOOL },
	{ "ttl", MEMBER_SECONDS },
	{ "use_csr_common_name", MEMBER_BOOL },
	{ "use_csr_sans", MEMBER_BOOL },
	{ "allow_token_displayname", MEMBER_EMPTY },
	{ "allowed_domains_template", MEMBER_EMPTY },
	{ "allowed_other_sans", MEMBER_EMPTY },
	{ "allowed_serial_numbers", MEMBER_EMPTY },
	{ "allowed_uri_sans_template", MEMBER_EMPTY },
	{ "allowed_user_ids", MEMBER_EMPTY },
	{ "basic_constraints_valid_for_non_ca", MEMBER_EMPTY },
	{ "code_signing_flag", MEMBER_EMPTY },
	{ "country", MEMBER_EMPTY },
	{ "email_protection_flag", MEMBER_EMPTY },
	{ "ext_key_usage", MEMBER_EMPTY },
	{ "ext_key_usage_oids", MEMBER_EMPTY },
	{ "generate_lease", MEMBER_EMPTY },
	{ "locality", MEMBER_EMPTY },
	{ "not_after", MEMBER_EMPTY },
	{ "organization", MEMBER_EMPTY },
	{ "ou", MEMBER_EMPTY },
	{ "policy_identifiers", MEMBER_EMPTY },
	{ "postal_code", MEMBER_EMPTY },
	{ "province", MEMBER_EMPTY },
	{ "signature_bits", MEMBER_EMPTY },
	{ "street_address", MEMBER_EMPTY },
	{ "use_pss", MEMBER_EMPTY },
};

static const struct {
	const char *name, *ours;
} usages[] = {
	{ "DigitalSignature", "digitalSignature" },
	{ "ContentCommitment", "nonRepudiation" },
	{ "KeyEncipherment", "keyEncipherment" },
	{ "DataEncipherment", "dataEncipherment" },
	{ "KeyAgreement", "keyAgreement" },
};

/* What this store does not have, as OpenBao shows it of a role that does not
 * use it either. */
static void add_absent(json_t *is)
{
	static const char *const lists[] = { "allowed_other_sans",
		"allowed_serial_numbers", "allowed_user_ids", "country",
		"ext_key_usage", "ext_key_usage_oids", "locality",
		"organization", "ou", "policy_identifiers", "postal_code",
		"province", "street_address" };
	static const char *const flags[] = { "allow_token_displayname",
		"allowed_domains_template", "allowed_uri_sans_template",
		"basic_constraints_valid_for_non_ca", "code_signing_flag",
		"email_protection_flag", "generate_lease", "use_pss" };

	for (size_t i = 0; i < N_ELEMS(lists); i++)
		json_object_set_new(is, lists[i], json_array());
	for (size_t i = 0; i < N_ELEMS(flags); i++)
		json_object_set_new(is, flags[i], json_false());
}

static json_t *role_default(void)
{
	json_t *is = json_pack("{sb sb sb sb sb sb sb s[] s[] sb s[ss] sb}",
	    "allow_any_name", 0, "allow_bare_domains", 0, "allow_glob_domains",
	    0, "allow_ip_sans", 1, "allow_localhost", 1, "allow_subdomains", 0,
	    "allow_wildcard_certificates", 1, "allowed_domains",
	    "allowed_uri_sans", "client_flag", 1, "cn_validations", "email",
	    "hostname", "enforce_hostnames", 1);
	json_t *key = json_pack("{si ss s[sss] si sb si sb}", "key_bits", 2048,
	    "key_type", "rsa", "key_usage", "DigitalSignature", "KeyAgreement",
	    "KeyEncipherment", "max_ttl", 0, "no_store", 0,
	    "not_before_duration", 30, "require_cn", 1);
	json_t *rest = json_pack("{sb si sb sb ss ss ss ss ss si}",
	    "server_flag", 1, "ttl", 0, "use_csr_common_name", 1,
	    "use_csr_sans", 1, "issuer_ref", "default", "not_after", "",
	    "not_after_bound", "permit", "not_before", "", "not_before_bound",
	    "permit", "signature_bits", 0);

	if (is && key && rest) {
		json_object_update(is, key);
		json_object_update(is, rest);
		add_absent(is);
	}
	json_decref(key);
	json_decref(rest);
	return is;
}

/* ---- a role ------------------------------------------------------------- */

static const char *usage_of(const char *name)
{
	for (size_t i = 0; i < N_ELEMS(usages); i++)
		if (!strcmp(name, usages[i].name))
			return usages[i].ours;
	return NULL;
}

static void check_usages(struct ask *a, const json_t *is)
{
	const json_t *list = json_object_get(is, "key_usage"), *one;
	size_t i;

	if (!json_array_size(list))
		reply_fail(a->reply, 400,
		    "key_usage: this development store wants at least one");
	else if (json_array_size(list) > N_ELEMS(usages))
		reply_full(a->reply, "key usages in a role");
	json_array_foreach(list, i, one)
	{
		if (!usage_of(json_string_value(one)))
			reply_fail(a->reply, 400,
			    "key_usage: this development store does not know "
			    "\"%s\"",
			    json_string_value(one));
	}
}

static void check_key(struct ask *a, json_t *is)
{
	const char *type = object_text(is, "key_type");
	int64_t bits = object_number(is, "key_bits");

	if (!strcmp(type, "any") || !strcmp(type, "ed25519"))
		json_object_set_new(is, "key_bits", json_integer(0));
	else if (!strcmp(type, "ec") &&
		 (bits == 2048 || !bits)) /* no word about it */
		json_object_set_new(is, "key_bits", json_integer(256));
	else if (strcmp(type, "ec") && strcmp(type, "rsa"))
		reply_fail(a->reply, 400, "unknown key type %s", type);
	else if (!strcmp(type, "ec") && bits != 256 && bits != 384)
		reply_fail(a->reply, 400,
		    "unsupported bit length for EC key: %lld", (long long)bits);
}

static void check(struct ask *a, json_t *is)
{
	int64_t most = object_number(is, "max_ttl");

	check_key(a, is);
	check_usages(a, is);
	if (a->reply->errors)
		return;
	if (most && object_number(is, "ttl") > most)
		reply_fail(a->reply, 400,
		    "\"ttl\" value must be less than \"max_ttl\" value");
	else if (object_truth(is, "use_csr_common_name") ||
		 object_truth(is, "use_csr_sans"))
		reply_fail(a->reply, 400,
		    "this development store copies nothing from a request: "
		    "use_csr_common_name and use_csr_sans must be false");
	else if (!object_truth(is, "server_flag") &&
		 !object_truth(is, "client_flag"))
		reply_fail(a->reply, 400,
		    "this development store wants server_flag or client_flag");
}

json_t *pkirole_write(struct ask *a, const json_t *is)
{
	JSON *role = is ? json_deep_copy(is) : role_default();

	if (!role || members_take(a, members, N_ELEMS(members), role))
		return NULL;
	check(a, role);
	return a->reply->errors ? NULL : STEAL(role);
}

/* ---- names -------------------------------------------------------------- */

static bool is_hostname(const char *name)
{
	size_t n = strlen(name);

	if (!strncmp(name, "*.", 2))
		name += 2, n -= 2;
	return n && n <= NAME_MOST &&
	       strspn(name,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789.-") == n &&
	       name[0] != '.' && name[0] != '-' && name[n - 1] != '.' &&
	       !strstr(name, "..");
}

static bool domain_lets(const json_t *is, const char *domain, const char *name)
{
	size_t n = strlen(name), m = strlen(domain);

	if (object_truth(is, "allow_bare_domains") && !strcmp(domain, name))
		return true;
	if (object_truth(is, "allow_subdomains") && n > m + 1 &&
	    name[n - m - 1] == '.' && !strcmp(name + n - m, domain))
		return true;
	return object_truth(is, "allow_glob_domains") && strchr(domain, '*') &&
	       text_matches(domain, name);
}

static bool name_allowed(const json_t *is, const char *name)
{
	const json_t *list = json_object_get(is, "allowed_domains"), *one;
	size_t i;

	if (object_truth(is, "enforce_hostnames") && !is_hostname(name))
		return false;
	if (strchr(name, '*') &&
	    !object_truth(is, "allow_wildcard_certificates"))
		return false;
	if (object_truth(is, "allow_any_name"))
		return true;
	if (object_truth(is, "allow_localhost") && !strcmp(name, "localhost"))
		return true;
	json_array_foreach(list, i, one)
	{
		if (domain_lets(is, json_string_value(one), name))
			return true;
	}
	return false;
}

static bool uri_allowed(const json_t *is, const char *uri)
{
	const json_t *list = json_object_get(is, "allowed_uri_sans"), *one;
	size_t i;

	for (const char *c = uri; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	json_array_foreach(list, i, one)
	{
		if (text_matches(json_string_value(one), uri))
			return true;
	}
	return false;
}

/* The list of that name in the body, bounded; an empty one without it. */
static json_t *names_of(struct ask *a, const char *name)
{
	json_t *list = ask_texts(a, name);

	if (!list)
		list = json_array();
	if (json_array_size(list) > NAMES_MOST)
		reply_full(a->reply, "names in a certificate");
	return list;
}

static bool is_checked(const json_t *is)
{
	const json_t *list = json_object_get(is, "cn_validations");

	return json_array_size(list) != 1 ||
	       strcmp(json_string_value(json_array_get(list, 0)), "disabled");
}

static void judge_common_name(
    struct pkirole_wish *w, struct ask *a, const json_t *is)
{
	const char *name = ask_text(a, "common_name");

	if (!name || !*name) {
		if (object_truth(is, "require_cn"))
			reply_fail(a->reply, 400,
			    "the common_name field is required, or must be "
			    "provided in a CSR with \"use_csr_common_name\" "
			    "set to true, unless \"require_cn\" is set to "
			    "false");
		return;
	}
	w->common_name = name;
	if (strlen(name) > COMMON_NAME_MOST)
		reply_fail(a->reply, 400, "common_name: too long");
	else if (!ask_bool(a, "exclude_cn_from_sans", false))
		json_array_insert_new(w->dns, 0, json_string(name));
	else if (is_checked(is) && !name_allowed(is, name))
		reply_fail(a->reply, 400,
		    "common name %s not allowed by this role", name);
}

static void judge_names(struct pkirole_wish *w, struct ask *a, const json_t *is)
{
	const json_t *one;
	size_t i;

	json_array_foreach(w->dns, i, one)
	{
		const char *name = json_string_value(one);

		/* however loose the role: it goes into a DNS name */
		if (!name_allowed(is, name) || !is_hostname(name))
			reply_fail(a->reply, 400,
			    "subject alternate name %s not allowed by this "
			    "role",
			    name);
	}
	json_array_foreach(w->uris, i, one)
	{
		if (!uri_allowed(is, json_string_value(one)))
			reply_fail(a->reply, 400,
			    "URI Subject Alternative Names were provided via "
			    "the API which are not valid for this role");
	}
	json_array_foreach(w->addresses, i, one)
	{
		const char *name = json_string_value(one);

		if (!object_truth(is, "allow_ip_sans"))
			reply_fail(a->reply, 400,
			    "IP Subject Alternative Names are not allowed in "
			    "this role, but was provided [%s]",
			    name);
		else if (!altname_is_address(name))
			reply_fail(a->reply, 400,
			    "the value \"%s\" is not a valid IP address", name);
	}
}

/* ---- life and use ------------------------------------------------------- */

/* "24h0m0s", as OpenBao writes it. */
static void duration_text(char to[40], int64_t s)
{
	if (s >= 3600)
		snprintf(to, 40, "%lldh%lldm%llds", (long long)(s / 3600),
		    (long long)(s / 60 % 60), (long long)(s % 60));
	else if (s >= 60)
		snprintf(to, 40, "%lldm%llds", (long long)(s / 60),
		    (long long)(s % 60));
	else
		snprintf(to, 40, "%llds", (long long)s);
}

static int judge_life(
    struct pkirole_wish *w, struct ask *a, const json_t *is, int64_t most_s)
{
	int64_t most = object_number(is, "max_ttl"), ttl = 0;
	char asked[40], longest[40];
	int r = ask_seconds(a, "ttl", &ttl);

	if (r < 0)
		return r;
	if (!ttl)
		ttl = object_number(is, "ttl");
	most = most && most < most_s ? most : most_s;
	w->ttl_s = ttl && ttl < most ? ttl : most;
	if (!ttl && w->ttl_s > TOKEN_TTL_MS / 1000)
		w->ttl_s = TOKEN_TTL_MS / 1000;
	if (ttl > most) {
		duration_text(asked, ttl);
		duration_text(longest, most);
		reply_warn(a->reply,
		    "TTL \"%s\" is longer than permitted maxTTL \"%s\", so "
		    "maxTTL is being used",
		    asked, longest);
	}
	return 0;
}

static void judge_usage(struct pkirole_wish *w, const json_t *is)
{
	const json_t *list = json_object_get(is, "key_usage"), *one;
	bool server = object_truth(is, "server_flag");
	bool client = object_truth(is, "client_flag");
	size_t i, n;

	n = (size_t)snprintf(w->usage, sizeof(w->usage), "critical");
	json_array_foreach(list, i, one)
	{
		n += (size_t)snprintf(w->usage + n, sizeof(w->usage) - n, ",%s",
		    usage_of(json_string_value(one)));
		INVARIANT(n < sizeof(w->usage));
	}
	snprintf(w->extended_usage, sizeof(w->extended_usage), "%s%s%s",
	    server ? "serverAuth" : "", server && client ? "," : "",
	    client ? "clientAuth" : "");
}

int pkirole_judge(
    struct pkirole_wish *out, struct ask *a, const json_t *is, int64_t most_s)
{
	static const char *const known[] = { "csr", "common_name", "alt_names",
		"uri_sans", "ip_sans", "ttl", "exclude_cn_from_sans",
		"format" };
	const char *format = ask_text(a, "format");

	*out = (struct pkirole_wish){ .dns = names_of(a, "alt_names"),
		.uris = names_of(a, "uri_sans"),
		.addresses = names_of(a, "ip_sans") };
	if (!ask_only(a, known, N_ELEMS(known)))
		return -EINVAL;
	if (format && strcmp(format, "pem")) {
		reply_fail(a->reply, 400,
		    "format: this development store knows pem alone");
		return -EINVAL;
	}
	judge_common_name(out, a, is);
	if (!a->reply->errors)
		judge_names(out, a, is);
	if (a->reply->errors)
		return -EINVAL;
	judge_usage(out, is);
	return judge_life(out, a, is, most_s);
}

void pkirole_wish_clear(struct pkirole_wish *w)
{
	json_decref(w->dns);
	json_decref(w->uris);
	json_decref(w->addresses);
	*w = (struct pkirole_wish){ .dns = NULL };
}

int pkirole_key_good(struct ask *a, const json_t *is, EVP_PKEY *key)
{
	const char *type = object_text(is, "key_type");
	int64_t bits = object_number(is, "key_bits");

	if (!strcmp(type, "any"))
		return 0;
	if (strcmp(type, pkicert_key_type(key)))
		reply_fail(
		    a->reply, 400, "role requires keys of type %s", type);
	else if (EVP_PKEY_get_bits(key) < bits)
		reply_fail(a->reply, 400,
		    "role requires a minimum of a %lld-bit key, but CSR's key "
		    "is %d bits",
		    (long long)bits, EVP_PKEY_get_bits(key));
	return a->reply->errors ? -EINVAL : 0;
}
