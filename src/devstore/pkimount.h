/* devstore/pkimount.h: one mount of the PKI engine: one CA whose key never
 * leaves it, roles, and certificates signed from requests.
 *
 * MOUNT/root/generate/internal, roles/NAME, sign/NAME, revoke, cert/SERIAL,
 * certs, issuers, issuer/default, tidy, and for whoever asks ca/pem, ca_chain,
 * crl/pem and cert/…
 */
#pragma once
#include "devstore/ask.h"

enum {
	PKIMOUNT_ROLES_MOST = 64,
	PKIMOUNT_CERTS_MOST = 1024, /* kept; those that have ended make room */
};

struct pkimount;
struct pkimount_options {
	int64_t most_s; /* no certificate lives longer (max_lease_ttl) */
	void (*random)(void *to, size_t n);
	struct keep_at at; /* where CA, roles and certificates are kept */
};
MUST_USE int pkimount_new(
    struct pkimount **out, const struct pkimount_options *o);
void pkimount_free(struct pkimount *m);
/** pkimount_restore() - the CA, a role or a certificate that was kept */
MUST_USE int pkimount_restore(
    struct pkimount *m, enum keep_kind kind, const struct keep_row *row);
/** pkimount_is_public() - may this be asked without a token? */
bool pkimount_is_public(const struct ask *a, size_t from);
/** pkimount_handle() - @from: the first segment below the mount
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int pkimount_handle(struct pkimount *m, struct ask *a, size_t from);
