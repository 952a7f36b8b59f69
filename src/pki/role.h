/* pki/role.h: who a certificate says its holder is: the URI SAN
 * `pharos://<realm>/<role>/<name>`, realm = info hash = SHA-256 of the CA's
 * DER.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include <openssl/types.h>

enum { REALM_SIZE = 32, ROLE_NAME_MOST = 64, ROLE_URI_MOST = 192 };

enum role { ROLE_NONE, ROLE_BRIDGE, ROLE_BROKER, ROLE_PIPE, ROLE_COUNT };
const char *role_text(enum role r);	/* "bridge" */
enum role role_parse(const char *text); /* ROLE_NONE if unknown */

struct subject {
	uint8_t realm[REALM_SIZE];
	enum role role;
	char name[ROLE_NAME_MOST + 1]; /* [a-z0-9.-], not empty */
};

/** role_name_ok() - can it be the name in a subject? */
bool role_name_ok(const char *name);

/** subject_parse() - from the URI; strict: lower-case hex, known role, nothing
 * after the name
 * Return: 0; -EINVAL. */
MUST_USE int subject_parse(struct subject *out, const char *uri);
/** subject_print() - the URI into @to of ROLE_URI_MOST bytes */
void subject_print(const struct subject *s, char *to);
/** subject_of() - from a certificate; exactly one pharos URI SAN
 * Return: 0; -EINVAL with @fault. */
MUST_USE int subject_of(struct subject *out, X509 *leaf, struct fault *fault);
/** realm_of() - SHA-256 of a CA certificate's DER: the info hash
 * Return: 0; -ENOMEM. */
MUST_USE int realm_of(uint8_t out[REALM_SIZE], X509 *ca);
