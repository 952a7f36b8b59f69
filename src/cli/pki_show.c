/* pharos pki show, and pharos pki info-hash: what certificates say. */
#include "base/hex.h"
#include "base/text.h"
#include "cli/pki.h"
#include "pki/cleanup.h"
#include "pki/identity.h"
#include "pki/verify.h"
#include <arpa/inet.h>
#include <jansson.h>
#include <openssl/err.h>
#include <stdio.h>

enum { NAME_TEXT_MOST = 300 }; /* a host name has at most 253 */
enum { TEXT_INDENT = 12 };

struct config {
	int output;
};

static const struct option_row show_rows[] = {
	VERB_OUTPUT_ROW(struct config, output),
};

static const struct option_table show_table = {
	.program = "pharos pki show",
	.about = "Say what the certificates of files are, for whom and until "
		 "when.",
	.synopsis = "[OPTION]... FILE...",
	.manual = "pharos-pki(1)",
	.rows = show_rows,
	.n_rows = N_ELEMS(show_rows),
	.takes_words = true,
};

/* Everything about one certificate, as text: one object, which both outputs
 * print. Its members are in the order in which they are shown. */

/* A certificate comes from anywhere: what it says is tamed for the terminal,
 * which also makes it the UTF-8 that JSON asks for. */
static json_t *tame(const char *text, size_t n)
{
	CLEANUP(free_p) char *copy = strndup(text, n);

	if (!copy)
		return NULL;
	text_tame(copy);
	return json_string(copy);
}

static void put(json_t *to, const char *name, const char *text)
{
	json_object_set_new(to, name, tame(text, strlen(text)));
}

static void put_hex(json_t *to, const char *name, const void *bytes, size_t n)
{
	char text[2 * EVP_MAX_MD_SIZE + 1];

	INVARIANT(n <= EVP_MAX_MD_SIZE);
	hex_encode(text, bytes, n);
	put(to, name, text);
}

static void put_role(json_t *to, X509 *cert)
{
	bool is_server =
	    X509_check_purpose(cert, X509_PURPOSE_SSL_SERVER, 0) == 1;
	uint8_t hash[REALM_SIZE];
	struct subject subject;

	if (X509_check_ca(cert) == 1) {
		put(to, "kind", "ca");
		if (!realm_of(hash, cert))
			put_hex(to, "info_hash", hash, sizeof(hash));
	} else if (!subject_of(&subject, cert, NULL)) {
		put(to, "kind", "peer");
		put(to, "role", role_text(subject.role));
		put(to, "name", subject.name);
		put_hex(to, "realm", subject.realm, sizeof(subject.realm));
	} else {
		put(to, "kind", is_server ? "server" : "other");
	}
}

static void put_time(json_t *to, const char *name, const ASN1_TIME *t)
{
	char text[40] = "";
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	put(to, name, text);
}

static void put_life(json_t *to, X509 *cert)
{
	int days = 0, seconds = 0;

	put_time(to, "not_before", X509_get0_notBefore(cert));
	put_time(to, "not_after", X509_get0_notAfter(cert));
	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)))
		json_object_set_new(to, "expires_in_seconds",
		    json_integer((json_int_t)days * PKI_DAY_SECONDS + seconds));
}

static void put_key(json_t *to, X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	char group[32] = "", text[64];

	if (!key)
		snprintf(text, sizeof(text), "unknown");
	else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		snprintf(text, sizeof(text), "RSA %d", EVP_PKEY_get_bits(key));
	else if (!EVP_PKEY_get_group_name(key, group, sizeof(group), NULL))
		snprintf(text, sizeof(text), "%s",
		    OBJ_nid2sn(EVP_PKEY_get_base_id(key)));
	else if (!strcmp(group, SN_X9_62_prime256v1))
		snprintf(text, sizeof(text), "P-256");
	else if (!strcmp(group, SN_secp384r1))
		snprintf(text, sizeof(text), "P-384");
	else
		snprintf(text, sizeof(text), "%s", group);
	ERR_clear_error();
	put(to, "key", text);
}

/* "DNS:bridge.pharos", "IP:2001:db8::1", "URI:pharos://…" */
static json_t *name_text(const GENERAL_NAME *name)
{
	static const char *const kinds[] = { [GEN_EMAIL] = "email",
		[GEN_DNS] = "DNS",
		[GEN_URI] = "URI",
		[GEN_IPADD] = "IP" };
	char text[NAME_TEXT_MOST], address[INET6_ADDRSTRLEN] = "";
	const ASN1_STRING *value;
	const void *bytes;
	int type, n;

	value = GENERAL_NAME_get0_value(name, &type);
	if (type < 0 || type >= (int)N_ELEMS(kinds) || !kinds[type])
		return json_string("of another kind");
	bytes = ASN1_STRING_get0_data(value);
	n = ASN1_STRING_length(value);
	if (type == GEN_IPADD) {
		if (n == 4 || n == 16)
			inet_ntop(n == 4 ? AF_INET : AF_INET6, bytes, address,
			    sizeof(address));
		bytes = address;
		n = (int)strlen(address);
	}
	n = snprintf(
	    text, sizeof(text), "%s:%.*s", kinds[type], n, (const char *)bytes);
	return tame(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text));
}

static void put_names(json_t *to, X509 *cert)
{
	CLEANUP(names_p)
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	json_t *list = json_array();

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		json_array_append_new(
		    list, name_text(sk_GENERAL_NAME_value(names, i)));
	ERR_clear_error();
	json_object_set_new(to, "names", list);
}

static void put_usage(json_t *to, X509 *cert)
{
	uint32_t usage = X509_get_extended_key_usage(cert);
	json_t *list = json_array();

	if (usage != UINT32_MAX && usage & XKU_SSL_SERVER)
		json_array_append_new(list, json_string("server"));
	if (usage != UINT32_MAX && usage & XKU_SSL_CLIENT)
		json_array_append_new(list, json_string("client"));
	json_object_set_new(to, "usage", list);
}

static void put_numbers(json_t *to, X509 *cert)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	int size = ASN1_STRING_length(serial);

	if (size > 0 && size <= EVP_MAX_MD_SIZE)
		put_hex(
		    to, "serial", ASN1_STRING_get0_data(serial), (size_t)size);
	if (X509_digest(cert, EVP_sha256(), hash, &n))
		put_hex(to, "sha256", hash, n);
}

static json_t *describe(const char *file, X509 *cert)
{
	char name[VERIFY_NAME_MOST];
	json_t *to = json_object();

	put(to, "file", file);
	verify_name_text(name, X509_get_subject_name(cert));
	put(to, "subject", name);
	verify_name_text(name, X509_get_issuer_name(cert));
	put(to, "issuer", name);
	put_role(to, cert);
	put_life(to, cert);
	put_key(to, cert);
	put_names(to, cert);
	put_usage(to, cert);
	put_numbers(to, cert);
	return to;
}

/* ---- text ---- */

static void print_expiry(json_int_t seconds)
{
	static const struct {
		const char *one, *many;
		json_int_t size;
	} units[] = {
		{ "day", "days", PKI_DAY_SECONDS },
		{ "hour", "hours", 3600 },
		{ "minute", "minutes", 60 },
		{ "second", "seconds", 1 },
	};
	json_int_t left = seconds < 0 ? -seconds : seconds;
	size_t i = 0;

	while (i + 1 < N_ELEMS(units) && left < units[i].size)
		i++;
	left /= units[i].size;
	printf("%-*s%s%lld %s%s\n", TEXT_INDENT,
	    seconds < 0 ? "EXPIRED" : "expires", seconds < 0 ? "" : "in ",
	    (long long)left, left == 1 ? units[i].one : units[i].many,
	    seconds < 0 ? " ago" : "");
}

static void print_member(const char *name, const json_t *value)
{
	size_t i;

	if (!strcmp(name, "expires_in_seconds")) {
		print_expiry(json_integer_value(value));
		return;
	}
	if (json_is_array(value) && !json_array_size(value))
		return;
	for (i = 0; name[i]; i++)
		putchar(name[i] == '_' ? ' ' : name[i]);
	printf("%*s", i < TEXT_INDENT ? (int)(TEXT_INDENT - i) : 1, "");
	if (json_is_string(value))
		fputs(json_string_value(value), stdout);
	for (i = 0; i < json_array_size(value); i++)
		printf("%s%s", i ? ", " : "",
		    json_string_value(json_array_get(value, i)));
	putchar('\n');
}

static void print_text(const json_t *certs)
{
	for (size_t i = 0; i < json_array_size(certs); i++) {
		json_t *cert = json_array_get(certs, i);

		if (i)
			putchar('\n');
		for (void *at = json_object_iter(cert); at;
		     at = json_object_iter_next(cert, at))
			print_member(json_object_iter_key(at),
			    json_object_iter_value(at));
	}
}

static void json_p(json_t **value)
{
	json_decref(*value);
}

static int describe_file(json_t *to, const char *file, struct fault *fault)
{
	CLEANUP(x509_stack_p) STACK_OF(X509) *certs = NULL;
	int err = pki_load_certs(&certs, file, fault);

	if (err)
		return err;
	for (int i = 0; i < sk_X509_num(certs); i++) {
		if (json_array_append_new(
			to, describe(file, sk_X509_value(certs, i))))
			return fault_set(fault, -ENOMEM, NULL, "out of memory");
	}
	return 0;
}

static int run_show(const void *data, char *const *words, struct fault *fault)
{
	const struct config *config = data;
	CLEANUP(json_p) json_t *certs = json_array();
	int err = 0;

	if (!*words)
		return fault_set(fault, OPTION_E_BAD, "pharos pki show FILE",
		    "no file is named");
	for (; !err && *words; words++)
		err = describe_file(certs, *words, fault);
	if (err)
		return err;
	if (config->output == VERB_TEXT) {
		print_text(certs);
	} else {
		json_dumpf(certs, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return 0;
}

const struct verb pki_show_verb = {
	.name = "show",
	.about = "say what a certificate is, for whom and until when",
	.table = &show_table,
	.config_size = sizeof(struct config),
	.run = run_show,
};

/* ---- info-hash ---- */

static const struct option_table hash_table = {
	.program = "pharos pki info-hash",
	.about = "Print the info hash of a bridge CA: SHA-256 of its "
		 "certificate.",
	.synopsis = "FILE",
	.manual = "pharos-pki(1)",
	.takes_words = true,
};

static int run_hash(const void *data, char *const *words, struct fault *fault)
{
	CLEANUP(x509_p) X509 *ca = NULL;
	char text[2 * REALM_SIZE + 1];
	uint8_t hash[REALM_SIZE];
	int err;

	(void)data;
	if (!words[0] || words[1])
		return fault_set(fault, OPTION_E_BAD,
		    "pharos pki info-hash FILE", "expected one file");
	err = pki_load_cert(&ca, words[0], fault);
	if (err)
		return err;
	if (X509_check_ca(ca) != 1)
		return fault_set(fault, -EINVAL,
		    "The info hash is that of the bridge CA: give ca.crt.",
		    "%s: expected the certificate of a CA", words[0]);
	if (realm_of(hash, ca))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	hex_encode(text, hash, sizeof(hash));
	puts(text);
	return 0;
}

const struct verb pki_info_hash_verb = {
	.name = "info-hash",
	.about = "print the info hash of a bridge CA",
	.table = &hash_table,
	.config_size = 1,
	.run = run_hash,
};
