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
/** pkimount_new() - @most_s: no certificate lives longer (max_lease_ttl) */
MUST_USE int pkimount_new(
    struct pkimount **out, int64_t most_s, void (*random)(void *to, size_t n));
void pkimount_free(struct pkimount *m);
/** pkimount_is_public() - may this be asked without a token? */
bool pkimount_is_public(const struct ask *a, size_t from);
/** pkimount_handle() - @from: the first segment below the mount
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int pkimount_handle(struct pkimount *m, struct ask *a, size_t from);
