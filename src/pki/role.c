#include "pki/role.h"
#include "base/hex.h"
#include "base/wr.h"
#include <assert.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define ROLE_SCHEME "pharos://"

static const char *const role_texts[] = {
	[ROLE_NONE] = "none",
	[ROLE_BRIDGE] = "bridge",
	[ROLE_BROKER] = "broker",
	[ROLE_PIPE] = "pipe",
};
static_assert(N_ELEMS(role_texts) == ROLE_COUNT, "a text for every role");

const char *role_text(enum role r)
{
	INVARIANT((unsigned)r < ROLE_COUNT);
	return role_texts[r];
}

enum role role_parse(const char *text)
{
	for (int r = ROLE_NONE + 1; r < ROLE_COUNT; r++)
		if (!strcmp(text, role_texts[r]))
			return (enum role)r;
	return ROLE_NONE;
}

/* The text up to the next slash, moved past it; at most @room - 1 bytes. */
static int take_segment(const char **uri, char *to, size_t room)
{
	size_t n = strcspn(*uri, "/");

	if ((*uri)[n] != '/' || n >= room)
		return -EINVAL;
	memcpy(to, *uri, n);
	to[n] = 0;
	*uri += n + 1;
	return 0;
}

bool role_name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= ROLE_NAME_MOST &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

int subject_parse(struct subject *out, const char *uri)
{
	struct subject s = { .role = ROLE_NONE };
	char realm[2 * REALM_SIZE + 1], role[16];
	size_t scheme = strlen(ROLE_SCHEME);

	if (strncmp(uri, ROLE_SCHEME, scheme) != 0)
		return -EINVAL;
	uri += scheme;
	if (take_segment(&uri, realm, sizeof(realm)) ||
	    take_segment(&uri, role, sizeof(role)))
		return -EINVAL;
	if (realm[strcspn(realm, "ABCDEF")] ||
	    hex_decode(s.realm, sizeof(s.realm), realm))
		return -EINVAL;
	s.role = role_parse(role);
	if (s.role == ROLE_NONE || !role_name_ok(uri))
		return -EINVAL;
	memcpy(s.name, uri, strlen(uri) + 1);
	*out = s;
	return 0;
}

void subject_print(const struct subject *s, char *to)
{
	struct wr w = wr_over(to, ROLE_URI_MOST);
	char realm[2 * REALM_SIZE + 1];

	hex_encode(realm, s->realm, sizeof(s->realm));
	wr_text(&w, ROLE_SCHEME);
	wr_text(&w, realm);
	wr_text(&w, "/");
	wr_text(&w, role_text(s->role));
	wr_text(&w, "/");
	wr_text(&w, s->name);
	wr_u8(&w, 0);
	INVARIANT(wr_ok(&w));
}

/* Is it a URI of ours, by its scheme? Case counts not here, so that a name in
 * another spelling is seen, and refused by subject_parse(). */
static bool is_ours(const GENERAL_NAME *name)
{
	const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;

	return name->type == GEN_URI && ASN1_STRING_length(uri) >= 7 &&
	       !strncasecmp(
		   (const char *)ASN1_STRING_get0_data(uri), "pharos:", 7);
}

/* The one URI of ours among @names; NULL with @seen set to how many. */
static const ASN1_IA5STRING *only_uri(const GENERAL_NAMES *names, int *seen)
{
	const ASN1_IA5STRING *uri = NULL;

	*seen = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (!is_ours(name))
			continue;
		uri = name->d.uniformResourceIdentifier;
		++*seen;
	}
	return *seen == 1 ? uri : NULL;
}

static int parse_ia5(struct subject *out, const ASN1_IA5STRING *uri)
{
	char text[ROLE_URI_MOST];
	size_t n = (size_t)ASN1_STRING_length(uri);

	if (n >= sizeof(text) || memchr(ASN1_STRING_get0_data(uri), 0, n))
		return -EINVAL;
	memcpy(text, ASN1_STRING_get0_data(uri), n);
	text[n] = 0;
	return subject_parse(out, text);
}

int subject_of(struct subject *out, X509 *leaf, struct fault *fault)
{
	static const char hint[] = "issue the certificate with `pharos pki "
				   "issue`, which sets its role";
	GENERAL_NAMES *names;
	const ASN1_IA5STRING *uri;
	int seen, r;

	names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	ERR_clear_error();
	uri = only_uri(names, &seen);
	r = uri ? parse_ia5(out, uri) : -EINVAL;
	if (!uri)
		fault_set(fault, r, hint,
		    "expected one URI pharos://REALM/ROLE/NAME in the "
		    "certificate's alternative names, found %d",
		    seen);
	else if (r)
		fault_set(fault, r, hint,
		    "expected the form pharos://REALM/ROLE/NAME, got \"%.*s\"",
		    ASN1_STRING_length(uri),
		    (const char *)ASN1_STRING_get0_data(uri));
	GENERAL_NAMES_free(names);
	return r;
}

int realm_of(uint8_t out[REALM_SIZE], X509 *ca)
{
	return X509_digest(ca, EVP_sha256(), out, NULL) ? 0 : -ENOMEM;
}
